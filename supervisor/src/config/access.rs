//! `[cors]` and `[server] hosts`: which pages may ask, and under which names we are known.

use super::raw::{Found, Notes, Table};

/// Pages of other origins that may use the server from a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// As a browser writes them, in lower case: `https://example.org:8443`.
    pub origins: Vec<String>,
    /// `"*"`: every page of the world.
    pub any: bool,
}

impl Cors {
    /// Whether pages of this origin may ask. Browsers write `null` for pages that have none: they are nobody's.
    pub fn allows(&self, origin: &str) -> bool {
        self.any || self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin))
    }
}

pub(super) fn cors(table: &Table<'_>, notes: &Notes) -> Cors {
    let mut cors = Cors::default();
    for found in table.list("origins") {
        if found.value == "*" {
            cors.any = true;
        } else if is_origin(&found.value) {
            cors.origins.push(found.value.to_ascii_lowercase());
        } else {
            let message = format!(
                "must be \"*\", or origins such as \"https://example.org\" without a path, not {:?}",
                found.value
            );
            found.problem(notes, message);
        }
    }
    table.finish();
    cors
}

/// Scheme, host and perhaps a port, and nothing behind them.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    !scheme.is_empty() && scheme.chars().all(of_scheme) && !host.is_empty() && host.chars().all(plain)
}

/// Names under which browsers may reach us without a key, in lower case.
pub(super) fn hosts(table: &Table<'_>, notes: &Notes) -> Vec<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name = |found: Found<String>| {
        if !found.value.is_empty() && found.value.chars().all(plain) {
            return Some(found.value.to_ascii_lowercase());
        }
        let message =
            format!("must be names such as \"tts.example.org\", without a port, not {:?}", found.value);
        found.problem(notes, message);
        None
    };
    table.list("hosts").into_iter().filter_map(name).collect()
}
