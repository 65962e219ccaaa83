//! English.

use std::{borrow::Cow, sync::LazyLock};

use regex::Captures;

use super::{
    calendar::{Date, DateOrder, clock},
    numbers::{english, english_decimal, english_digits, english_ordinal, english_year, value},
    rule::{Around, Rule, part},
};

/// 1,234 or 1234, and what stands behind the point.
const NUMBER: &str = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?";
const MONTH: &str = "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|\
                     Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?";

/// Unit, one of it, several of it.
const UNITS: [(&str, &str, &str); 36] = [
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("m/s", "meter per second", "meters per second"),
    ("mph", "mile per hour", "miles per hour"),
    ("km", "kilometer", "kilometers"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("m", "meter", "meters"),
    ("mi", "mile", "miles"),
    ("ft", "foot", "feet"),
    ("kg", "kilogram", "kilograms"),
    ("mg", "milligram", "milligrams"),
    ("g", "gram", "grams"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("ml", "milliliter", "milliliters"),
    ("L", "liter", "liters"),
    ("l", "liter", "liters"),
    ("ms", "millisecond", "milliseconds"),
    ("min", "minute", "minutes"),
    ("h", "hour", "hours"),
    ("KB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("Hz", "hertz", "hertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("GHz", "gigahertz", "gigahertz"),
    ("W", "watt", "watts"),
    ("kW", "kilowatt", "kilowatts"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("V", "volt", "volts"),
    ("°C", "degree Celsius", "degrees Celsius"),
    ("℃", "degree Celsius", "degrees Celsius"),
    ("°F", "degree Fahrenheit", "degrees Fahrenheit"),
];

/// Sign or code, one, several, and the hundredth part.
const MONEY: [(&str, &str, &str, &str, &str); 5] = [
    ("$", "dollar", "dollars", "cent", "cents"),
    ("€", "euro", "euros", "cent", "cents"),
    ("£", "pound", "pounds", "penny", "pence"),
    ("¥", "yen", "yen", "", ""),
    ("₹", "rupee", "rupees", "paisa", "paise"),
];

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    vec![
        Rule::new(r"\b(Dr|Mr|Mrs|Ms|Prof)\.(\s+)", title),
        Rule::new(r"\b(vs|approx|e\.g|i\.e|etc)\.", abbreviation),
        Rule::new(r"\bNo\.(\s?)(\d)", |found, _| Some(format!("number {}", part(found, 2)))),
        Rule::new(r"(\d{4})([-/.])(\d{1,2})([-/.])(\d{1,2})", iso_date),
        Rule::new(
            &format!(r"\b({MONTH})(\.?\s)(\d{{1,2}})(?:st|nd|rd|th)?(,?\s(?:\d{{4}}))?"),
            month_and_day,
        ),
        Rule::new(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:(\s?)([AaPp])\.?[Mm]\b\.?)?", time),
        Rule::new(r"(\d{1,2})\s?([AaPp])\.?[Mm]\b\.?", hour),
        Rule::new(r"\+\d[\d ()/.-]{4,}\d|\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}[-.]\d{3}[-.]\d{4}", telephone),
        Rule::new(&format!(r"([$€£¥₹])({NUMBER})\s?[-–]\s?([$€£¥₹])?({NUMBER})"), money_range),
        Rule::new(
            &format!(r"([-−]?)([$€£¥₹])\s?({NUMBER})(\s(?:thousand|million|billion|trillion)\b)?"),
            money,
        ),
        Rule::new(&format!(r"([-−]?)({NUMBER})\s?([$€£¥₹])"), money_behind),
        Rule::new(&format!(r"([-−]?)({NUMBER})\s?%"), |found, around| {
            let alone = Around { behind: None, next: None, ..*around }.stands_alone();
            alone.then(|| format!("{}{} percent", sign(part(found, 1)), english_decimal(part(found, 2))))
        }),
        Rule::new(&format!(r"([-−]?)({NUMBER})(\s?)({})", units()), unit),
        Rule::new(r"(\d{1,15})(?:st|nd|rd|th)\b", |found, around| {
            let number = value(part(found, 1))?;
            around.stands_alone().then(|| english_ordinal(number))
        }),
        Rule::new(r"(1[1-9]\d0|20\d0)s\b", |found, around| {
            let words = english_year(value(part(found, 1))?);
            let decade = match words.strip_suffix('y') {
                Some(stem) => format!("{stem}ies"),
                None => format!("{words}s"),
            };
            around.stands_alone().then_some(decade)
        }),
        Rule::new(r"(\d{1,4})\s?[-–]\s?(\d{1,4})", range),
        Rule::new(r"(1[1-9]\d\d|20\d\d)", |found, around| {
            around.stands_alone().then(|| english_year(value(part(found, 1)).unwrap_or_default()))
        }),
        Rule::new(&format!(r"([-−]?)({NUMBER})"), number),
    ]
});

static DAY_OR_MONTH_FIRST: LazyLock<[Rule; 2]> = LazyLock::new(|| {
    let pattern = r"(\d{1,2})/(\d{1,2})/(\d{4})";
    [Rule::new(pattern, |f, a| slashed(f, a, false)), Rule::new(pattern, |f, a| slashed(f, a, true))]
});

pub(super) fn in_words(text: &str, month_first: bool) -> Cow<'_, str> {
    let speaks = text.bytes().any(|byte| byte.is_ascii_digit()) || text.contains('.');
    if !speaks {
        return Cow::Borrowed(text);
    }
    let [day, month] = &*DAY_OR_MONTH_FIRST;
    let dated = if month_first { month } else { day }.apply(Cow::Borrowed(text));
    RULES.iter().fold(dated, |text, rule| rule.apply(text))
}

fn units() -> String {
    let mut names: Vec<String> = UNITS.iter().map(|(name, ..)| regex::escape(name)).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.join("|")
}

fn sign(sign: &str) -> &'static str {
    if sign.is_empty() { "" } else { "minus " }
}

/// A minus sign stands before a number and behind nothing that it could join to it.
fn begins(sign: &str, around: &Around) -> bool {
    sign.is_empty() || around.before.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '"' | '“'))
}

/// What is seen of the neighbours once a sign or unit is a part of it.
fn alone_before(around: &Around) -> bool {
    Around { before: around.before, behind: None, next: None }.stands_alone()
}

fn ends_as_word(around: &Around) -> bool {
    !around.behind.is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '_' | '²' | '³'))
}

fn title(found: &Captures<'_>, around: &Around) -> Option<String> {
    let word = match part(found, 1) {
        "Dr" => "Doctor",
        "Mr" => "Mister",
        "Mrs" => "Missus",
        "Ms" => "Miz",
        _ => "Professor",
    };
    let named = around.behind.is_some_and(char::is_uppercase);
    named.then(|| format!("{word}{}", part(found, 2)))
}

fn abbreviation(found: &Captures<'_>, around: &Around) -> Option<String> {
    let words = match part(found, 1) {
        "vs" => "versus",
        "approx" => "approximately",
        "e.g" => "for example",
        "i.e" => "that is",
        _ => "et cetera",
    };
    let goes_on = around.behind.is_some_and(char::is_alphanumeric);
    let is_end = around.behind.is_none() || around.next.is_some_and(char::is_uppercase);
    (!goes_on).then(|| format!("{words}{}", if is_end && words == "et cetera" { "." } else { "" }))
}

fn iso_date(found: &Captures<'_>, around: &Around) -> Option<String> {
    let same = part(found, 2) == part(found, 4);
    let day = Date::of(Some(part(found, 1)), part(found, 3), part(found, 5)).filter(|_| same)?;
    around.stands_alone().then(|| day.in_english())
}

fn slashed(found: &Captures<'_>, around: &Around, month_first: bool) -> Option<String> {
    let parts = [part(found, 1), part(found, 2), part(found, 3)];
    let (usual, other) = if month_first {
        (DateOrder::MonthFirst, DateOrder::DayFirst)
    } else {
        (DateOrder::DayFirst, DateOrder::MonthFirst)
    };
    // 25/11 can only be meant one way.
    let day = Date::in_order(parts, usual).or_else(|| Date::in_order(parts, other))?;
    around.stands_alone().then(|| day.in_english())
}

fn month_and_day(found: &Captures<'_>, around: &Around) -> Option<String> {
    let number = value(part(found, 3)).filter(|day| (1..=31).contains(day))?;
    let year = part(found, 4);
    let told = year.chars().filter(char::is_ascii_digit).collect::<String>();
    let told = if year.is_empty() { String::new() } else { format!(", {}", english_year(value(&told)?)) };
    let month = part(found, 1);
    around.ends().then(|| format!("{month}{}{}{told}", part(found, 2), english_ordinal(number)))
}

fn time(found: &Captures<'_>, around: &Around) -> Option<String> {
    let (hour, minute, second) = clock(part(found, 1), part(found, 2), part(found, 3))?;
    let half = part(found, 5).to_uppercase();
    if !alone_before(around) || !around.ends() || (!half.is_empty() && hour > 12) {
        return None;
    }
    let minutes = match minute {
        0 if !half.is_empty() || second.is_some() => String::new(),
        0 if (1..=12).contains(&hour) => " o'clock".into(),
        0 => " hundred".into(),
        1..=9 => format!(" oh {}", english(minute)),
        _ => format!(" {}", english(minute)),
    };
    let seconds = second.map_or(String::new(), |second| {
        format!(" and {} second{}", english(second), if second == 1 { "" } else { "s" })
    });
    let half = if half.is_empty() { half } else { format!(" {half}M") };
    Some(format!("{}{minutes}{seconds}{half}", english(hour)))
}

fn hour(found: &Captures<'_>, around: &Around) -> Option<String> {
    let hour = value(part(found, 1)).filter(|hour| (1..=12).contains(hour))?;
    alone_before(around).then(|| format!("{} {}M", english(hour), part(found, 2).to_uppercase()))
}

fn telephone(found: &Captures<'_>, around: &Around) -> Option<String> {
    let number = part(found, 0);
    let groups = number.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    let groups: Vec<String> = groups.map(english_digits).collect();
    let plus = if number.starts_with('+') { "plus " } else { "" };
    around.stands_alone().then(|| format!("{plus}{}", groups.join(", ")))
}

fn money(found: &Captures<'_>, around: &Around) -> Option<String> {
    let (minus, symbol, amount) = (part(found, 1), part(found, 2), part(found, 3));
    if !begins(minus, around) || !ends_as_word(around) || !around.ends() {
        return None;
    }
    let &(_, _, several, ..) = MONEY.iter().find(|(name, ..)| *name == symbol)?;
    let scale = part(found, 4);
    let told = if scale.is_empty() {
        amount_of(symbol, amount)?
    } else {
        format!("{}{scale} {several}", english_decimal(amount))
    };
    Some(format!("{}{told}", sign(minus)))
}

fn money_range(found: &Captures<'_>, around: &Around) -> Option<String> {
    let (symbol, again) = (part(found, 1), part(found, 3));
    let fits = around.ends() && ends_as_word(around) && (again.is_empty() || again == symbol);
    let most = amount_of(symbol, part(found, 4)).filter(|_| fits)?;
    Some(format!("{} to {most}", english_decimal(part(found, 2))))
}

fn money_behind(found: &Captures<'_>, around: &Around) -> Option<String> {
    let minus = part(found, 1);
    let fits = begins(minus, around) && (alone_before(around) || !minus.is_empty()) && ends_as_word(around);
    let told = amount_of(part(found, 3), part(found, 2)).filter(|_| fits)?;
    Some(format!("{}{told}", sign(minus)))
}

fn amount_of(symbol: &str, amount: &str) -> Option<String> {
    let &(_, one, several, cent, cents) = MONEY.iter().find(|(name, ..)| *name == symbol)?;
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    let number = value(whole);
    let unit = if number == Some(1) { one } else { several };
    let whole = format!("{} {unit}", number.map_or_else(|| english_digits(whole), english));
    let small: u64 = part.parse().unwrap_or_default();
    Some(match part.len() {
        _ if part.is_empty() => whole,
        2 if cent.is_empty() => format!("{} {several}", english_decimal(amount)),
        2 if small == 0 => whole,
        2 => {
            let unit = if small == 1 { cent } else { cents };
            let small = format!("{} {unit}", english(small));
            if number == Some(0) { small } else { format!("{whole} and {small}") }
        }
        _ => format!("{} {several}", english_decimal(amount)),
    })
}

fn unit(found: &Captures<'_>, around: &Around) -> Option<String> {
    let (minus, number) = (part(found, 1), part(found, 2));
    let &(_, one, several) = UNITS.iter().find(|(name, ..)| *name == part(found, 4))?;
    let is_alone = if minus.is_empty() { alone_before(around) } else { begins(minus, around) };
    if !is_alone || !ends_as_word(around) {
        return None;
    }
    let name = if number == "1" { one } else { several };
    Some(format!("{}{} {name}", sign(minus), english_decimal(number)))
}

fn range(found: &Captures<'_>, around: &Around) -> Option<String> {
    let say = |text: &str| {
        let is_year = text.len() == 4 && (text.starts_with('1') || text.starts_with("20"));
        value(text).map(if is_year { english_year } else { english })
    };
    let told = format!("{} to {}", say(part(found, 1))?, say(part(found, 2))?);
    around.stands_alone().then_some(told)
}

fn number(found: &Captures<'_>, around: &Around) -> Option<String> {
    let (minus, number) = (part(found, 1), part(found, 2));
    let fits = if minus.is_empty() { around.stands_alone() } else { begins(minus, around) && around.ends() };
    fits.then(|| format!("{}{}", sign(minus), english_decimal(number)))
}
