//! The description is whole: everything in it is told in words and shown by an example.

use serde_json::Value;
use utoipa::OpenApi;

use super::Description;
use crate::speech::{Format, Priority};

fn document() -> Value {
    serde_json::from_str(&Description::openapi().to_json().unwrap()).unwrap()
}

/// Everything at any depth, with its path.
fn walk<'v>(value: &'v Value, path: String, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| walk(value, format!("{path}/{key}"), found)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| walk(value, format!("{path}/{index}"), found));
        }
        _ => {}
    }
    found.push((path, value));
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut found = Vec::new();
    walk(&document, String::new(), &mut found);
    for (path, value) in found.iter().filter(|(path, _)| path.ends_with("/$ref")) {
        let target = value.as_str().unwrap().trim_start_matches('#');
        assert!(document.pointer(target).is_some(), "{path}: {target}");
    }
}

#[test]
fn every_field_has_a_description_and_an_example() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        let mut found = Vec::new();
        walk(schema, name.clone(), &mut found);
        for (path, properties) in found.iter().filter(|(path, _)| path.ends_with("/properties")) {
            for (field, told) in properties.as_object().unwrap() {
                if field == "type" && told["enum"].is_array() {
                    continue;
                }
                // Of a field that may be null, the words stand with what it is else.
                let mut choices = told["oneOf"].as_array().into_iter().flatten();
                let is_told =
                    told["description"].is_string() || choices.any(|one| one["description"].is_string());
                assert!(is_told, "{path}/{field} has no description: {told}");
                // A field that is made of others is shown by theirs.
                let is_composed = told.to_string().contains("$ref");
                let has_example = told.get("example").or(told.get("examples")).is_some();
                assert!(is_composed || has_example, "{path}/{field} has no example: {told}");
            }
        }
    }
}

#[test]
fn every_schema_is_told_in_words_and_every_word_is_shown() {
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name} has no description: {schema}");
        // What is made of fields is shown by theirs.
        let is_made_of_fields = schema.to_string().contains("\"properties\"");
        let has_example = schema.get("example").or(schema.get("examples")).is_some();
        assert!(is_made_of_fields || has_example, "{name} has no example: {schema}");
    }
}

/// Every operation, with its method and path.
fn operations() -> Vec<(String, Value)> {
    let document = document();
    let items = document["paths"].as_object().unwrap().iter();
    let all = items.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, told)| (format!("{method} {path}"), told.clone())).collect::<Vec<_>>()
    });
    all.collect()
}

fn is_told(value: &Value) -> bool {
    value["description"].as_str().is_some_and(|words| !words.trim().is_empty())
}

/// Whether there is an example, or a schema that has one by the tests above.
fn is_shown(content: &Value) -> bool {
    let example = content.get("example").is_some_and(|example| !example.is_null());
    example || content.get("examples").is_some() || content["schema"]["$ref"].is_string()
}

#[test]
fn every_route_is_told_in_words_and_shown_by_an_example() {
    for (route, told) in operations() {
        assert!(told["summary"].as_str().is_some_and(|words| !words.is_empty()), "{route}");
        assert!(told["tags"].is_array(), "{route}");
        for parameter in told["parameters"].as_array().into_iter().flatten() {
            assert!(is_told(parameter) && is_shown(parameter), "{route}: {parameter}");
        }
        for (media_type, content) in told["requestBody"]["content"].as_object().into_iter().flatten() {
            assert!(is_shown(content), "{route} takes {media_type}: {content}");
        }
        for (status, answer) in told["responses"].as_object().unwrap() {
            assert!(is_told(answer), "{route} {status}");
            for (media_type, content) in answer["content"].as_object().into_iter().flatten() {
                assert!(is_shown(content), "{route} {status} is {media_type}: {content}");
            }
            for (name, header) in answer["headers"].as_object().unwrap() {
                assert!(is_told(header) && is_shown(header), "{route} {status} {name}: {header}");
            }
        }
    }
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let operations = operations();
    let mut names: Vec<&str> =
        operations.iter().map(|(_, told)| told["operationId"].as_str().unwrap()).collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
}

/// What cannot be described: a WebSocket; and the viewer's address without a slash, and the files of both pages.
const UNDESCRIBED: [&str; 4] =
    ["/docs", "/docs/{*file}", "/console/{version}/{file}", "/v1/text-to-speech/{voice}/stream-input"];

#[test]
fn every_route_of_the_table_is_described() {
    let table = include_str!("../mod.rs");
    let table = table.split_once("pub fn router(").unwrap().1;
    let document = document();
    let described = document["paths"].as_object().unwrap();
    for route in table.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(described.contains_key(route) != UNDESCRIBED.contains(&route), "{route}");
    }
}

#[test]
fn words_that_fields_may_hold_are_those_that_are_read() {
    let schemas = document()["components"]["schemas"].clone();
    for format in Format::NAMES {
        assert!(schemas["FormatName"]["enum"].as_array().unwrap().contains(&format.0.into()), "{}", format.0);
    }
    let priorities: Vec<Value> = Priority::ALL.iter().map(|class| class.label().into()).collect();
    assert_eq!(schemas["PriorityName"]["enum"], Value::Array(priorities));
}
