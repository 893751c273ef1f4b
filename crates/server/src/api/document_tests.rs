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
    const VERBS: [&str; 26] = [
        "erase",
        "refresh",
        "create",
        "list",
        "get",
        "update",
        "delete",
        "put",
        "activate",
        "deactivate",
        "rotate",
        "reveal",
        "revoke",
        "verify",
        "append",
        "preview",
        "move",
        "extend",
        "end",
        "cancel",
        "duplicate",
        "report",
        "introspect",
        "resend",
        "recover",
        "test",
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
        let is_others = ["/oauth/", "/.well-known/", "/api/auth/"].iter().any(|it| path.starts_with(it));
        assert!(path.starts_with("/api/v1/") || is_others, "{method} {path}");
    }
}

/// The operations that do not say what a caller needs for them, or say it in other words than this API's own permissions.
fn undeclared(operations: &[(String, String, Value)]) -> Vec<String> {
    let faulty = operations.iter().filter(|(_, _, operation)| {
        let all = operation["x-permissions"]["all"].as_array();
        let mut named = all.into_iter().flatten().chain(operation["x-permissions"].get("own"));
        let is_ours = named.all(|it| it.as_str().is_some_and(|it| it.starts_with("claviger/")));
        !is_ours || all.is_none_or(Vec::is_empty)
    });
    faulty.map(|(method, path, _)| format!("{method} {path}")).collect()
}

/// Who calls asks for no right; of the others the credential stands in the body, or none is needed.
const WITHOUT_PERMISSION: [&str; 7] = [
    "get /.well-known/oauth-authorization-server",
    "post /api/auth/bearer/refresh",
    "post /api/v1/auth/token",
    "get /api/v1/me",
    "get /oauth/jwks.json",
    "post /oauth/revoke",
    "post /oauth/token",
];

#[test]
fn every_operation_but_these_declares_its_permissions() {
    assert_eq!(undeclared(&operations()), WITHOUT_PERMISSION);
}

// The control: an operation that declares nothing, or nothing that a caller could hold here, is noticed.
#[test]
fn an_operation_without_a_permission_is_noticed() {
    let mut planted = operations();
    planted.retain(|(method, path, _)| !WITHOUT_PERMISSION.contains(&format!("{method} {path}").as_str()));
    assert_eq!(undeclared(&planted), [""; 0]);
    for (number, permissions) in [
        serde_json::json!(null),
        serde_json::json!({"all": []}),
        serde_json::json!({"all": ["keys:read"]}),
        serde_json::json!({"all": ["claviger/keys:read"], "own": "keys:read"}),
    ]
    .into_iter()
    .enumerate()
    {
        planted[number].2["x-permissions"] = permissions;
    }
    assert_eq!(undeclared(&planted).len(), 4);
}
