//! Requests that the documentation shows go to routes that there are, with fields that these know.

use regex::Regex;
use serde_json::Value;
use utoipa::OpenApi;

use super::Description;
use crate::documentation::{each_block, none_of, shell};

/// What our own server is called in the documentation.
const SERVER: &str = r"^https?://(?:localhost|127\.0\.0\.1|ADDRESS):27121(/[^?#]*)?(?:[?#].*)?$";

/// What `curl` is to ask: the path, and the body if one is written out.
fn asked(words: &[String]) -> Option<(String, Option<&String>)> {
    let words = shell::program(words);
    if words.first()? != "curl" {
        return None;
    }
    let server = Regex::new(SERVER).unwrap();
    let path = words.iter().find_map(|word| server.captures(word))?;
    let path = path.get(1).map_or("/", |path| path.as_str()).to_owned();
    let body =
        words.iter().zip(words.iter().skip(1)).find(|(word, body)| *word == "-d" && !body.starts_with('@'));
    Some((path, body.map(|(_, body)| body)))
}

/// The description of a route; routes of `ElevenLabs` have one of their own elsewhere.
fn described<'d>(document: &'d Value, path: &str) -> Option<&'d Value> {
    let mut paths = document["paths"].as_object()?.iter();
    let matches = |template: &str| {
        let (mut theirs, mut ours) = (template.split('/'), path.split('/'));
        theirs.by_ref().zip(ours.by_ref()).all(|(their, our)| their == our || their.starts_with('{'))
            && template.split('/').count() == path.split('/').count()
    };
    paths.find(|(template, _)| matches(template)).map(|(_, route)| route)
}

/// What is wrong with a body, by the schema of its route.
fn fault(document: &Value, route: &Value, body: &str) -> Option<String> {
    // A variable of the shell stands for text.
    let body: Value = match serde_json::from_str(body) {
        Ok(body) => body,
        Err(error) => return Some(format!("{body} is no JSON: {error}")),
    };
    let schema = &route["post"]["requestBody"]["content"]["application/json"]["schema"];
    let name = schema["$ref"].as_str()?.trim_start_matches('#');
    let fields = document.pointer(name)?["properties"].as_object()?;
    let unknown = body.as_object()?.keys().find(|field| !fields.contains_key(*field))?;
    Some(format!("there is no field {unknown}"))
}

#[test]
fn every_request_that_a_page_shows_is_one_that_is_understood() {
    let document: Value = serde_json::from_str(&Description::openapi().to_json().unwrap()).unwrap();
    let elsewhere = ["/v1/text-to-speech/", "/v1/voices", "/v2/voices", "/docs"];
    let (mut faults, mut bodies) = (Vec::new(), 0);
    each_block(&["sh"], |block| {
        for words in shell::commands(&block.text) {
            let Some((path, body)) = asked(&words) else { continue };
            bodies += usize::from(body.is_some());
            let why = match (described(&document, &path), body) {
                (Some(route), Some(body)) => fault(&document, route, body),
                (None, _) if !elsewhere.iter().any(|start| path.starts_with(start)) => {
                    Some(format!("there is no route {path}"))
                }
                _ => None,
            };
            faults.extend(why.map(|why| format!("{}: {why}", block.place)));
        }
    });
    assert!(bodies > 10, "only {bodies} were found");
    none_of(&faults);
}

#[test]
fn a_request_that_is_none_is_a_fault() {
    let document: Value = serde_json::from_str(&Description::openapi().to_json().unwrap()).unwrap();
    let route = described(&document, "/api/tts").unwrap();
    for wrong in [r#"{"text": "x", "voice": "y"}"#, r#"{"text": "x"#] {
        assert!(fault(&document, route, wrong).is_some(), "{wrong}");
    }
    assert_eq!(fault(&document, route, r#"{"text": "x", "stream": true}"#), None);
    assert!(described(&document, "/api/speak").is_none());
    assert!(described(&document, "/api/engines/piper/restart").is_some());
    let words = shell::commands("curl -sS http://localhost:27121/api/tts?x=1 -d '{}' | jq");
    assert_eq!(asked(&words[0]), Some(("/api/tts".into(), Some(&"{}".to_owned()))));
}
