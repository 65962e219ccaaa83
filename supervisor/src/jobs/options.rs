//! Whether the options that a job brings for its engines can be right: looked at when it comes, and not when its first
//! segment is spoken, some hours later. What says so is what an engine told when it became ready; one that is not ready,
//! or told nothing, is asked when it speaks.

use ishowtts_workers::{Failure, protocol::OptionInfo};
use serde_json::{Map, Value};

use super::{Jobs, NewJob};
use crate::{speech::options_for, stream::SpeechError};

impl Jobs {
    /// Looks whether the engines that will speak a job know its options. The error is the one that a request of the same
    /// would be answered with.
    pub fn check_options(&self, new: &NewJob) -> Result<(), SpeechError> {
        if new.order.options.is_empty() {
            return Ok(());
        }
        let pools = self.studio().scheduler().pools();
        let names = pools.engines();
        for engine in &new.engines {
            let ready = pools.ready(engine);
            let Some(known) = ready.as_ref().and_then(|ready| ready.options.as_deref()) else { continue };
            if let Err((param, message)) = check(known, &options_for(&new.order.options, engine, &names)) {
                let failure = Failure::Engine { code: "bad_option".into(), message, param: Some(param) };
                return Err(SpeechError::Failed { engine: engine.clone(), failure });
            }
        }
        Ok(())
    }
}

/// The first option that is not among those that are known, or has a value that it cannot have: its name, and what would
/// be right. Pure.
fn check(known: &[OptionInfo], options: &Map<String, Value>) -> Result<(), (String, String)> {
    for (name, value) in options {
        let Some(option) = known.iter().find(|option| option.name == *name) else {
            let names: Vec<&str> = known.iter().map(|option| option.name.as_str()).collect();
            let allowed = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let name: String = name.chars().take(80).collect();
            return Err((name.clone(), format!("unknown key {name:?}; allowed: {allowed}")));
        };
        if !fits(option, value) {
            let value: String = value.to_string().chars().take(80).collect();
            return Err((name.clone(), format!("{name} must be {}, not {value}", expected(option))));
        }
    }
    Ok(())
}

fn fits(option: &OptionInfo, value: &Value) -> bool {
    match value {
        Value::Null => option.optional,
        Value::Array(items) if option.many => {
            !items.is_empty() && items.iter().all(|item| is_one(option, item))
        }
        value => !option.many && is_one(option, value),
    }
}

fn is_one(option: &OptionInfo, value: &Value) -> bool {
    let is_between = |value: f64| {
        option.low.is_none_or(|low| low <= value) && option.high.is_none_or(|high| value <= high)
    };
    match option.kind.as_str() {
        "number" => value.as_f64().is_some_and(is_between),
        "integer" => !value.is_f64() && value.as_f64().is_some_and(is_between),
        "boolean" => value.is_boolean(),
        "text" => value.is_string(),
        // A later engine may have more sorts, and knows them itself.
        _ => true,
    }
}

fn expected(option: &OptionInfo) -> String {
    let sort = match option.kind.as_str() {
        "number" => "a number",
        "integer" => "a whole number",
        "boolean" => "true or false",
        _ => "a text",
    };
    let range = match (option.low, option.high) {
        (Some(low), Some(high)) => format!(" between {low} and {high}"),
        _ => String::new(),
    };
    if option.many { format!("a list, each item {sort}{range}") } else { format!("{sort}{range}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_known_and_in_their_range() {
        let option = |name: &str, kind: &str| OptionInfo {
            name: name.into(),
            kind: kind.into(),
            ..OptionInfo::default()
        };
        let known = [
            OptionInfo { low: Some(0.0), high: Some(2.5), ..option("rate", "number") },
            OptionInfo { low: Some(1.0), high: Some(9.0), optional: true, ..option("steps", "integer") },
            OptionInfo { many: true, low: Some(0.0), high: Some(1.0), ..option("weights", "number") },
            option("loud", "boolean"),
            option("mood", "text"),
            option("later", "colour"),
        ];
        for (options, told) in [
            (json!({}), None),
            (
                json!({ "rate": 2.5, "steps": 9, "weights": [0, 0.5], "loud": true, "mood": "", "later": [1] }),
                None,
            ),
            (json!({ "rate": 2, "steps": null }), None),
            (
                json!({ "speed": 1 }),
                Some("unknown key \"speed\"; allowed: rate, steps, weights, loud, mood, later"),
            ),
            (json!({ "rate": 2.6 }), Some("rate must be a number between 0 and 2.5, not 2.6")),
            (json!({ "rate": "2" }), Some("rate must be a number between 0 and 2.5, not \"2\"")),
            (json!({ "rate": true }), Some("rate must be a number between 0 and 2.5, not true")),
            (json!({ "rate": null }), Some("rate must be a number between 0 and 2.5, not null")),
            (json!({ "steps": 1.0 }), Some("steps must be a whole number between 1 and 9, not 1.0")),
            (json!({ "steps": 0 }), Some("steps must be a whole number between 1 and 9, not 0")),
            (
                json!({ "weights": [] }),
                Some("weights must be a list, each item a number between 0 and 1, not []"),
            ),
            (
                json!({ "weights": 1 }),
                Some("weights must be a list, each item a number between 0 and 1, not 1"),
            ),
            (json!({ "loud": 1 }), Some("loud must be true or false, not 1")),
            (json!({ "mood": 1 }), Some("mood must be a text, not 1")),
        ] {
            let found = check(&known, options.as_object().unwrap()).err().map(|(_, message)| message);
            assert_eq!(found.as_deref(), told, "{options}");
        }
        let none = check(&[], json!({ "a": 1 }).as_object().unwrap()).unwrap_err();
        assert_eq!(none, ("a".into(), "unknown key \"a\"; allowed: none".into()));
    }
}
