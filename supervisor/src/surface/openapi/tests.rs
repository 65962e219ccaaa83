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
fn every_route_is_told_in_words() {
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for (method, told) in methods.as_object().unwrap() {
            assert!(told["summary"].is_string(), "{method} {path}");
            for parameter in told["parameters"].as_array().into_iter().flatten() {
                assert!(
                    parameter["description"].is_string() && parameter["example"] != Value::Null,
                    "{path}"
                );
            }
            for (status, answer) in told["responses"].as_object().unwrap() {
                assert!(!answer["description"].as_str().unwrap().is_empty(), "{method} {path} {status}");
            }
        }
    }
}

/// The viewer's address without a slash, the files of both pages; what the description of `ElevenLabs` says of its own.
const UNDESCRIBED: [&str; 5] = ["/docs", "/console/", "/v1/text-to-speech/", "/v1/voices", "/v2/voices"];

#[test]
fn every_route_of_the_table_is_described() {
    let table = include_str!("../mod.rs");
    let table = table.split_once("pub fn router(").unwrap().1;
    let document = document();
    let described = document["paths"].as_object().unwrap();
    for route in table.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let is_left_out = route != "/docs/" && UNDESCRIBED.iter().any(|start| route.starts_with(start));
        assert!(described.contains_key(route) != is_left_out, "{route}");
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
