//! An OpenAPI document, as far as people are shown it: its operations, each with what it takes and what it answers.
//!
//! Only what a page shows is read, and all of it together is bounded: the document is a host's, no schema in it has to make sense to us, and many places
//! may refer to the same long text.

mod schema;
mod unfit;

use std::collections::BTreeSet;

use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::anchor::Anchors;
use crate::limits::{OPENAPI_BYTES_MAX, OPENAPI_OPERATIONS_MAX};

pub use schema::{Body, Field};

use schema::Schemas;

/// The methods that OpenAPI knows, in the order in which operations of one path are shown.
const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];
/// Parameters of one operation that are shown, and answers.
const LINES_MAX: usize = 100;
/// Characters of a description that are shown.
const DESCRIPTION_CHARS_MAX: usize = 2000;
/// Characters of a name, a path or a summary that are shown.
const NAME_CHARS_MAX: usize = 300;
/// Bytes of a reference that is followed.
const REFERENCE_BYTES_MAX: usize = 1000;
/// Servers that are named.
const SERVERS_MAX: usize = 20;

/// What who has YAML is told to do.
pub const FROM_YAML: &str = "turn YAML into JSON first, for example by yq -o=json openapi.yaml > openapi.json";

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
    #[error("is not JSON: it goes wrong at line {line}, column {column}; {FROM_YAML}")]
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
    /// Where the api is called.
    pub servers: Vec<Server>,
    /// Its operations, by path.
    pub operations: Vec<Operation>,
}

/// Where an api is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Server {
    /// Its address; it may have places in braces, or be a part of one.
    pub url: String,
    /// What it is; may be empty.
    pub description: String,
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
    /// Its name among programs (`operationId`); may be empty.
    pub id: String,
    /// In a few words; the operation's name where it has none, and else method and path.
    pub summary: String,
    /// In more words; may be empty.
    pub description: String,
    /// Whether it is to be left.
    pub is_deprecated: bool,
    /// Where it is called, if elsewhere than the others.
    pub servers: Vec<Server>,
    /// What stands in path, query and headers.
    pub parameters: Vec<Parameter>,
    /// The bodies that it takes, to choose from; none where it takes none.
    pub bodies: Vec<Body>,
    /// What is said of the body; may be empty.
    pub body_description: String,
    /// Whether it cannot do without one.
    pub is_body_required: bool,
    /// Its answers.
    pub responses: Vec<Answer>,
}

/// What an operation answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its status, or several such as `4XX` and `default`.
    pub status: String,
    /// What it means.
    pub description: String,
    /// Its bodies.
    pub bodies: Vec<Body>,
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
        let mut schemas = Schemas::of(root);
        for (path, item) in paths {
            let item = resolved(root, item);
            for method in METHODS {
                let Some(operation) = item.get(method).filter(|it| it.is_object()) else { continue };
                if operations.len() >= OPENAPI_OPERATIONS_MAX {
                    return Err(OpenapiError::TooMany);
                }
                let mut it = operation_of(root, &mut schemas, path, item, method, operation);
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
        Ok(Self {
            title,
            description: words(&info["description"]),
            version,
            servers: servers(&root["servers"]),
            operations,
        })
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
    /// Of all its texts but those of bodies, which are counted where they are read.
    fn bytes(&self) -> usize {
        let parameter = |it: &Parameter| it.name.len() + it.place.len() + it.kind.len() + it.description.len();
        let server = |it: &Server| it.url.len() + it.description.len();
        let own = self.path.len() + self.id.len() + self.summary.len() + self.description.len();
        own + self.body_description.len()
            + self.servers.iter().map(server).sum::<usize>()
            + self.parameters.iter().map(parameter).sum::<usize>()
            + self.responses.iter().map(|it| it.status.len() + it.description.len()).sum::<usize>()
    }
}

fn operation_of<'a>(
    root: &'a Value,
    schemas: &mut Schemas<'a>,
    path: &str,
    item: &'a Value,
    method: &str,
    operation: &'a Value,
) -> Operation {
    let [summary, id] = ["summary", "operationId"].map(|it| name(&operation[it]));
    let (method, path) = (method.to_uppercase(), cut(path, NAME_CHARS_MAX));
    let named = [&summary, &id].into_iter().find(|it| !it.is_empty()).cloned();
    let summary = named.unwrap_or_else(|| format!("{method} {path}"));
    // What all operations of a path take stands beside them, and what one says itself comes before it.
    let own = operation["parameters"].as_array().into_iter().flatten();
    let shared = item["parameters"].as_array().into_iter().flatten();
    let mut seen = BTreeSet::new();
    // Of equal ones, too, only so many are looked at.
    let parameters = own.chain(shared).take(10 * LINES_MAX).map(|it| parameter_of(schemas, resolved(root, it)));
    let parameters = parameters.filter(|it| seen.insert((it.place.clone(), it.name.clone()))).take(LINES_MAX).collect();
    let body = resolved(root, &operation["requestBody"]);
    let bodies = schemas.bodies(&body["content"]);
    let response = |(status, it): (&String, &'a Value)| {
        let it = resolved(root, it);
        let bodies = schemas.bodies(&it["content"]);
        Answer { status: cut(status, NAME_CHARS_MAX), description: words(&it["description"]), bodies }
    };
    let responses = members(&operation["responses"]).take(LINES_MAX).map(response).collect();
    let own_servers = [&operation["servers"], &item["servers"]].into_iter().find(|it| it.is_array());
    Operation {
        anchor: String::new(),
        description: words(&operation["description"]),
        is_deprecated: operation["deprecated"].as_bool().unwrap_or(false),
        servers: own_servers.map(servers).unwrap_or_default(),
        body_description: words(&body["description"]),
        is_body_required: body["required"].as_bool().unwrap_or(false),
        responses,
        method,
        path,
        id,
        summary,
        parameters,
        bodies,
    }
}

fn servers(list: &Value) -> Vec<Server> {
    let server = |it: &Value| Server { url: name(&it["url"]), description: words(&it["description"]) };
    let all = list.as_array().into_iter().flatten().map(server);
    all.filter(|it| !it.url.is_empty()).take(SERVERS_MAX).collect()
}

fn parameter_of<'a>(schemas: &mut Schemas<'a>, it: &'a Value) -> Parameter {
    // What is too much for a line has a content instead of a schema, of one type.
    let of_content = || members(&it["content"]).next().map_or(&Value::Null, |(_, it)| &it["schema"]);
    let schema = if it["schema"].is_null() { of_content() } else { &it["schema"] };
    Parameter {
        name: name(&it["name"]),
        place: name(&it["in"]),
        kind: schemas.kind(schema),
        is_required: it["required"].as_bool().unwrap_or(false),
        description: words(&it["description"]),
    }
}

/// What stands at the place within the document that something refers to; no further, so that nothing can lead round in a circle.
fn resolved<'a>(root: &'a Value, it: &'a Value) -> &'a Value {
    let place = it["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
    let place = place.filter(|it| it.len() <= REFERENCE_BYTES_MAX);
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
