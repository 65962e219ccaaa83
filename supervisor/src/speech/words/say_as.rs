//! What somebody says that a text is.

use super::{DateOrder, Reading, Tongue, calendar::Date, in_words, numbers};

/// The words of a text that is to be read as this. What cannot be read so, or in a language that we have no words for,
/// comes as it is.
pub fn read_as(text: &str, reading: Reading, language: &str) -> String {
    let tongue = Tongue::of(language);
    let found = match reading {
        Reading::Plain => None,
        Reading::Characters => Some(characters(text, tongue)),
        Reading::Digits => Some(digits(text, tongue)),
        Reading::Cardinal => number(text, language, false),
        Reading::Ordinal => number(text, language, true),
        Reading::Date(order) => date(text, order, tongue),
    };
    found.unwrap_or_else(|| in_words(text, language).into_owned())
}

fn characters(text: &str, tongue: Option<Tongue>) -> String {
    let english = matches!(tongue, Some(Tongue::English { .. }));
    let one = |c: char| match c {
        '0'..='9' => digit(c, tongue),
        '.' if english => "dot".into(),
        ',' if english => "comma".into(),
        '-' if english => "dash".into(),
        '_' if english => "underscore".into(),
        '/' if english => "slash".into(),
        '@' if english => "at".into(),
        '+' if english => "plus".into(),
        '#' if english => "hash".into(),
        '&' if english => "and".into(),
        // A small letter by itself may be a word: the article.
        _ => c.to_uppercase().to_string(),
    };
    let told: Vec<String> = text.chars().filter(|c| !c.is_whitespace()).map(one).collect();
    around(text, &told.join(" "))
}

/// Digit by digit, with a rest where the digits are parted.
fn digits(text: &str, tongue: Option<Tongue>) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut parted = false;
    for c in text.trim().chars() {
        match c {
            '0'..='9' => {
                if let Some(last) = told.last_mut().filter(|_| parted) {
                    last.push(',');
                }
                told.push(digit(c, tongue));
                parted = false;
            }
            '+' if matches!(tongue, Some(Tongue::English { .. })) => told.push("plus".into()),
            '+' if tongue == Some(Tongue::Chinese) => told.push("加".into()),
            _ if c.is_whitespace() || c.is_ascii_punctuation() => parted = !told.is_empty(),
            _ => {
                told.push(c.to_string());
                parted = false;
            }
        }
    }
    around(text, &told.join(" "))
}

fn digit(digit: char, tongue: Option<Tongue>) -> String {
    match tongue {
        Some(Tongue::English { .. }) => numbers::english_digits(&digit.to_string()),
        Some(Tongue::Chinese) => numbers::chinese_digits(&digit.to_string()),
        None => digit.to_string(),
    }
}

fn number(text: &str, language: &str, ordinal: bool) -> Option<String> {
    let trimmed = text.trim();
    let (minus, figures) = match trimmed.strip_prefix(['-', '−']) {
        Some(rest) if !ordinal => (true, rest),
        _ => (false, trimmed),
    };
    let figures = if ordinal {
        figures.trim_end_matches(char::is_alphabetic).trim_end_matches('.').trim_start_matches('第')
    } else {
        figures
    };
    if figures.is_empty() || !figures.chars().all(|c| c.is_ascii_digit() || c == ',') {
        return None;
    }
    let value = numbers::value(figures)?;
    let told = match (Tongue::of(language), language.split(['-', '_']).next()) {
        (Some(Tongue::English { .. }), _) if ordinal => numbers::english_ordinal(value),
        (Some(Tongue::English { .. }), _) => numbers::english(value),
        (Some(Tongue::Chinese), _) if ordinal => format!("第{}", numbers::chinese(value)),
        (Some(Tongue::Chinese), _) => numbers::chinese(value),
        (None, Some("fr")) => numbers::french(value, ordinal),
        (None, _) => return None,
    };
    let sign = match Tongue::of(language) {
        _ if !minus => "",
        Some(Tongue::Chinese) => "负",
        Some(Tongue::English { .. }) => "minus ",
        None => "moins ",
    };
    Some(around(text, &format!("{sign}{told}")))
}

fn date(text: &str, order: DateOrder, tongue: Option<Tongue>) -> Option<String> {
    let parts: Vec<&str> = text.trim().split(['-', '/', '.']).map(str::trim).collect();
    let is_number =
        |part: &&str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().all(is_number) {
        return None;
    }
    let day = match (parts.as_slice(), order) {
        (&[a, b, c], _) => Date::in_order([a, b, c], order)?,
        (&[a, b], DateOrder::DayFirst) => Date::of(None, b, a)?,
        (&[a, b], _) => Date::of(None, a, b)?,
        _ => return None,
    };
    let told = match tongue? {
        Tongue::English { .. } => day.in_english(),
        Tongue::Chinese => day.in_chinese(),
    };
    Some(around(text, &told))
}

/// Words in the place of a text, with the white space around it.
fn around(text: &str, told: &str) -> String {
    let lead = text.len() - text.trim_start().len();
    let trail = text.trim_end().len().max(lead);
    let space = |range: Option<&str>| range.unwrap_or_default().to_owned();
    format!("{}{told}{}", space(text.get(..lead)), space(text.get(trail..)))
}
