use super::*;

const DOCUMENT: &str = r##"{
    "openapi": "3.1.0", "info": {"title": "Contacts", "description": "People.", "version": "2.4"},
    "servers": [{"url": "https://api.example.com"}, {"url": "/test", "description": "To try"}],
    "paths": {
        "/contacts/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "get": {"operationId": "get_contact", "responses": {"200": {"description": "The contact."},
                    "404": {"$ref": "#/components/responses/missing"}}},
            "patch": {"summary": "Change a contact", "deprecated": true,
                      "parameters": [{"name": "dry", "in": "query", "schema": {"type": ["boolean", "null"]}}],
                      "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/contact"}}}}, "responses": {}}
        },
        "/contacts-{id}": {"get": {}}
    },
    "components": {
        "schemas": {
            "contact": {"description": "Who looks after it.", "allOf": [{"$ref": "#/components/schemas/base"}], "properties": {
                "owner": {"$ref": "#/components/schemas/contact"},
                "tags": {"type": "array", "items": {"type": "string"}}}},
            "base": {"required": ["email"], "properties": {
                "email": {"type": "string", "format": "email", "description": "Where to write."},
                "kind": {"type": "string", "enum": ["person", "company"]}}}
        },
        "parameters": {"id": {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}},
        "responses": {"missing": {"description": "There is none."}}
    }
}"##;

#[test]
fn operations_are_read_with_what_they_take_and_answer() {
    let read = Reference::read(DOCUMENT).expect("a document");
    assert_eq!((read.title.as_str(), read.description.as_str(), read.version.as_str()), ("Contacts", "People.", "2.4"));
    let summaries: Vec<_> = read.operations.iter().map(|it| it.summary.as_str()).collect();
    assert_eq!(summaries, ["GET /contacts-{id}", "get_contact", "Change a contact"]);
    let anchors: Vec<_> = read.operations.iter().map(|it| it.anchor.as_str()).collect();
    assert_eq!(anchors, ["get-contacts-id", "get-contacts-id-2", "patch-contacts-id"]);
    let [_, get, patch] = read.operations.as_slice() else { panic!("{read:?}") };
    let answers: Vec<_> = get.responses.iter().map(|it| (it.status.as_str(), it.description.as_str())).collect();
    assert_eq!(answers, [("200", "The contact."), ("404", "There is none.")]);
    assert_eq!((get.parameters[0].name.as_str(), get.parameters[0].is_required), ("id", true));
    assert_eq!((patch.parameters[0].kind.as_str(), patch.parameters.len()), ("boolean or null", 2));
    assert_eq!((get.id.as_str(), patch.is_deprecated, patch.is_body_required), ("get_contact", true, true));
    let [body] = patch.bodies.as_slice() else { panic!("{patch:?}") };
    assert_eq!((body.media_type.as_str(), body.kind.as_str(), body.is_cut), ("application/json", "object", true));
    let fields: Vec<_> = body
        .fields
        .iter()
        .map(|it| (it.name.as_str(), it.kind.as_str(), it.is_required, it.description.as_str()))
        .collect();
    assert_eq!(
        fields,
        [
            ("email", "string (email)", true, "Where to write."),
            ("kind", "string: person, company", false, ""),
            ("owner", "object", false, "Who looks after it."),
            ("owner.email", "string (email)", true, "Where to write."),
            ("owner.kind", "string: person, company", false, ""),
            ("owner.owner", "object", false, "Who looks after it."),
            ("owner.owner.email", "string (email)", true, "Where to write."),
            ("owner.owner.kind", "string: person, company", false, ""),
            ("owner.owner.owner", "object", false, "Who looks after it."),
            ("owner.owner.tags", "array of string", false, ""),
            ("owner.tags", "array of string", false, ""),
            ("tags", "array of string", false, ""),
        ],
        "a schema that holds itself is followed a few levels"
    );
    let [one, two] = read.servers.as_slice() else { panic!("{read:?}") };
    assert_eq!((one.url.as_str(), two.description.as_str()), ("https://api.example.com", "To try"));
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

#[test]
fn what_is_put_now_is_refused_where_it_would_be_passed_over() {
    let odd = r#"{"openapi": "3.0.0", "paths": {"/a": {"get": {}}, "/b": 5}}"#;
    assert_eq!(Reference::read(odd).expect("a document").operations.len(), 1);
    let refused = Reference::check(odd).expect_err("a place that does not fit");
    assert_eq!(refused.to_string(), "cannot be shown whole: `/paths/~1b` has to be an object");
    assert_eq!(Reference::check(DOCUMENT), Ok(()));
}

#[test]
fn a_small_document_does_not_unfold_to_a_large_one() {
    let wide: Map<_, _> =
        (0..100).map(|it| (format!("f{it}"), serde_json::json!({"$ref": "#/components/schemas/wide"}))).collect();
    let choices = serde_json::json!(vec![serde_json::json!({"$ref": "#/components/schemas/choices"}); 100]);
    let answers: Map<_, _> =
        (100..200).map(|it| (it.to_string(), serde_json::json!({"$ref": "#/components/responses/one"}))).collect();
    let paths: Map<_, _> = (0..OPENAPI_OPERATIONS_MAX)
        .map(|it| (format!("/{it}"), serde_json::json!({"$ref": "#/components/item"})))
        .collect();
    let document = serde_json::json!({"openapi": "3.1.0", "paths": paths, "components": {
        "item": {"get": {"responses": answers}},
        "responses": {"one": {"content": {"a": {"schema": {"$ref": "#/components/schemas/wide"}}, "b": {"schema": {"$ref": "#/components/schemas/choices"}}}}},
        "schemas": {"wide": {"properties": wide}, "choices": {"oneOf": choices}},
    }})
    .to_string();
    assert!(document.len() < 100_000);
    let read = Reference::read(&document).expect("a document");
    let bodies = || read.operations.iter().flat_map(|it| &it.responses).flat_map(|it| &it.bodies);
    let lines = bodies().map(|it| it.fields.len() + 1).sum::<usize>();
    assert!((100..OPENAPI_BYTES_MAX / 48).contains(&lines), "{lines}");
    assert!(bodies().all(|it| it.fields.len() <= LINES_MAX) && bodies().any(|it| it.is_cut));
}
