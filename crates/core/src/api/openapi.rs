//! An OpenAPI document, as far as people are shown it: its operations, each with what it takes and what it answers.
//!
//! Only what a page shows is read, and all of it together is bounded: the document is a host's, no schema in it has to make sense to us, and many places
//! may refer to the same long text.

use std::collections::BTreeSet;

use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::anchor::Anchors;
use crate::limits::{OPENAPI_BYTES_MAX, OPENAPI_OPERATIONS_MAX};

/// The methods that OpenAPI knows, in the order in which operations of one path are shown.
const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];
/// Parameters of one operation that are shown, and answers.
const LINES_MAX: usize = 100;
/// Characters of a description that are shown.
const DESCRIPTION_CHARS_MAX: usize = 2000;
/// Characters of a name, a path or a summary that are shown.
const NAME_CHARS_MAX: usize = 300;

/// The text is no document that can be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenapiError {
    /// It has too many bytes.
    #[error("has more than {OPENAPI_BYTES_MAX} bytes")]
    TooLong,
    /// It is no JSON.
    #[error("is not JSON: it goes wrong at line {line}, column {column}")]
    NotJson {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
    /// It does not begin as JSON.
    #[error("is not JSON: it goes wrong at line {line}, column {column}; turn YAML into JSON first")]
    NotBegun {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
    /// It is JSON as far as it goes.
    #[error("is not whole: it breaks off at line {line}, column {column}")]
    BreaksOff {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
    /// Too many objects and lists stand within each other.
    #[error(
        "is nested too deep: at line {line}, column {column} it has more than 127 objects and lists within each other"
    )]
    TooDeep {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
    /// It does not say of which version of OpenAPI it is.
    #[error("is no OpenAPI document: `openapi` has to be a version that begins with `3.`")]
    NotOpenapi,
    /// It has no paths.
    #[error("has no object `paths`")]
    NoPaths,
    /// It has too many operations.
    #[error("has more than {OPENAPI_OPERATIONS_MAX} operations")]
    TooMany,
    /// What it would show has too many bytes, since many places refer to the same text.
    #[error("says more than {OPENAPI_BYTES_MAX} bytes of its operations where each reference is followed")]
    TooMuch,
}

/// What is shown of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// What the document calls the api.
    pub title: String,
    /// What it says of it.
    pub description: String,
    /// Which version of the api it says that it describes; may be empty.
    pub version: String,
    /// Its operations, by path.
    pub operations: Vec<Operation>,
}

/// An operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operation {
    /// What links lead to: lower-case letters, digits and hyphens, unique in the document.
    pub anchor: String,
    /// In upper case.
    pub method: String,
    /// With its places in braces.
    pub path: String,
    /// In a few words; the operation's name where it has none, and else method and path.
    pub summary: String,
    /// In more words; may be empty.
    pub description: String,
    /// Whether it is to be left.
    pub is_deprecated: bool,
    /// What stands in path, query and headers.
    pub parameters: Vec<Parameter>,
    /// The types of body that it takes; none where it takes none.
    pub bodies: Vec<String>,
    /// Its answers: status, and what it means.
    pub responses: Vec<(String, String)>,
}

/// What an operation takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Where it stands: `path`, `query`, `header` or `cookie`.
    pub place: String,
    /// The type of its value; empty where the document does not say.
    pub kind: String,
    /// Whether it has to be there.
    pub is_required: bool,
    /// What it is for; may be empty.
    pub description: String,
}

impl Reference {
    /// Reads a document.
    ///
    /// # Errors
    /// [`OpenapiError`] where it is none, or more than is shown.
    pub fn read(text: &str) -> Result<Self, OpenapiError> {
        if text.len() > OPENAPI_BYTES_MAX {
            return Err(OpenapiError::TooLong);
        }
        let root = parsed(text)?;
        if !root["openapi"].as_str().is_some_and(|it| it.starts_with("3.")) {
            return Err(OpenapiError::NotOpenapi);
        }
        let paths = root["paths"].as_object().ok_or(OpenapiError::NoPaths)?;
        let mut operations = Vec::new();
        let mut bytes = 0;
        let mut anchors = Anchors::default();
        for (path, item) in paths {
            let item = resolved(&root, item);
            for method in METHODS {
                let Some(operation) = item.get(method).filter(|it| it.is_object()) else { continue };
                if operations.len() >= OPENAPI_OPERATIONS_MAX {
                    return Err(OpenapiError::TooMany);
                }
                let mut it = operation_of(&root, path, item, method, operation);
                bytes += it.bytes();
                if bytes > OPENAPI_BYTES_MAX {
                    return Err(OpenapiError::TooMuch);
                }
                it.anchor = anchors.of(&format!("{method} {}", it.path));
                operations.push(it);
            }
        }
        let info = &root["info"];
        let [title, version] = ["title", "version"].map(|it| name(&info[it]));
        Ok(Self { title, description: words(&info["description"]), version, operations })
    }
}

fn parsed(text: &str) -> Result<Value, OpenapiError> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            _ if !text.trim_start().starts_with(['{', '[']) => OpenapiError::NotBegun { line, column },
            Category::Eof => OpenapiError::BreaksOff { line, column },
            // It has no kind of its own.
            _ if error.to_string().starts_with("recursion limit exceeded") => OpenapiError::TooDeep { line, column },
            _ => OpenapiError::NotJson { line, column },
        }
    })
}

impl Operation {
    /// Of all its texts.
    fn bytes(&self) -> usize {
        let parameter = |it: &Parameter| it.name.len() + it.place.len() + it.kind.len() + it.description.len();
        let own = self.path.len() + self.summary.len() + self.description.len();
        own + self.parameters.iter().map(parameter).sum::<usize>()
            + self.bodies.iter().map(String::len).sum::<usize>()
            + self.responses.iter().map(|it| it.0.len() + it.1.len()).sum::<usize>()
    }
}

fn operation_of(root: &Value, path: &str, item: &Value, method: &str, operation: &Value) -> Operation {
    let [summary, id] = ["summary", "operationId"].map(|it| name(&operation[it]));
    let (method, path) = (method.to_uppercase(), cut(path, NAME_CHARS_MAX));
    let summary = [summary, id].into_iter().find(|it| !it.is_empty()).unwrap_or_else(|| format!("{method} {path}"));
    // What all operations of a path take stands beside them, and what one says itself comes before it.
    let own = operation["parameters"].as_array().into_iter().flatten();
    let shared = item["parameters"].as_array().into_iter().flatten();
    let mut seen = BTreeSet::new();
    let parameters = own.chain(shared).map(|it| parameter_of(resolved(root, it)));
    let parameters = parameters.filter(|it| seen.insert((it.place.clone(), it.name.clone()))).take(LINES_MAX).collect();
    let body = resolved(root, &operation["requestBody"]);
    let bodies = members(&body["content"]).take(LINES_MAX).map(|(kind, _)| cut(kind, NAME_CHARS_MAX)).collect();
    let response =
        |(status, it): (&String, &Value)| (cut(status, NAME_CHARS_MAX), words(&resolved(root, it)["description"]));
    Operation {
        anchor: String::new(),
        description: words(&operation["description"]),
        is_deprecated: operation["deprecated"].as_bool().unwrap_or(false),
        responses: members(&operation["responses"]).take(LINES_MAX).map(response).collect(),
        method,
        path,
        summary,
        parameters,
        bodies,
    }
}

fn parameter_of(it: &Value) -> Parameter {
    let kind = match &it["schema"]["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).take(LINES_MAX).collect::<Vec<_>>().join(" or "),
        kind => name(kind),
    };
    Parameter {
        name: name(&it["name"]),
        place: name(&it["in"]),
        kind: cut(&kind, NAME_CHARS_MAX),
        is_required: it["required"].as_bool().unwrap_or(false),
        description: words(&it["description"]),
    }
}

/// What stands at the place within the document that something refers to; no further, so that nothing can lead round in a circle.
fn resolved<'a>(root: &'a Value, it: &'a Value) -> &'a Value {
    let place = it["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
    place.and_then(|it| root.pointer(it)).unwrap_or(it)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn name(value: &Value) -> String {
    cut(value.as_str().unwrap_or_default(), NAME_CHARS_MAX)
}

fn words(value: &Value) -> String {
    cut(value.as_str().unwrap_or_default(), DESCRIPTION_CHARS_MAX)
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r##"{
        "openapi": "3.1.0", "info": {"title": "Contacts", "description": "People.", "version": "2.4"},
        "paths": {
            "/contacts/{id}": {
                "parameters": [{"$ref": "#/components/parameters/id"}],
                "get": {"operationId": "get_contact", "responses": {"200": {"description": "The contact."},
                        "404": {"$ref": "#/components/responses/missing"}}},
                "patch": {"summary": "Change a contact", "deprecated": true,
                          "parameters": [{"name": "dry", "in": "query", "schema": {"type": ["boolean", "null"]}}],
                          "requestBody": {"content": {"application/json": {}}}, "responses": {}}
            },
            "/contacts-{id}": {"get": {}}
        },
        "components": {
            "parameters": {"id": {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}},
            "responses": {"missing": {"description": "There is none."}}
        }
    }"##;

    #[test]
    fn operations_are_read_with_what_they_take_and_answer() {
        let read = Reference::read(DOCUMENT).expect("a document");
        assert_eq!(
            (read.title.as_str(), read.description.as_str(), read.version.as_str()),
            ("Contacts", "People.", "2.4")
        );
        let summaries: Vec<_> = read.operations.iter().map(|it| it.summary.as_str()).collect();
        assert_eq!(summaries, ["GET /contacts-{id}", "get_contact", "Change a contact"]);
        let anchors: Vec<_> = read.operations.iter().map(|it| it.anchor.as_str()).collect();
        assert_eq!(anchors, ["get-contacts-id", "get-contacts-id-2", "patch-contacts-id"]);
        let [_, get, patch] = read.operations.as_slice() else { panic!("{read:?}") };
        assert_eq!(get.responses, [("200".into(), "The contact.".into()), ("404".into(), "There is none.".into())]);
        assert_eq!((get.parameters[0].name.as_str(), get.parameters[0].is_required), ("id", true));
        assert_eq!((patch.parameters[0].kind.as_str(), patch.parameters.len()), ("boolean or null", 2));
        assert_eq!((patch.bodies.as_slice(), patch.is_deprecated), (["application/json".to_owned()].as_slice(), true));
    }

    #[test]
    fn what_is_no_document_is_refused_with_what_is_missing() {
        for (text, error) in [
            ("openapi: 3.1.0", OpenapiError::NotBegun { line: 1, column: 1 }),
            ("{\"openapi\": \"3.1.0\",\n paths}", OpenapiError::NotJson { line: 2, column: 2 }),
            ("{\"openapi\": \"3.1.0\",\n", OpenapiError::BreaksOff { line: 2, column: 0 }),
            ("[]", OpenapiError::NotOpenapi),
            (r#"{"swagger": "2.0", "paths": {}}"#, OpenapiError::NotOpenapi),
            (r#"{"openapi": "3.1.0"}"#, OpenapiError::NoPaths),
            (r#"{"openapi": "3.1.0", "paths": []}"#, OpenapiError::NoPaths),
        ] {
            assert_eq!(Reference::read(text), Err(error), "{text}");
        }
        assert_eq!(Reference::read(&" ".repeat(OPENAPI_BYTES_MAX + 1)), Err(OpenapiError::TooLong));
        let paths: Map<_, _> =
            (0..=OPENAPI_OPERATIONS_MAX).map(|it| (format!("/{it}"), serde_json::json!({"get": {}}))).collect();
        let many = serde_json::json!({"openapi": "3.0.0", "paths": paths}).to_string();
        assert_eq!(Reference::read(&many), Err(OpenapiError::TooMany));
    }

    #[test]
    fn what_is_nested_too_deep_is_called_that() {
        let of = |levels: usize| {
            let deep = "[".repeat(levels - 1) + &"]".repeat(levels - 1);
            format!(r#"{{"openapi": "3.1.0", "paths": {{}}, "x": {deep}}}"#)
        };
        assert!(Reference::read(&of(127)).is_ok());
        let refused = Reference::read(&of(128)).expect_err("one level more");
        assert!(matches!(refused, OpenapiError::TooDeep { line: 1, .. }), "{refused:?}");
        assert!(refused.to_string().contains("nested too deep") && !refused.to_string().contains("YAML"));
    }

    #[test]
    fn a_text_that_many_places_refer_to_is_counted_in_each_of_them() {
        let answers: Map<_, _> =
            (100..200).map(|it| (it.to_string(), serde_json::json!({"$ref": "#/components/responses/long"}))).collect();
        let item = serde_json::json!({"get": {"responses": answers}});
        let long = "x".repeat(DESCRIPTION_CHARS_MAX);
        let document = |paths: usize| {
            let paths: Map<_, _> =
                (0..paths).map(|it| (format!("/{it}"), serde_json::json!({"$ref": "#/components/item"}))).collect();
            let components = serde_json::json!({"item": item, "responses": {"long": {"description": long}}});
            serde_json::json!({"openapi": "3.1.0", "paths": paths, "components": components}).to_string()
        };
        assert!(document(100).len() < 30_000);
        assert_eq!(Reference::read(&document(100)), Err(OpenapiError::TooMuch));
        assert!(Reference::read(&document(5)).is_ok());
    }

    // A document of a host's may say anything anywhere.
    #[test]
    fn what_stands_in_the_wrong_place_is_passed_over() {
        let odd = r##"{"openapi": "3.0.0", "info": [], "paths": {"": {"get": {"parameters": [7, {"$ref": 9}, {"$ref": "#/x"}],
                     "responses": [], "summary": {}, "requestBody": {"$ref": "#/paths"}}, "post": 3, "put": null}, "/a": "x"}}"##;
        let read = Reference::read(odd).expect("a document");
        assert_eq!(read.operations.len(), 1);
        let long =
            format!(r#"{{"openapi": "3.0.0", "paths": {{"/a": {{"get": {{"summary": "{}"}}}}}}}}"#, "ü".repeat(5000));
        let read = Reference::read(&long).expect("a document");
        assert_eq!(read.operations[0].summary.chars().count(), NAME_CHARS_MAX + 1);
    }
}
