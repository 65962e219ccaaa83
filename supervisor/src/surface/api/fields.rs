//! The fields of a JSON body, each asked for once; what is left over is told.

use serde_json::{Map, Value};

use crate::surface::ApiError;

/// A body's fields.
pub(in crate::surface) struct Fields {
    fields: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Fields {
    /// Reads a JSON object.
    pub(in crate::surface) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            let told = error.to_string();
            // The parser says this of numbers such as 1e400, and not what would be in range.
            let told = told.replacen(
                "number out of range",
                "a number is beyond what any field takes (about 1.8e308)",
                1,
            );
            ApiError::InvalidJson(told)
        })?;
        match value {
            Value::Object(fields) => Ok(Self::of(fields)),
            other => Err(ApiError::InvalidJson(format!("it must be an object, not {}", kind(&other)))),
        }
    }

    /// Those that came otherwise than as a JSON body.
    pub(in crate::surface) fn of(fields: Map<String, Value>) -> Self {
        Self { fields, known: Vec::new() }
    }

    /// Takes a field; absent and null are the same.
    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.fields.shift_remove(name).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(Value) -> Result<T, Value>,
    ) -> Result<Option<T>, ApiError> {
        let wrong = |value: Value| invalid(name, format!("{name} must be {expected}, not {}", shown(&value)));
        self.take(name).map(read).transpose().map_err(wrong)
    }

    pub(in crate::surface) fn string(&mut self, name: &'static str) -> Result<Option<String>, ApiError> {
        self.typed(name, "a string", |value| match value {
            Value::String(text) => Ok(text),
            other => Err(other),
        })
    }

    /// A string, or what `read` makes of another value.
    pub(in crate::surface) fn string_or(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<String>,
    ) -> Result<Option<String>, ApiError> {
        self.typed(name, expected, |value| match value {
            Value::String(text) => Ok(text),
            other => read(&other).ok_or(other),
        })
    }

    pub(in crate::surface) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, ApiError> {
        self.typed(name, "true or false", |value| value.as_bool().ok_or(value))
    }

    pub(in crate::surface) fn object(&mut self, name: &'static str) -> Result<Map<String, Value>, ApiError> {
        let read = |value| match value {
            Value::Object(map) => Ok(map),
            other => Err(other),
        };
        Ok(self.typed(name, "an object", read)?.unwrap_or_default())
    }

    pub(in crate::surface) fn list(&mut self, name: &'static str) -> Result<Vec<Value>, ApiError> {
        let read = |value| match value {
            Value::Array(list) => Ok(list),
            other => Err(other),
        };
        Ok(self.typed(name, "an array", read)?.unwrap_or_default())
    }

    pub(in crate::surface) fn number(
        &mut self,
        name: &'static str,
        least: f64,
        most: f64,
    ) -> Result<Option<f64>, ApiError> {
        let expected = format!("a number from {least} to {most}");
        self.typed(name, &expected, |value| {
            value.as_f64().filter(|number| (least..=most).contains(number)).ok_or(value)
        })
    }

    pub(in crate::surface) fn integer(
        &mut self,
        name: &'static str,
        least: u64,
        most: u64,
    ) -> Result<Option<u64>, ApiError> {
        let expected = format!("a whole number from {least} to {most}");
        self.typed(name, &expected, |value| {
            let number = value.as_u64().or_else(|| whole(&value));
            number.filter(|number| (least..=most).contains(number)).ok_or(value)
        })
    }

    /// One of a set of names.
    pub(in crate::surface) fn choice<T>(
        &mut self,
        name: &'static str,
        names: &[(&str, T)],
    ) -> Result<Option<T>, ApiError>
    where
        T: Copy,
    {
        let listed: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of {}", listed.join(", "));
        self.typed(name, &expected, |value| {
            let found = names.iter().find(|(name, _)| value.as_str() == Some(name));
            found.map(|(_, choice)| *choice).ok_or(value)
        })
    }

    /// Nothing else was sent.
    pub(in crate::surface) fn finish(self) -> Result<(), ApiError> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().take(80).collect();
                let known = self.known.join(", ");
                Err(invalid(&name, format!("there is no field {name:?}; the fields are {known}")))
            }
        }
    }
}

/// A whole number that was written as `7.0`; beyond 2^53 nobody knows which one was meant.
fn whole(value: &Value) -> Option<u64> {
    let number = value
        .as_f64()
        .filter(|number| number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(number))?;
    format!("{number:.0}").parse().ok()
}

/// A field is wrong.
pub(in crate::surface) fn invalid(param: &str, message: impl Into<String>) -> ApiError {
    ApiError::InvalidField { param: param.to_owned(), message: message.into() }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A value as it may stand in a message: short ones as they are.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 40 { text } else { kind(value).to_owned() }
}
