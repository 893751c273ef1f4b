//! Every refusal, as it goes over the wire.

use super::*;

/// Status, headers that a refusal sets, and body, of every code there is.
async fn answered(code: RejectCode) -> String {
    let reject = match code {
        RejectCode::Decision(code) => Reject::from(code),
        RejectCode::InvalidField => Reject::field("/name", "must not be empty"),
        RejectCode::TooManyTries => Reject::until_later(code, "What happened.", 15),
        code => Reject::new(code, "What happened."),
    };
    let mut response = Problem::from(reject).into_response();
    let problem = response.extensions_mut().remove::<Problem>().expect("the response carries its problem");
    problem.write(&mut response, "r-1");
    let status = response.status();
    let headers: Vec<_> = [header::CONTENT_TYPE, header::WWW_AUTHENTICATE, header::RETRY_AFTER]
        .into_iter()
        .filter_map(|name| response.headers().get(&name).map(|value| format!("{name}: {}", value.to_str().unwrap())))
        .collect();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    format!("{}\n{}\n{}\n", status.as_u16(), headers.join("\n"), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn every_refusal_has_its_status_and_body() {
    let mut all = Vec::new();
    for code in RejectCode::OWN.into_iter().chain(Code::ALL.map(RejectCode::Decision)) {
        all.push(answered(code).await);
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[tokio::test]
async fn nobody_learns_whether_an_unknown_key_was_well_formed() {
    let unknown = answered(RejectCode::Decision(Code::NotFound)).await;
    assert_eq!(answered(RejectCode::Decision(Code::Malformed)).await, unknown);
}

#[test]
fn codes_of_the_document_are_all_that_is_answered() {
    let documented: Vec<_> = ProblemCode::all().into_iter().map(RejectCode::as_str).collect();
    for code in Code::ALL {
        assert!(documented.contains(&Problem::from(Reject::from(code)).code), "{code:?}");
    }
    let mut distinct = documented.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), documented.len());
}
