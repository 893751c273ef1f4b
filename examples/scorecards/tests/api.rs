//! The host API asked as nginx asks it: with the headers that Claviger's answer carried.

#![cfg(test)]

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

async fn ask(router: &axum::Router, request: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, Value) {
    let (method, path) = request.split_once(' ').unwrap();
    let mut builder = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let request = builder.body(Body::from(body.to_owned())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect()
}

const KEY: (&str, &str) = ("X-Claviger-Key", "key_1");
const ORG: (&str, &str) = ("X-Claviger-Organization", "org_1");

#[tokio::test]
async fn a_list_shows_only_the_elements_the_gateway_names() {
    let router = scorecards::router(None);
    for (elements, shown) in [("A", vec!["A"]), ("C, A", vec!["A", "C"]), ("*", vec!["A", "B", "C"]), ("Z", vec![])] {
        let headers = [KEY, ORG, ("X-Claviger-Elements", elements)];
        let (status, list) = ask(&router, "GET /scorecards", &headers, "").await;
        assert_eq!((status, ids(&list)), (StatusCode::OK, shown));
    }
    let (_, list) = ask(&router, "GET /scorecards", &[KEY, ORG], "").await;
    assert!(ids(&list).is_empty(), "no header grants nothing");
    let headers = [KEY, ORG, ("X-Claviger-Elements", "A"), ("X-Claviger-Elements", "*")];
    let (_, list) = ask(&router, "GET /scorecards", &headers, "").await;
    assert!(ids(&list).is_empty(), "a second header of that name grants nothing");
}

#[tokio::test]
async fn a_change_bears_the_mapped_users_name() {
    let router = scorecards::router(None);
    let named =
        [KEY, ORG, ("X-Claviger-Mapped-User", "usr_1"), ("X-Claviger-Mapped-User-External-Id", "m@example.com")];
    let (status, card) = ask(&router, "PUT /scorecards/A", &named, r#"{"score": 7}"#).await;
    assert_eq!((status, &card["updated_by"], &card["score"]), (StatusCode::OK, &json!("m@example.com"), &json!(7)));
    let (_, card) = ask(&router, "PUT /scorecards/A", &named[..3], r#"{"score": 8}"#).await;
    assert_eq!(card["updated_by"], "usr_1");
    let (_, card) = ask(&router, "PUT /scorecards/A", &named[..2], r#"{"score": 9}"#).await;
    assert_eq!(card["updated_by"], "key_1");
    let (_, card) = ask(&router, "GET /scorecards/A", &[KEY, ORG], "").await;
    assert_eq!(card["score"], 9);
    let (_, other) = ask(&router, "GET /scorecards/A", &[KEY, ("X-Claviger-Organization", "org_2")], "").await;
    assert_eq!(other["score"], 82, "another organization's scorecard is another scorecard");
}

#[tokio::test]
async fn bad_input_gets_a_problem_document() {
    let router = scorecards::router(None);
    for body in ["", "{", r#"{"score": 101}"#, r#"{"score": -1}"#, r#"{"score": 1, "name": "x"}"#] {
        let (status, problem) = ask(&router, "PUT /scorecards/A", &[KEY, ORG], body).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_body")), "{body}");
    }
    for path in ["/scorecards/Z", "/", "/scorecards/A/B"] {
        let (status, problem) = ask(&router, &format!("GET {path}"), &[KEY, ORG], "").await;
        assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("not_found")), "{path}");
    }
    let (status, _) = ask(&router, "DELETE /scorecards/A", &[KEY, ORG], "").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_request_that_did_not_pass_the_gateway_is_refused() {
    let router = scorecards::router(None);
    for headers in [&[][..], &[KEY], &[ORG], &[KEY, ORG, KEY]] {
        let (status, problem) = ask(&router, "GET /scorecards/A", headers, "").await;
        assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("not_through_the_gateway")));
    }
}
