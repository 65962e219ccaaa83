//! What attributes say.

use super::LONGEST_BREAK_MS;
use crate::speech::words::{DateOrder, Reading};

/// The silence of a `break`, in milliseconds.
pub(super) fn pause_ms(time: Option<&str>, strength: Option<&str>) -> Result<u32, String> {
    match (time, strength) {
        (Some(time), _) => duration_ms(time),
        (None, Some("none")) => Ok(0),
        (None, Some("x-weak")) => Ok(150),
        (None, Some("weak")) => Ok(250),
        (None, Some("medium") | None) => Ok(400),
        (None, Some("strong")) => Ok(700),
        (None, Some("x-strong")) => Ok(1000),
        (None, Some(other)) => Err(format!(
            "strength must be none, x-weak, weak, medium, strong or x-strong, not {:?}",
            shown(other)
        )),
    }
}

/// `250ms`, `1.5s`.
fn duration_ms(text: &str) -> Result<u32, String> {
    let wrong = || {
        let most = LONGEST_BREAK_MS / 1000;
        format!("time must be from 0s to {most}s, such as \"500ms\" or \"1.5s\", not {:?}", shown(text))
    };
    let trimmed = text.trim();
    let (number, scale) = match (trimmed.strip_suffix("ms"), trimmed.strip_suffix('s')) {
        (Some(number), _) => (number, 1.0),
        (None, Some(number)) => (number, 1000.0),
        (None, None) => return Err(wrong()),
    };
    let ms = decimal(number).ok_or_else(wrong)? * scale;
    if ms > f64::from(LONGEST_BREAK_MS) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10,000, seen above")]
    let ms = ms.round() as u32;
    Ok(ms)
}

/// How much faster the rate of a `prosody` is than what is around it.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let trimmed = text.trim();
    let named = match trimmed {
        "x-slow" => Some(0.5),
        "slow" => Some(0.75),
        "medium" | "default" => Some(1.0),
        "fast" => Some(1.25),
        "x-fast" => Some(1.6),
        _ => None,
    };
    let percent = || {
        let number = trimmed.strip_suffix('%')?;
        let share = match (number.strip_prefix('+'), number.strip_prefix('-')) {
            (Some(more), _) => 100.0 + decimal(more)?,
            (None, Some(less)) => 100.0 - decimal(less)?,
            (None, None) => decimal(number)?,
        };
        Some(share / 100.0)
    };
    let found = named.or_else(percent).or_else(|| decimal(trimmed));
    found.filter(|rate| (0.25..=4.0).contains(rate)).ok_or_else(|| {
        format!(
            "rate must be x-slow, slow, medium, fast, x-fast, a percentage or a factor, and come to 0.25 to 4, not {:?}",
            shown(text)
        )
    })
}

/// What a `say-as` reads its text as; what is not known is read as it is written.
pub(super) fn reading(interpret_as: Option<&str>, format: Option<&str>) -> Reading {
    match interpret_as.unwrap_or_default().trim() {
        "characters" | "character" | "spell-out" | "verbatim" => Reading::Characters,
        "digits" | "digit" | "telephone" => Reading::Digits,
        "cardinal" | "number" => Reading::Cardinal,
        "ordinal" => Reading::Ordinal,
        "date" => Reading::Date(match format.unwrap_or_default().trim() {
            "mdy" | "md" => DateOrder::MonthFirst,
            "dmy" | "dm" => DateOrder::DayFirst,
            _ => DateOrder::YearFirst,
        }),
        _ => Reading::Plain,
    }
}

/// A number without a sign or an exponent.
fn decimal(text: &str) -> Option<f64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_plain)
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
