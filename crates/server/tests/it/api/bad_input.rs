//! Bad input gets its problem, and never a fault of ours.

use serde_json::{Value, json};

use super::client::Answer;
use super::fixture::Fixture;

/// What every refusal has, whatever it refuses.
#[track_caller]
fn assert_problem(answer: &Answer) {
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    let problem = answer.json();
    for field in ["type", "title", "detail", "code", "fix", "request_id"] {
        assert!(problem[field].as_str().is_some_and(|it| !it.is_empty()), "{field} in {problem}");
    }
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
    for (name, value) in [("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
        assert_eq!(answer.header(name), value);
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_should_be_names_what_is_wrong() {
    let it = Fixture::start().await;
    let long = "é".repeat(81);
    let cases: [(&str, (u16, &str), &[&str]); 17] = [
        ("", (400, "invalid_body"), &[]),
        ("{", (400, "invalid_body"), &[]),
        ("{\"name\":\"a\"}}", (400, "invalid_body"), &[]),
        ("\u{feff}{}", (400, "invalid_body"), &[]),
        ("[]", (400, "invalid_body"), &[""]),
        ("null", (400, "invalid_body"), &[""]),
        ("{}", (400, "invalid_body"), &[""]),
        (r#"{"name":"a","naem":1}"#, (400, "invalid_body"), &["/naem"]),
        (r#"{"name":"a","name":"b"}"#, (400, "invalid_body"), &[""]),
        (r#"{"name":7}"#, (400, "invalid_body"), &["/name"]),
        (r#"{"name":null}"#, (400, "invalid_body"), &["/name"]),
        (r#"{"name":"a","scopes":"a:read"}"#, (400, "invalid_body"), &["/scopes"]),
        (r#"{"name":"a","reach":"everywhere"}"#, (400, "invalid_body"), &["/reach"]),
        (r#"{"name":"a","metadata":[]}"#, (400, "invalid_body"), &["/metadata"]),
        (
            r#"{"name":" ","role_id":"key_x","expires_at":"tomorrow"}"#,
            (400, "invalid_field"),
            &["/name", "/role_id", "/expires_at"],
        ),
        (
            r#"{"name":"a","scopes":["a"],"allowed_ips":[],"api":"A B"}"#,
            (400, "invalid_field"),
            &["/api", "/scopes", "/allowed_ips"],
        ),
        (r#"{"name":"a\u0000b","stored_in":"\r\n"}"#, (400, "invalid_field"), &["/name"]),
    ];
    for (body, (status, code), pointers) in cases {
        let request = it.admin.request("POST", &it.at("/keys")).header("content-type", "application/json");
        let answer = it.admin.send(request.body(body)).await;
        assert_problem(&answer);
        assert_eq!(
            (answer.refusal(), answer.pointers()),
            ((status, code.into()), pointers.iter().map(|it| (*it).to_owned()).collect()),
            "{body}"
        );
    }
    for name in [long.as_str(), "a\u{202E}b", "\u{200B}", "a\nb", "\u{2066}x"] {
        let answer = it.admin.post(&it.at("/keys"), json!({"name": name})).await;
        assert_problem(&answer);
        assert_eq!(
            (answer.code().as_str(), answer.pointers()),
            ("invalid_field", vec!["/name".to_owned()]),
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn a_field_that_is_not_the_callers_to_set_is_an_unknown_one() {
    let it = Fixture::start().await;
    for field in [
        "id",
        "organization_id",
        "origin",
        "personal",
        "version",
        "created_at",
        "created_by",
        "state",
        "digest",
        "secrets",
    ] {
        let mut body = json!({"name": "Mass assignment"});
        body[field] = json!("x");
        let answer = it.admin.post(&it.at("/keys"), body).await;
        assert_eq!(answer.refusal(), (400, "invalid_body".into()), "{field}");
        assert_eq!(answer.pointers(), [format!("/{field}")]);
    }
}

#[tokio::test]
async fn a_body_of_another_type_or_size_is_refused() {
    let it = Fixture::start().await;
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/xml", "", "application/jsonx", "json"]
    {
        let request = it.admin.request("POST", &it.at("/keys")).header("content-type", content_type);
        let answer = it.admin.send(request.body(r#"{"name":"a"}"#)).await;
        assert_eq!(answer.refusal(), (415, "unsupported_media_type".into()), "{content_type}");
    }
    for (n, content_type) in
        ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"].iter().enumerate()
    {
        let request = it.admin.request("POST", &it.at("/keys")).header("content-type", *content_type);
        it.admin.send(request.body(format!(r#"{{"name":"Typed {n}"}}"#))).await.expect(201);
    }
    let huge = format!(r#"{{"name":"{}"}}"#, "a".repeat(2 << 20));
    let request = it.admin.request("POST", &it.at("/keys")).header("content-type", "application/json");
    assert_eq!(it.admin.send(request.body(huge)).await.refusal(), (413, "body_too_large".into()));
    let nested = format!(r#"{{"name":"a","metadata":{}}}"#, r#"{"a":"#.repeat(10_000));
    let request = it.admin.request("POST", &it.at("/keys")).header("content-type", "application/json");
    assert_problem(&it.admin.send(request.body(nested)).await);
}

#[tokio::test]
async fn a_parameter_that_is_not_what_it_should_be_is_named() {
    let it = Fixture::start().await;
    let cases = [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=", "cursor"),
        ("cursor=garbage", "cursor"),
        ("cursor=%00%0d%0a", "cursor"),
        ("cursor=MQprZXlzOkNyZWF0ZWQKeA", "cursor"),
        ("cursor=MQp1c2VycwpBQUFB", "cursor"),
        ("state=asleep", "state"),
        ("sort=random()", "sort"),
        ("owner_id=usr_x", "owner_id"),
        ("role_id=%27%20OR%201=1", "role_id"),
        ("colour=red", "colour"),
        ("%00=1", ""),
    ];
    for (query, pointer) in cases {
        let answer = it.admin.get(&it.at(&format!("/keys?{query}"))).await;
        assert_problem(&answer);
        assert_eq!(
            (answer.refusal(), answer.pointers()),
            ((400, "invalid_field".into()), vec![pointer.to_owned()]),
            "{query}"
        );
    }
    for cursor in ["A".repeat(20_000), "_".repeat(2000)] {
        let answer = it.admin.get(&it.at(&format!("/keys?cursor={cursor}"))).await;
        assert!((400..500).contains(&answer.status), "{}", answer.status);
    }
}

/// Assurance S1, for what this API has: an identifier that is none, one that nobody has, and one that somebody else has, are answered by the same bytes.
#[tokio::test]
async fn what_belongs_to_others_is_answered_like_what_does_not_exist() {
    let it = Fixture::start().await;
    let (mine, theirs) = (it.create_organization("Mine").await, it.create_organization("Theirs").await);
    let make = async |organization: &str, what: &str, body: Value| {
        it.admin.post(&format!("/api/v1/organizations/{organization}{what}"), body).await.expect(201)
    };
    let admin_role = it.built_in_role("admin").await;
    let key = make(&mine, "/keys", json!({"name": "K", "role_id": admin_role})).await.text_at("/secret/token");
    let bearer = it.admin.with(&key);
    let their_key = make(&theirs, "/keys", json!({"name": "K"})).await.text_at("/key/id");
    let their_user = make(&theirs, "/users", json!({"name": "U"})).await.text_at("/id");
    let their_role = make(&theirs, "/roles", json!({"name": "R", "permissions": []})).await.text_at("/id");
    let body = json!({"user_id": their_user, "role_id": their_role});
    let their_member = make(&theirs, "/members", body).await.text_at("/id");
    // The same bits under the same prefix that nobody has: the last letter but one is turned.
    let unknown = |id: &str| {
        let turned = if id.as_bytes()[id.len() - 2] == b'a' { "b" } else { "a" };
        format!("{}{turned}{}", &id[..id.len() - 2], &id[id.len() - 1..])
    };
    let under = |organization: &str, rest: &str| format!("/api/v1/organizations/{organization}{rest}");
    let ask = async |method: &str, path: &str| {
        let mut request = bearer.request(method, path).header("x-request-id", "same");
        if method == "PATCH" {
            request = request.json(&json!({}));
        }
        let answer = bearer.send(request).await;
        // The time, and how many more requests the caller may send: every answer has another.
        let passing = |name: &str| ["date", "ratelimit"].contains(&name);
        let mut headers: Vec<_> =
            answer.headers.iter().filter(|(name, _)| !passing(name.as_str())).map(|it| format!("{it:?}")).collect();
        headers.sort();
        (answer.status, headers, answer.text)
    };
    let absent = ask("GET", &under(&unknown(&theirs), "")).await;
    assert_eq!(absent.0, 404);
    let mut same = vec![("GET", under(&theirs, "")), ("PATCH", under(&theirs, "")), ("GET", under("nonsense", ""))];
    for list in ["/keys", "/users", "/members", "/roles", "/organizations"] {
        same.push(("GET", under(&theirs, list)));
        same.push(("GET", under(&unknown(&theirs), list)));
    }
    for (kind, id) in [("keys", &their_key), ("users", &their_user), ("roles", &their_role), ("members", &their_member)]
    {
        for id in
            [id.clone(), unknown(id), id.to_uppercase(), "%00".into(), "..%2f".into(), "%ff".into(), "x".repeat(5000)]
        {
            same.push(("GET", under(&mine, &format!("/{kind}/{id}"))));
            same.push(("GET", under(&theirs, &format!("/{kind}/{id}"))));
            same.push(("PATCH", under(&mine, &format!("/{kind}/{id}"))));
        }
    }
    for action in ["activate", "deactivate", "rotate", "revoke"] {
        same.push(("POST", under(&mine, &format!("/keys/{their_key}/{action}"))));
        same.push(("POST", under(&theirs, &format!("/keys/{their_key}/{action}"))));
    }
    for (method, path) in same {
        assert_eq!(ask(method, &path).await, absent, "{method} {path}");
    }
    // The control: the same questions of the one who may ask them.
    it.admin.get(&under(&theirs, &format!("/keys/{their_key}"))).await.expect(200);
    bearer.get(&under(&mine, "/keys")).await.expect(200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let it = Fixture::start().await;
    for path in [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/me",
        "/api/v1/me/",
        "/api/v1/organisations",
        "/api/v1/%2e%2e/me",
    ] {
        let answer = it.admin.get(path).await;
        assert_problem(&answer);
        assert_eq!(answer.refusal(), (404, "not_found".into()), "{path}");
    }
    let answer = it.admin.send(it.admin.request("DELETE", "/api/v1/me")).await;
    assert_eq!(answer.refusal(), (405, "method_not_allowed".into()));
    assert_eq!(answer.header("allow"), "GET,HEAD");
    let answer = it.admin.send(it.admin.request("BREW", &it.at("/keys"))).await;
    assert_eq!(answer.refusal(), (405, "method_not_allowed".into()));
}

#[tokio::test]
async fn a_request_is_named_in_its_answer() {
    let it = Fixture::start().await;
    assert_eq!(
        it.admin.get_with("/api/v1/me", &[("x-request-id", "job-7.a_b")]).await.header("x-request-id"),
        "job-7.a_b"
    );
    for hostile in ["", "a b", "a\"b", "<x>", &"a".repeat(65)] {
        let answer = it.admin.get_with("/api/v1/me", &[("x-request-id", hostile)]).await.expect(200);
        let given = answer.header("x-request-id");
        assert!(given.len() == 32 && given.bytes().all(|it| it.is_ascii_hexdigit()), "{hostile:?}: {given}");
    }
}

#[tokio::test]
async fn headers_that_make_no_sense_are_refused() {
    let it = Fixture::start().await;
    for key in ["", "a b", &"a".repeat(256)] {
        let request = it.admin.request("POST", &it.at("/keys")).header("idempotency-key", key);
        let answer = it.admin.send(request.json(&json!({"name": "Never"}))).await;
        assert_eq!(
            (answer.refusal(), answer.pointers()),
            ((400, "invalid_field".into()), vec!["Idempotency-Key".to_owned()])
        );
    }
}

#[tokio::test]
async fn a_path_with_a_slash_too_many_is_answered_as_the_api_answers() {
    let it = Fixture::start().await;
    for path in ["//api/v1/me", "///api/v1/me", "//oauth/introspect", "//openapi.json"] {
        assert_eq!(it.admin.get(path).await.refusal(), (404, "not_found".to_owned()), "{path}");
    }
    assert!(it.admin.get("//settings").await.header("content-type").starts_with("text/html"));
}

// The host's identifiers name what need not be there yet: of one that cannot be one, nothing is missing.
#[tokio::test]
async fn an_external_id_that_cannot_be_one_is_named_as_the_fault() {
    let it = Fixture::start().await;
    for list in ["users", "organizations"] {
        for id in ["a%20b", "%C3%BC", &"x".repeat(129), "a%0Ab"] {
            let path = it.at(&format!("/{list}/by-external-id/{id}"));
            let answer = it.admin.send(it.admin.request("PUT", &path).json(&json!({"name": "A"}))).await;
            assert_problem(&answer);
            assert_eq!((answer.status, answer.pointers()), (400, vec!["external_id".to_owned()]), "{path}");
        }
        let elsewhere = format!("/api/v1/organizations/org_x/{list}/by-external-id/a%20b");
        let answer = it.admin.send(it.admin.request("PUT", &elsewhere).json(&json!({"name": "A"}))).await;
        assert_eq!(answer.refusal(), (404, "not_found".to_owned()));
    }
}

// What is misspelt is told in the document's words, and all of them.
#[tokio::test]
async fn a_parameter_is_refused_in_words_and_not_in_a_parsers() {
    let it = Fixture::start().await;
    for (query, said) in [
        ("limit=many", "must be a whole number from 1 to 100"),
        ("limit=", "must be a whole number from 1 to 100"),
        ("limit=99999999999", "must be a whole number from 1 to 100"),
        ("limit=101", "must be a whole number from 1 to 100, and is the number 101"),
        ("unused_days=-1", "must be a whole number from 1 to 3,650"),
        ("personal=maybe", "must be true or false"),
        ("direction=up", "must be `asc` or `desc`, and is the text \"up\""),
        (
            "sort=colour",
            "must be one of `created_at`, `name`, `expires_at`, `last_used_at`, `role`, `api`, `owner`, `mapped_user`, `state`, `origin`, and is the text \"colour\"",
        ),
    ] {
        let answer = it.admin.get(&it.at(&format!("/keys?{query}"))).await.expect(400);
        assert_eq!(answer.text_at("/errors/0/detail"), said, "{query}");
    }
    let unknown = it.admin.get(&it.at("/keys?colour=red")).await.expect(400).text_at("/errors/0/detail");
    assert!(
        unknown.starts_with("is no parameter here; there are `cursor`") && unknown.ends_with("`direction`"),
        "{unknown}"
    );
}

#[tokio::test]
async fn a_conflict_says_what_is_in_the_way() {
    let it = Fixture::start().await;
    let role = it.create_role("Sales", &["deals:read"]).await;
    let user_id = it.create_member("Ann", &role).await;
    let twice = it.admin.post(&it.at("/members"), json!({"user_id": user_id, "role_id": role})).await;
    assert_eq!(twice.refusal(), (409, "name_taken".to_owned()));
    assert!(twice.text_at("/detail").contains("change that membership"), "{twice:?}");
    let in_use = it.admin.send(it.admin.request("DELETE", &it.at(&format!("/roles/{role}")))).await;
    assert_eq!(in_use.refusal(), (409, "state_conflict".to_owned()));
    assert!(in_use.text_at("/detail").contains("give them another one first"), "{in_use:?}");
    let events = it.admin.get(&it.at("/events?entity_id=Ann")).await;
    assert_eq!((events.status, events.pointers()), (400, vec!["entity_id".to_owned()]));
    assert!(events.text_at("/errors/0/detail").contains("`usr_…`"), "{events:?}");
}
