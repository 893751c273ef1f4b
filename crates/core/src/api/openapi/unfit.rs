//! Places of a document at which something stands that has no place there, so that a page would show less than its author wrote, without a word.
//!
//! Only what pages show is looked at: a host's document may have whatever else it likes, and what begins with `x-` is its own.

use serde_json::{Map, Value};

use super::METHODS;

/// The first such place: its JSON pointer, and what is to stand there.
pub(super) type Unfit = (String, &'static str);

type Checked = Result<(), Unfit>;
/// Checks what stands in a place.
type Check = fn(&Place, &Value) -> Checked;

/// Bytes of a pointer, about: it is copied for each member of what it leads to.
const POINTER_BYTES_MAX: usize = 500;

const OBJECT: &str = "has to be an object";
const LIST: &str = "has to be a list";
const TEXT: &str = "has to be a text";

/// Checks what pages show of a document.
pub(super) fn check(root: &Value) -> Checked {
    let at = Place::ROOT;
    let info = at.then("info");
    if let Some(it) = info.object_of(root)? {
        texts(&info, it, &["title", "description", "version"])?;
    }
    servers(&at, root)?;
    let paths = at.then("paths");
    for (path, item) in own(root["paths"].as_object()) {
        let at = paths.then(path);
        if !path.starts_with('/') {
            return Err((at.0, "is no path: it has to begin with `/`"));
        }
        self::item(&at, item)?;
    }
    let components = at.then("components");
    let Some(all) = components.object_of(root)? else { return Ok(()) };
    let kinds: [(&str, Check); 5] = [
        ("schemas", schema),
        ("parameters", parameter),
        ("requestBodies", body),
        ("responses", response),
        ("pathItems", item),
    ];
    for (name, check) in kinds {
        let at = components.then(name);
        for (name, it) in own(at.member(all.get(name), Value::as_object, OBJECT)?) {
            check(&at.then(name), it)?;
        }
    }
    Ok(())
}

/// A place in a document, as a JSON pointer (RFC 6901).
struct Place(String);

impl Place {
    const ROOT: Self = Self(String::new());

    /// What stands in it under a name. Of one that is too far in, or called too long, the place around it is named.
    fn then(&self, name: &str) -> Self {
        if self.0.len() + name.len() > POINTER_BYTES_MAX {
            return Self(self.0.clone());
        }
        Self(format!("{}/{}", self.0, name.replace('~', "~0").replace('/', "~1")))
    }

    /// What stands here, if anything, as what it has to be.
    fn member<'a, T: ?Sized>(
        &self,
        it: Option<&'a Value>,
        read: impl FnOnce(&'a Value) -> Option<&'a T>,
        wanted: &'static str,
    ) -> Result<Option<&'a T>, Unfit> {
        match it {
            None | Some(Value::Null) => Ok(None),
            Some(it) => read(it).map(Some).ok_or_else(|| (self.0.clone(), wanted)),
        }
    }

    /// The object that stands here, where `parent` is what it stands in.
    fn object_of<'a>(&self, parent: &'a Value) -> Result<Option<&'a Map<String, Value>>, Unfit> {
        let name = self.0.rsplit('/').next().unwrap_or_default();
        self.member(parent.get(name), Value::as_object, OBJECT)
    }

    fn object<'a>(&self, it: &'a Value) -> Result<&'a Map<String, Value>, Unfit> {
        it.as_object().ok_or_else(|| (self.0.clone(), OBJECT))
    }
}

/// A member of an object; null is none, for some programs write so what they leave out.
fn present<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|it| !it.is_null())
}

/// Members of an object but for those that are the host's own.
fn own(it: Option<&Map<String, Value>>) -> impl Iterator<Item = (&String, &Value)> {
    it.into_iter().flat_map(Map::iter).filter(|(name, _)| !name.starts_with("x-"))
}

/// Each of a list, with its place.
fn each(at: &Place, it: Option<&Value>, check: impl Fn(&Place, &Value) -> Checked) -> Checked {
    let list = at.member(it, Value::as_array, LIST)?;
    list.into_iter().flatten().enumerate().try_for_each(|(number, it)| check(&at.then(&number.to_string()), it))
}

fn texts(at: &Place, it: &Map<String, Value>, names: &[&str]) -> Checked {
    names.iter().try_for_each(|name| at.then(name).member(it.get(*name), Value::as_str, TEXT).map(drop))
}

fn servers(at: &Place, parent: &Value) -> Checked {
    each(&at.then("servers"), parent.get("servers"), |at, it| texts(at, at.object(it)?, &["url", "description"]))
}

fn item(at: &Place, it: &Value) -> Checked {
    let object = at.object(it)?;
    texts(at, object, &["$ref", "summary", "description"])?;
    servers(at, it)?;
    each(&at.then("parameters"), object.get("parameters"), parameter)?;
    METHODS
        .iter()
        .filter_map(|it| Some((at.then(it), present(object, it)?)))
        .try_for_each(|(at, it)| operation(&at, it))
}

fn operation(at: &Place, it: &Value) -> Checked {
    let object = at.object(it)?;
    texts(at, object, &["summary", "description", "operationId"])?;
    if present(object, "deprecated").is_some_and(|it| !it.is_boolean()) {
        return Err((at.then("deprecated").0, "has to be true or false"));
    }
    servers(at, it)?;
    each(&at.then("parameters"), object.get("parameters"), parameter)?;
    if let Some(it) = present(object, "requestBody") {
        body(&at.then("requestBody"), it)?;
    }
    let at = at.then("responses");
    let mut all = own(at.member(object.get("responses"), Value::as_object, OBJECT)?);
    all.try_for_each(|(status, it)| response(&at.then(status), it))
}

fn parameter(at: &Place, it: &Value) -> Checked {
    let object = at.object(it)?;
    texts(at, object, &["$ref", "name", "in", "description"])?;
    if !object.contains_key("$ref") {
        for name in ["name", "in"] {
            if !object.contains_key(name) {
                return Err((at.then(name).0, "is missing"));
            }
        }
    }
    if let Some(it) = present(object, "schema") {
        schema(&at.then("schema"), it)?;
    }
    content(at, object)
}

fn body(at: &Place, it: &Value) -> Checked {
    let object = at.object(it)?;
    texts(at, object, &["$ref", "description"])?;
    content(at, object)
}

fn response(at: &Place, it: &Value) -> Checked {
    body(at, it)
}

fn content(at: &Place, it: &Map<String, Value>) -> Checked {
    let at = at.then("content");
    for (kind, it) in own(at.member(it.get("content"), Value::as_object, OBJECT)?) {
        let at = at.then(kind);
        if let Some(it) = present(at.object(it)?, "schema") {
            schema(&at.then("schema"), it)?;
        }
    }
    Ok(())
}

/// A schema and those in it, which serde_json's limit keeps from being endlessly deep. OpenAPI 3.1 knows `true` and `false` as schemas too.
fn schema(at: &Place, it: &Value) -> Checked {
    if it.is_boolean() {
        return Ok(());
    }
    let object = it.as_object().ok_or_else(|| (at.0.clone(), "has to be a schema, which is an object"))?;
    texts(at, object, &["$ref", "description", "title"])?;
    let properties = at.then("properties");
    for (name, it) in properties.member(object.get("properties"), Value::as_object, OBJECT)?.into_iter().flatten() {
        schema(&properties.then(name), it)?;
    }
    if present(object, "required").is_some_and(|it| !it.is_array() && !it.is_boolean()) {
        return Err((at.then("required").0, LIST));
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        each(&at.then(name), object.get(name), schema)?;
    }
    match present(object, "items") {
        Some(it) if !it.is_array() => schema(&at.then("items"), it),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(paths: Value) -> Option<String> {
        check(&json!({"openapi": "3.1.0", "paths": paths})).err().map(|it| it.0)
    }

    #[test]
    fn the_first_place_that_does_not_fit_is_named_by_its_pointer() {
        for (paths, pointer) in [
            (json!({"/a": 5}), "/paths/~1a"),
            (json!({"a": {}}), "/paths/a"),
            (json!({"/a/{b}": {"get": "x"}}), "/paths/~1a~1{b}/get"),
            (json!({"/a": {"get": {"parameters": "x"}}}), "/paths/~1a/get/parameters"),
            (json!({"/a": {"parameters": [{"name": "a", "in": "query"}, 7]}}), "/paths/~1a/parameters/1"),
            (json!({"/a": {"get": {"parameters": [{"in": "query"}]}}}), "/paths/~1a/get/parameters/0/name"),
            (json!({"/a": {"get": {"summary": {}}}}), "/paths/~1a/get/summary"),
            (json!({"/a": {"get": {"responses": []}}}), "/paths/~1a/get/responses"),
            (json!({"/a": {"get": {"responses": {"200": "ok"}}}}), "/paths/~1a/get/responses/200"),
            (
                json!({"/a": {"post": {"requestBody": {"content": {"a/b": {"schema": "x"}}}}}}),
                "/paths/~1a/post/requestBody/content/a~1b/schema",
            ),
            (json!({"/a": {"servers": [{"url": 1}]}}), "/paths/~1a/servers/0/url"),
        ] {
            assert_eq!(found(paths.clone()).as_deref(), Some(pointer), "{paths}");
        }
        let components = json!({"paths": {}, "components": {"schemas": {"A": {"properties": {"x": 1}}}}});
        assert_eq!(check(&components).err().map(|it| it.0).as_deref(), Some("/components/schemas/A/properties/x"));
        assert_eq!(check(&json!({"info": [], "paths": {}})).err().map(|it| it.0).as_deref(), Some("/info"));
    }

    #[test]
    fn what_a_document_may_have_is_let_through() {
        let paths = json!({
            "x-own": 5,
            "/a": {"x-own": "y", "$ref": "#/components/pathItems/a"},
            "/b": {"post": null, "get": {"description": null, "requestBody": null, "parameters": [{"$ref": "#/x"}, {"name": "n", "in": "query", "schema": true}], "tags": 7,
                           "responses": {"x-own": 1, "200": {"description": "", "content": {"a/b": {"schema": {"properties": {"x-y": {"type": "string"}},
                           "required": ["x-y"], "items": {"anyOf": [{}, false]}}}}}}}},
        });
        assert_eq!(found(paths), None);
    }
}
