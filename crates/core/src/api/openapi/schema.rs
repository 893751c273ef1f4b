//! Schemas as tables have them: each field in a line of its own, those within others by their way there, such as `owner.email` and `tags[].name`.
//!
//! A schema may refer to itself and to others that do, and a short one can stand for very many fields: how deep it is followed, how many lines one has,
//! and how much all of them take together is bounded. What is left out is said to be.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{LINES_MAX, NAME_CHARS_MAX, cut, members, name, resolved, words};
use crate::limits::OPENAPI_BYTES_MAX;

/// Levels of fields within fields that are shown.
const LEVELS_MAX: usize = 3;
/// Steps from a schema to one that it is made of, one after the other.
const STEPS_MAX: usize = 10;
/// Schemas that are looked at for one document.
const VISITS_MAX: usize = 100_000;
/// Bytes that a line counts for besides its texts, since that is what it takes as a row of a table.
const LINE_BYTES: usize = 48;
/// Names of required fields that are looked at in one schema.
const REQUIRED_MAX: usize = 1000;
/// Values of an enumeration that are named, and schemas to choose from.
const CHOICES_MAX: usize = 20;

/// A body that an operation takes or answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// Its media type.
    pub media_type: String,
    /// The type of what it holds; empty where the document does not say.
    pub kind: String,
    /// Its fields, those within others behind them.
    pub fields: Vec<Field>,
    /// Whether it has more of them than these.
    pub is_cut: bool,
}

/// A field of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// Its name, behind those that it stands in.
    pub name: String,
    /// The type of its value; empty where the document does not say.
    pub kind: String,
    /// Whether it has to be there.
    pub is_required: bool,
    /// What it is; may be empty.
    pub description: String,
}

/// What reads the schemas of one document, and counts what it has read.
#[derive(Debug)]
pub(super) struct Schemas<'a> {
    root: &'a Value,
    visits: usize,
    bytes: usize,
}

impl<'a> Schemas<'a> {
    pub(super) fn of(root: &'a Value) -> Self {
        Self { root, visits: 0, bytes: 0 }
    }

    /// The bodies of a request or an answer; none where the document has been shown enough of.
    pub(super) fn bodies(&mut self, content: &'a Value) -> Vec<Body> {
        let mut bodies = Vec::new();
        for (media_type, it) in members(content).take(LINES_MAX) {
            let mut body = Body { media_type: cut(media_type, NAME_CHARS_MAX), ..Body::default() };
            body.kind = self.kind(&it["schema"]);
            if !self.has_room(body.media_type.len() + body.kind.len()) {
                break;
            }
            self.unfold(&it["schema"], "", 0, 0, &mut body);
            bodies.push(body);
        }
        bodies
    }

    /// Counts a line with so many bytes of text, and says whether there is room for it.
    fn has_room(&mut self, bytes: usize) -> bool {
        self.bytes += bytes + LINE_BYTES;
        self.bytes <= OPENAPI_BYTES_MAX
    }

    /// A schema where another refers to it, as far as that leads in a few steps.
    fn followed(&self, schema: &'a Value) -> &'a Value {
        let mut at = schema;
        for _ in 0..STEPS_MAX {
            let next = resolved(self.root, at);
            if std::ptr::eq(next, at) {
                break;
            }
            at = next;
        }
        at
    }

    /// Adds the fields of a schema, and of those that it is made of, to a body. `way` is the way there, and `level` how many names that has.
    fn unfold(&mut self, schema: &'a Value, way: &str, level: usize, steps: usize, body: &mut Body) {
        self.visits += 1;
        if steps > STEPS_MAX || self.is_full(body) {
            body.is_cut = true;
            return;
        }
        let schema = self.followed(schema);
        for list in ["allOf", "anyOf", "oneOf"] {
            for it in schema[list].as_array().into_iter().flatten() {
                if self.is_full(body) {
                    body.is_cut = true;
                    return;
                }
                self.unfold(it, way, level, steps + 1, body);
            }
        }
        if schema["items"].is_object() {
            self.unfold(&schema["items"], &format!("{way}[]"), level, steps + 1, body);
        }
        for (own, it) in members(&schema["properties"]) {
            // Also of those that are named already: many schemas may name the same many.
            self.visits += 1;
            if level >= LEVELS_MAX || self.is_full(body) {
                body.is_cut = true;
                return;
            }
            let shown = cut(own, NAME_CHARS_MAX);
            let way = if way.is_empty() { shown } else { cut(&format!("{way}.{shown}"), NAME_CHARS_MAX) };
            // Two that it is made of may both name it.
            if body.fields.iter().any(|it| it.name == way) {
                continue;
            }
            let kind = self.kind(it);
            let own_words = words(&it["description"]);
            let description = if own_words.is_empty() { words(&self.followed(it)["description"]) } else { own_words };
            if !self.has_room(way.len() + kind.len() + description.len()) {
                body.is_cut = true;
                return;
            }
            let required = schema["required"].as_array().into_iter().flatten().take(REQUIRED_MAX);
            let is_required = required.filter_map(Value::as_str).any(|it| it == own);
            body.fields.push(Field { name: way.clone(), kind, is_required, description });
            self.unfold(it, &way, level + 1, steps + 1, body);
        }
    }

    /// Whether a body has as many lines as one may have, or the document has been shown enough of.
    fn is_full(&self, body: &Body) -> bool {
        body.fields.len() >= LINES_MAX || self.bytes > OPENAPI_BYTES_MAX || self.visits > VISITS_MAX
    }

    /// The type of what a schema describes, in a few words.
    pub(super) fn kind(&mut self, schema: &'a Value) -> String {
        cut(&self.whole_kind(schema, 0), NAME_CHARS_MAX)
    }

    fn whole_kind(&mut self, schema: &'a Value, steps: usize) -> String {
        self.visits += 1;
        if steps > 2 || self.visits > VISITS_MAX {
            return String::new();
        }
        let it = self.followed(schema);
        let told = match &it["type"] {
            Value::Array(all) => all
                .iter()
                .filter_map(Value::as_str)
                .take(CHOICES_MAX)
                .map(|it| cut(it, NAME_CHARS_MAX))
                .collect::<Vec<_>>()
                .join(" or "),
            one => name(one),
        };
        let choices = ["oneOf", "anyOf"].iter().find_map(|list| it[*list].as_array().filter(|it| !it.is_empty()));
        let kind = match (told.as_str(), choices) {
            ("array", _) if it["items"].is_object() => match self.whole_kind(&it["items"], steps + 1) {
                of if of.is_empty() => told,
                of => format!("array of {of}"),
            },
            ("", Some(choices)) => {
                let kinds: BTreeSet<_> =
                    choices.iter().take(CHOICES_MAX).map(|it| self.whole_kind(it, steps + 1)).collect();
                kinds.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" or ")
            }
            ("", None) if it["properties"].is_object() || it["allOf"].is_array() => "object".to_owned(),
            _ => told,
        };
        let format = name(&it["format"]);
        let kind = if format.is_empty() || kind.is_empty() { kind } else { format!("{kind} ({format})") };
        let values: Vec<_> = it["enum"].as_array().into_iter().flatten().take(CHOICES_MAX).filter_map(value).collect();
        match (kind.as_str(), values.is_empty()) {
            (_, true) => kind,
            ("", false) => values.join(", "),
            (_, false) => format!("{kind}: {}", values.join(", ")),
        }
    }
}

/// A value of an enumeration; objects and lists would be no words.
fn value(it: &Value) -> Option<String> {
    match it {
        Value::String(text) => Some(cut(text, NAME_CHARS_MAX)),
        Value::Object(_) | Value::Array(_) => None,
        it => Some(it.to_string()),
    }
}
