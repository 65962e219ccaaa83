//! The file as written: tables that remember where each key stands, what was asked for, and what was wrong.

use std::{cell::RefCell, collections::BTreeSet, ops::Range};

use serde_json::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::Problem;

/// Collects what is wrong while the file is read.
#[derive(Debug)]
pub(super) struct Notes {
    /// Where each line ends. A file may be wrong in every line, and nobody wants to count them anew for each.
    ends: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl Notes {
    pub(super) fn new(source: &str) -> Self {
        let ends = source.match_indices('\n').map(|(at, _)| at).collect();
        Self { ends, problems: RefCell::default() }
    }

    pub(super) fn problem(
        &self,
        at: Option<Range<usize>>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) {
        let line = at.map_or(0, |at| self.ends.partition_point(|end| *end < at.start) + 1);
        self.problems.borrow_mut().push(Problem { line, key: key.into(), message: message.into() });
    }

    /// What was wrong, in the order of the file, each thing once.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems.dedup();
        problems
    }
}

/// A value with its place and its full name.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) key: String,
    pub(super) at: Range<usize>,
}

impl<T> Found<T> {
    pub(super) fn problem(&self, notes: &Notes, message: impl Into<String>) {
        notes.problem(Some(self.at.clone()), self.key.clone(), message);
    }
}

/// What stands behind a key that may have either.
pub(super) enum Worth<'t> {
    Text(Found<String>),
    Table(Table<'t>),
}

/// One table of the file. Keys that nobody asked for are problems, unless [`rest`](Self::rest) takes them.
pub(super) struct Table<'t> {
    name: String,
    entries: Option<&'t DeTable<'t>>,
    notes: &'t Notes,
    asked: RefCell<BTreeSet<String>>,
}

impl<'t> Table<'t> {
    pub(super) fn root(table: &'t DeTable<'t>, notes: &'t Notes) -> Self {
        Self { name: String::new(), entries: Some(table), notes, asked: RefCell::default() }
    }

    fn full_name(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn take(&self, key: &str) -> Option<(&'t Spanned<DeValue<'t>>, Found<()>)> {
        self.asked.borrow_mut().insert(key.to_owned());
        let (name, value) = self.entries?.get_key_value(key)?;
        Some((value, Found { value: (), key: self.full_name(key), at: name.span() }))
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'t DeValue<'t>) -> Option<T>,
    ) -> Option<Found<T>> {
        let (value, found) = self.take(key)?;
        if let Some(value) = read(value.get_ref()) {
            return Some(Found { value, key: found.key, at: found.at });
        }
        found.problem(self.notes, format!("must be {expected}, not {}", describe(value.get_ref())));
        None
    }

    pub(super) fn string(&self, key: &str) -> Option<Found<String>> {
        self.typed(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn boolean(&self, key: &str, default: bool) -> bool {
        self.choice(key).unwrap_or(default)
    }

    /// Yes, no, or left open.
    pub(super) fn choice(&self, key: &str) -> Option<bool> {
        self.typed(key, "true or false", DeValue::as_bool).map(|found| found.value)
    }

    pub(super) fn integer(&self, key: &str, range: Range<i64>) -> Option<i64> {
        let (least, most) = (range.start, range.end - 1);
        let expected = format!("a whole number from {least} to {most}");
        let read = |value: &DeValue<'_>| json(value).as_i64().filter(|number| range.contains(number));
        self.typed(key, &expected, read).map(|found| found.value)
    }

    /// A whole number of something counted, from `least` to `most`.
    pub(super) fn count(&self, key: &str, least: u32, most: u32, default: u32) -> u32 {
        let number = self.integer(key, i64::from(least)..i64::from(most) + 1);
        number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
    }

    /// A share of something, from 0 to `most`.
    pub(super) fn fraction(&self, key: &str, most: f64) -> Option<f64> {
        let expected = format!("a number from 0 to {most}");
        let read = |value: &DeValue<'_>| json(value).as_f64().filter(|share| (0.0..=most).contains(share));
        self.typed(key, &expected, read).map(|found| found.value)
    }

    pub(super) fn integers(&self, key: &str) -> Vec<usize> {
        let read = |value: &DeValue<'_>| {
            let numbers = value.as_array()?.iter().map(|item| json(item.get_ref()).as_u64()?.try_into().ok());
            numbers.collect::<Option<Vec<usize>>>()
        };
        self.typed(key, "a list of whole numbers", read).map_or(Vec::new(), |found| found.value)
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.take(key).is_some()
    }

    /// Says what is wrong with a list that is empty.
    pub(super) fn empty(&self, key: &str, message: &str) {
        if let Some((value, found)) = self.take(key)
            && value.get_ref().as_array().is_some_and(|items| items.is_empty())
        {
            found.problem(self.notes, message);
        }
    }

    /// A list of strings, each with its own place.
    pub(super) fn list(&self, key: &str) -> Vec<Found<String>> {
        let name = self.full_name(key);
        let read = |value: &DeValue<'_>| {
            let items = value.as_array()?.iter().map(|item| {
                let value = item.get_ref().as_str()?.to_owned();
                Some(Found { value, key: name.clone(), at: item.span() })
            });
            items.collect::<Option<Vec<_>>>()
        };
        self.typed(key, "a list of strings", read).map_or(Vec::new(), |found| found.value)
    }

    pub(super) fn table(&self, key: &str) -> Table<'t> {
        let found = self.typed(key, "a table", DeValue::as_table);
        Table {
            name: self.full_name(key),
            entries: found.map(|found| found.value),
            notes: self.notes,
            asked: RefCell::default(),
        }
    }

    /// Every table in this one, with its name and place.
    pub(super) fn tables(&self) -> Vec<(Found<String>, Table<'t>)> {
        let names: Vec<_> = self.names();
        names.into_iter().map(|found| (found.clone(), self.table(&found.value))).collect()
    }

    /// Every string in this table, by its key.
    pub(super) fn strings(&self) -> Vec<(String, Found<String>)> {
        let names: Vec<_> = self.names();
        names
            .into_iter()
            .filter_map(|found| Some((found.value.clone(), self.string(&found.value)?)))
            .collect()
    }

    /// Every entry of this table, with its name and place: a string, or a table of its own.
    pub(super) fn words(&self) -> Vec<(Found<String>, Worth<'t>)> {
        let words = self.names().into_iter().filter_map(|found| {
            let is_table =
                self.entries?.get(found.value.as_str()).is_some_and(|value| value.get_ref().is_table());
            let said =
                if is_table {
                    Worth::Table(self.table(&found.value))
                } else {
                    Worth::Text(self.typed(&found.value, "a string or a table", |value| {
                        value.as_str().map(str::to_owned)
                    })?)
                };
            Some((found, said))
        });
        words.collect()
    }

    fn names(&self) -> Vec<Found<String>> {
        let names = self.entries.into_iter().flat_map(DeTable::keys);
        let found = |name: &Spanned<std::borrow::Cow<'_, str>>| {
            let value = name.get_ref().to_string();
            Found { key: self.full_name(&value), value, at: name.span() }
        };
        names.map(found).collect()
    }

    /// The keys that nobody asked for, as JSON.
    pub(super) fn rest(&self) -> Map<String, Value> {
        let asked = self.asked.take();
        let entries = self.entries.into_iter().flatten();
        let rest = entries.filter(|(name, _)| !asked.contains(name.get_ref().as_ref()));
        let rest: Map<_, _> =
            rest.map(|(name, value)| (name.get_ref().to_string(), json(value.get_ref()))).collect();
        self.asked.borrow_mut().extend(asked.into_iter().chain(rest.keys().cloned()));
        rest
    }

    /// Says which keys nobody asked for.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        let known: Vec<&str> = asked.iter().map(String::as_str).collect();
        let wrong = format!("is not a key here; known are {}", known.join(", "));
        for name in self.names().into_iter().filter(|name| !asked.contains(&name.value)) {
            name.problem(self.notes, wrong.as_str());
        }
    }
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Table(_) => "a table".into(),
        other => json(other).to_string(),
    }
}

/// TOML as JSON: what a worker is sent. Dates become strings.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::String(number.to_string()), Value::from),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map_or_else(|| Value::String(number.to_string()), Value::Number),
        DeValue::Datetime(moment) => Value::String(moment.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(
            table.iter().map(|(name, value)| (name.get_ref().to_string(), json(value.get_ref()))).collect(),
        ),
    }
}
