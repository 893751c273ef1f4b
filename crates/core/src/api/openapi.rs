//! An OpenAPI document, as far as people are shown it: its operations, each with what it takes and what it answers.
//!
//! Only what a page shows is read, and all of it together is bounded: the document is a host's, no schema in it has to make sense to us, and many places
//! may refer to the same long text.

mod unfit;

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
    /// Something stands in a place that has no place there, and a page would pass it over.
    #[error("cannot be shown whole: `{pointer}` {wanted}")]
    Unfit {
        /// Where, as a JSON pointer.
        pointer: String,
        /// What is to stand there.
        wanted: &'static str,
    },
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
    /// Refuses what is no document, and one in which something stands in a place of which a page would show less than its author wrote.
    ///
    /// # Errors
    /// [`OpenapiError`].
    pub fn check(text: &str) -> Result<(), OpenapiError> {
        let root = parsed(text)?;
        Self::of(&root)?;
        unfit::check(&root).map_err(|(pointer, wanted)| OpenapiError::Unfit { pointer, wanted })
    }

    /// Reads a document, and passes over what stands in the wrong place: one that is there is shown as far as it goes.
    ///
    /// # Errors
    /// [`OpenapiError`] where it is none, or more than is shown.
    pub fn read(text: &str) -> Result<Self, OpenapiError> {
        Self::of(&parsed(text)?)
    }

    fn of(root: &Value) -> Result<Self, OpenapiError> {
        if !root["openapi"].as_str().is_some_and(|it| it.starts_with("3.")) {
            return Err(OpenapiError::NotOpenapi);
        }
        let paths = root["paths"].as_object().ok_or(OpenapiError::NoPaths)?;
        let mut operations = Vec::new();
        let mut bytes = 0;
        let mut anchors = Anchors::default();
        for (path, item) in paths {
            let item = resolved(root, item);
            for method in METHODS {
                let Some(operation) = item.get(method).filter(|it| it.is_object()) else { continue };
                if operations.len() >= OPENAPI_OPERATIONS_MAX {
                    return Err(OpenapiError::TooMany);
                }
                let mut it = operation_of(root, path, item, method, operation);
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
    if text.len() > OPENAPI_BYTES_MAX {
        return Err(OpenapiError::TooLong);
    }
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
mod tests;
