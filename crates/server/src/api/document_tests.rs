//! What the document promises as a whole.

use serde_json::Value;

use super::*;

fn operations() -> Vec<(String, String, Value)> {
    let document: Value = serde_json::from_str(&document_text()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").clone();
    let of = |(path, item): (String, Value)| {
        let methods = item.as_object().expect("a path item").clone();
        methods.into_iter().map(move |(method, operation)| (method, path.clone(), operation)).collect::<Vec<_>>()
    };
    paths.into_iter().flat_map(of).collect()
}

#[test]
fn every_operation_is_named_by_its_verb_and_says_everything() {
    const VERBS: [&str; 18] = [
        "create",
        "list",
        "get",
        "update",
        "delete",
        "put",
        "activate",
        "deactivate",
        "rotate",
        "revoke",
        "verify",
        "append",
        "preview",
        "move",
        "extend",
        "duplicate",
        "report",
        "introspect",
    ];
    for (method, path, operation) in operations() {
        let id = operation["operationId"].as_str().expect("an operation id");
        assert!(id.split('_').next().is_some_and(|verb| VERBS.contains(&verb)), "{id}");
        assert!(operation["summary"].is_string(), "{id} has no summary");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{id}");
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let shared =
                response["$ref"].as_str().is_some_and(|it| it == format!("#/components/responses/Problem{status}"));
            let described = response["description"].as_str().is_some_and(|it| !it.is_empty());
            assert!(shared || described, "{id} {status}");
        }
        let is_oauths = path.starts_with("/oauth/");
        assert!(path.starts_with("/api/v1/") || is_oauths, "{method} {path}");
    }
}

#[test]
fn every_operation_but_me_declares_its_permissions() {
    for (_, path, operation) in operations() {
        let permissions = operation["x-permissions"]["all"].as_array();
        match path.as_str() {
            "/api/v1/me" => assert_eq!(permissions, None),
            _ => assert!(permissions.is_some_and(|it| !it.is_empty()), "{path}"),
        }
        for permission in permissions.into_iter().flatten().chain(operation["x-permissions"].get("own")) {
            assert!(permission.as_str().is_some_and(|it| it.starts_with("claviger/")), "{path}: {permission}");
        }
    }
}
