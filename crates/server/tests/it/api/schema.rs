//! Assurance S5: every answer that the tests of the API get is compared with the document, field by field. What the document does not name
//! must not be in an answer, whether the document forbids further fields or merely does not speak of them.

use std::sync::LazyLock;

use serde_json::{Map, Value};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&claviger::api::document_text()).unwrap());

/// Words that no field of an answer is named after, but for the one object in which a new secret is shown once.
const SECRETS: [&str; 7] = ["secret", "digest", "hash", "password", "token", "salt", "phc"];
const SHOWN: [&str; 5] = ["NewSecretView", "ShownHookView", "ShownSharedSecretView", "SignedInView", "TokenView"];
/// What is said about a secret to whoever gets one, and is none.
const NO_SECRETS: [&str; 2] = ["secret_note", "token_endpoint"];

/// The header that says which nodes know of a change.
const RECEIPT: &str = "claviger-receipt";

/// What is wrong with the receipt of an answer: a change that succeeded has one, and nothing else has.
pub(super) fn receipt_faults(method: &str, path: &str, status: u16, receipt: &str) -> Vec<String> {
    let Some(operation) = operation(method, path) else { return Vec::new() };
    let headers = operation["responses"][status.to_string()]["headers"].as_object();
    let documented = headers.is_some_and(|it| it.keys().any(|name| name.eq_ignore_ascii_case(RECEIPT)));
    if documented == receipt.is_empty() {
        return vec![format!("a receipt is {}, and there is `{receipt}`", if documented { "due" } else { "not due" })];
    }
    let told: Value = if documented { serde_json::from_str(receipt).unwrap() } else { return Vec::new() };
    let (seq, acked) = (told["seq"].as_u64(), told["nodes"]["acked"].as_u64());
    // Whoever answers knows of it.
    if 0 < seq.unwrap_or(0) && 0 < acked.unwrap_or(0) { Vec::new() } else { vec![format!("the receipt is {told}")] }
}

/// What is wrong with an answer; nothing where the document has no such operation.
pub(super) fn faults(method: &str, path: &str, status: u16, content_type: &str, text: &str) -> Vec<String> {
    let Some(operation) = operation(method, path) else { return Vec::new() };
    let responses = &operation["responses"];
    let response = [status.to_string(), format!("{}XX", status / 100), "default".to_owned()];
    let Some(response) = response.iter().map(|it| &responses[it]).find(|it| !it.is_null()) else {
        return vec![format!("{status} is not documented")];
    };
    let media = content_type.split(';').next().unwrap_or_default();
    let content = &resolved(response)["content"];
    if text.is_empty() {
        return if content.is_null() { Vec::new() } else { vec!["an answer without its body".to_owned()] };
    }
    if content[media].is_null() {
        return vec![format!("{status} as {media} is not documented")];
    }
    let Ok(value) = serde_json::from_str(text) else {
        return if media.ends_with("json") { vec!["not JSON".to_owned()] } else { Vec::new() };
    };
    let mut faults = Vec::new();
    compare(&content[media]["schema"], &value, "", &mut faults);
    faults
}

fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len() && template.iter().zip(&path).all(|(t, p)| t.starts_with('{') || t == p)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let (_, item) = paths.iter().find(|(template, _)| fits(template))?;
    item.get(method.to_lowercase())
}

fn resolved(schema: &Value) -> &Value {
    match schema["$ref"].as_str() {
        Some(reference) => resolved(DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap()),
        None => schema,
    }
}

/// Compares a value with a schema, of which it knows what the document uses.
fn compare(schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let is_shown_once =
        schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()).is_some_and(|it| SHOWN.contains(&it));
    let schema = resolved(schema);
    for combined in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[combined].as_array() {
            let tried = choices.iter().map(|choice| {
                let mut faults = Vec::new();
                compare(choice, value, at, &mut faults);
                faults
            });
            let best = tried.min_by_key(Vec::len).unwrap_or_default();
            faults.extend(best);
            return;
        }
    }
    if !is_of_type(&schema["type"], value) {
        faults.push(format!("{at} is {value}, and should be {}", schema["type"]));
        return;
    }
    if schema["enum"].as_array().is_some_and(|it| !it.contains(value)) {
        faults.push(format!("{at} is {value}, which is not on the list"));
    }
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, it)| compare(&schema["items"], it, &format!("{at}/{n}"), faults));
        }
        Value::Object(fields) => compare_object(schema, fields, at, is_shown_once, faults),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn compare_object(schema: &Value, fields: &Map<String, Value>, at: &str, shows: bool, faults: &mut Vec<String>) {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let parts = schema["allOf"].as_array().cloned().unwrap_or_default();
    for part in parts.iter().map(resolved).chain([schema]) {
        properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
        required.extend(part["required"].as_array().cloned().unwrap_or_default());
    }
    for name in required.iter().filter_map(Value::as_str).filter(|it| !fields.contains_key(*it)) {
        faults.push(format!("{at}/{name} is missing"));
    }
    for (name, value) in fields {
        let at = format!("{at}/{name}");
        match properties.get(name) {
            Some(schema) => {
                let names_a_secret = SECRETS.iter().any(|it| name.split('_').any(|word| word == *it));
                let names_a_secret = names_a_secret && !NO_SECRETS.contains(&name.as_str());
                if names_a_secret && !shows && !resolved(schema)["properties"].is_object() && value.is_string() {
                    faults.push(format!("{at} is named like a secret"));
                }
                compare(schema, value, &at, faults);
            }
            // A host's own data, said to be free.
            None if schema["additionalProperties"].is_object() => {
                compare(&schema["additionalProperties"], value, &at, faults);
            }
            // Said to be an object, and of what is left to the host.
            None if properties.is_empty() && parts.is_empty() => {}
            None => faults.push(format!("{at} is not documented")),
        }
    }
}

fn is_of_type(wanted: &Value, value: &Value) -> bool {
    let is = |wanted: &str| match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type of JSON"),
    };
    match wanted {
        Value::String(wanted) => is(wanted),
        Value::Array(any) => any.iter().filter_map(Value::as_str).any(is),
        // Whatever it is.
        _ => true,
    }
}

// The control: what an answer must not have, planted into one that is right.
#[tokio::test]
async fn what_an_answer_must_not_have_is_found() {
    let it = super::fixture::Fixture::start().await;
    let made = it.create_key(serde_json::json!({"name": "CI"})).await;
    let path = it.at(&format!("/keys/{}", made.id));
    let right = it.admin.get(&path).await.expect(200).json();
    let faults_of = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut value = right.clone();
        change(value.as_object_mut().unwrap());
        faults("GET", &path, 200, "application/json", &value.to_string())
    };
    assert_eq!(faults_of(&|_| {}), [""; 0]);
    assert_eq!(faults_of(&|it| drop(it.insert("digest".into(), "ab".into()))), ["/digest is not documented"]);
    assert_eq!(faults_of(&|it| drop(it.remove("name"))), ["/name is missing"]);
    assert_eq!(faults_of(&|it| drop(it.insert("reach".into(), "everywhere".into()))).len(), 1);
    assert_eq!(faults_of(&|it| drop(it.insert("version".into(), "1".into()))).len(), 1);
    let receipt = r#"{"epoch":1,"seq":17,"nodes":{"acked":1,"pending":[],"lost":[]}}"#;
    assert_eq!(receipt_faults("PATCH", &path, 200, receipt), [""; 0]);
    assert_eq!(receipt_faults("GET", &path, 200, ""), [""; 0]);
    assert_eq!(receipt_faults("PATCH", &path, 200, "").len(), 1);
    assert_eq!(receipt_faults("GET", &path, 200, receipt).len(), 1);
    assert_eq!(receipt_faults("POST", "/api/v1/verify", 200, receipt).len(), 1);
    assert_eq!(receipt_faults("PATCH", &path, 200, &receipt.replace("\"acked\":1", "\"acked\":0")).len(), 1);
    assert_eq!(faults("GET", &path, 218, "application/json", "{}"), ["218 is not documented"]);
    assert_eq!(faults("GET", &path, 200, "text/html", "<p>").len(), 1);
    let mut found = Vec::new();
    let schema = serde_json::json!({"type": "object", "properties": {"key_digest": {"type": "string"}}});
    compare(&schema, &serde_json::json!({"key_digest": "x"}), "", &mut found);
    assert_eq!(found, ["/key_digest is named like a secret"]);
}
