//! The question whether keys are good, about many at once.

use serde_json::{Value, json};

use super::fixture::Fixture;

const BATCH: &str = "/api/v1/verify/batch";

fn without_age(mut answer: Value) -> Value {
    let fields = answer.as_object_mut().unwrap();
    fields.retain(|name, _| name != "as_of" && name != "stale_ms");
    answer
}

#[tokio::test]
async fn each_key_of_a_batch_is_answered_in_its_place_as_if_it_were_asked_about_alone() {
    let it = Fixture::start().await;
    let reader = it.create_key(json!({"name": "Reader", "scopes": ["contacts:read"]})).await;
    let gone = it.create_key(json!({"name": "Gone"})).await;
    it.revoke(&gone.id).await;
    let asked = [
        json!({"key": reader.token, "permissions": ["contacts:read"]}),
        json!({"key": "nobody-has-this-one"}),
        json!({"access_key": reader.access_key, "secret_key": reader.secret_key, "permissions": ["contacts:update"]}),
        json!({"key": gone.token, "explain": true}),
        json!({"key": "x".repeat(5000)}),
        json!({"key": reader.token, "organization": "no-such-place"}),
    ];
    let answers = it.admin.post(BATCH, json!({"requests": asked})).await.expect(200).json();
    let answers = answers["answers"].as_array().unwrap().clone();
    let codes: Vec<_> = answers.iter().map(|it| it["code"].as_str()).collect();
    let expected = [None, Some("not_found"), Some("insufficient_permission"), Some("revoked"), Some("malformed")];
    assert_eq!(codes, [&expected[..], &[Some("out_of_reach")]].concat());
    for (asked, answer) in asked.into_iter().zip(answers) {
        assert_eq!(without_age(it.verify(asked).await), without_age(answer));
    }
    let nothing = it.admin.post(BATCH, json!({"requests": []})).await.expect(200).json();
    assert_eq!(nothing, json!({"answers": []}));
}

#[tokio::test]
async fn a_request_of_a_batch_that_is_not_understood_is_named_and_the_others_are_answered() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Good"})).await;
    let asked = json!([
        {"key": made.token},
        {"key": made.token, "ip": "nowhere"},
        {"secret_key": "x", "permissions": ["*:read"]},
        {"key": made.token, "permissions": ["contacts:read", "no permission"]},
        {"key": made.token},
    ]);
    let answers = it.admin.post(BATCH, json!({"requests": asked})).await.expect(200).json()["answers"].clone();
    let allowed: Vec<_> = answers.as_array().unwrap().iter().map(|it| it["allowed"].as_bool().unwrap()).collect();
    assert_eq!(allowed, [true, false, false, false, true]);
    let faults = |place: usize| {
        let errors = answers[place]["errors"].as_array().unwrap().iter();
        errors.map(|it| it["pointer"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(faults(1), ["/requests/1/ip"]);
    assert_eq!(faults(2), ["/requests/2/access_key"]);
    assert_eq!(faults(3), ["/requests/3/permissions/1"]);
    assert_eq!((&answers[1]["code"], &answers[1]["key"]), (&Value::Null, &Value::Null), "nothing was decided");
    assert!(answers[0].get("errors").is_none());
}

#[tokio::test]
async fn a_batch_of_another_shape_is_refused_whole_and_says_where() {
    let it = Fixture::start().await;
    let refused = async |body: Value| {
        let answer = it.admin.post(BATCH, body).await;
        (answer.refusal(), answer.pointers())
    };
    let at = |status, code: &str, pointer: &str| ((status, code.to_owned()), vec![pointer.to_owned()]);
    let unknown = json!({"requests": [{"key": "a"}, {"kye": "b"}]});
    assert_eq!(refused(unknown).await, at(400, "invalid_body", "/requests/1/kye"));
    assert_eq!(refused(json!({"requests": [{"key": "a"}, "b"]})).await, at(400, "invalid_body", "/requests/1"));
    assert_eq!(refused(json!({})).await, at(400, "invalid_body", ""));
    let many = vec![json!({"key": "a"}); 1001];
    assert_eq!(refused(json!({"requests": many})).await, at(400, "invalid_field", "/requests"));
    let most = vec![json!({"key": "a"}); 1000];
    let answers = it.admin.post(BATCH, json!({"requests": most})).await.expect(200).json();
    assert_eq!(answers["answers"].as_array().unwrap().len(), 1000);
}

#[tokio::test]
async fn each_key_of_a_batch_counts_as_used() {
    let it = Fixture::start().await;
    let (one, two) = (it.create_key(json!({"name": "One"})).await, it.create_key(json!({"name": "Two"})).await);
    let asked = json!([{"key": one.token, "ip": "192.0.2.7"}, {"key": two.token, "explain": true}]);
    it.admin.post(BATCH, json!({"requests": asked})).await.expect(200);
    it.flush_uses().await;
    let last_use =
        async |id: &str| it.admin.get(&it.at(&format!("/keys/{id}"))).await.expect(200).json()["last_use"].clone();
    assert_eq!(last_use(&one.id).await["ip"], "192.0.2.7");
    assert_eq!(last_use(&two.id).await, Value::Null, "an explanation counts none");
}

// Browsers say where they are from and go through the router; programs go past it. Both are answered alike.
#[tokio::test]
async fn a_batch_tells_nothing_of_keys_out_of_the_callers_reach() {
    let it = Fixture::start().await;
    let (mine, theirs) = (it.create_organization("Mine").await, it.create_organization("Theirs").await);
    let key = async |at: &str, name: &str| {
        let body = json!({"name": name, "owner_id": null});
        it.admin.post(&format!("/api/v1/organizations/{at}/keys"), body).await.expect(201).text_at("/secret/token")
    };
    let (caller, own, foreign) = (key(&mine, "A").await, key(&mine, "B").await, key(&theirs, "C").await);
    let asked = json!({"requests": [{"key": own}, {"key": foreign}, {"key": own}, {"key": "nobody-has-this-one"}]});
    for headers in [&[][..], &[("sec-fetch-site", "same-origin")]] {
        let caller = it.admin.with(&caller);
        let request = headers.iter().fold(caller.request("POST", BATCH), |it, (name, value)| it.header(*name, *value));
        let answers = caller.send(request.json(&asked)).await.expect(200).json()["answers"].clone();
        let codes: Vec<_> = answers.as_array().unwrap().iter().map(|it| it["code"].clone()).collect();
        assert_eq!(codes, [json!(null), json!("not_found"), json!(null), json!("not_found")]);
        assert_eq!(without_age(answers[1].clone()), without_age(answers[3].clone()));
    }
}
