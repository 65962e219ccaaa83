//! Chinese, as it is spoken in the mainland.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

use super::{
    calendar::{Date, clock},
    numbers::{chinese, chinese_decimal, chinese_digits, value},
    rule::{Around, Rule, part},
};

const NUMBER: &str = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?";

/// Units that are written with Latin letters or signs, and what is said for them.
const UNITS: [(&str, &str); 22] = [
    ("km/h", "公里每小时"),
    ("m/s", "米每秒"),
    ("km", "公里"),
    ("cm", "厘米"),
    ("mm", "毫米"),
    ("m", "米"),
    ("kg", "公斤"),
    ("mg", "毫克"),
    ("g", "克"),
    ("ml", "毫升"),
    ("mL", "毫升"),
    ("L", "升"),
    ("kWh", "千瓦时"),
    ("kW", "千瓦"),
    ("Hz", "赫兹"),
    ("kHz", "千赫兹"),
    ("MHz", "兆赫兹"),
    ("GHz", "吉赫兹"),
    ("℃", "摄氏度"),
    ("°C", "摄氏度"),
    ("℉", "华氏度"),
    ("°F", "华氏度"),
];

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    vec![
        // A point of full width between two digits is a point.
        Rule::new(r"(\d)．(\d)", |found, _| Some(format!("{}.{}", part(found, 1), part(found, 2)))),
        Rule::new(r"(\d{4})年", |found, around| {
            let is_year = !around.before.is_some_and(|c| c.is_ascii_digit() || matches!(c, '.' | ','));
            is_year.then(|| format!("{}年", chinese_digits(part(found, 1))))
        }),
        Rule::new(r"(\d{4})([-/.])(\d{1,2})([-/.])(\d{1,2})", |found, around| {
            let same = part(found, 2) == part(found, 4);
            let day = Date::of(Some(part(found, 1)), part(found, 3), part(found, 5)).filter(|_| same)?;
            around.stands_alone().then(|| day.in_chinese())
        }),
        Rule::new(r"(\d{1,2})[:：](\d{2})(?:[:：](\d{2}))?", time),
        Rule::new(r"(\d{1,3})[:：](\d{1,3})", |found, around| {
            let (a, b) = (value(part(found, 1))?, value(part(found, 2))?);
            around.stands_alone().then(|| format!("{}比{}", chinese(a), chinese(b)))
        }),
        Rule::new(r"(\+?)(\d{2,4}[- ]\d[\d -]{5,}\d|\d{3}-\d{4}-\d{4})", telephone),
        Rule::new(&format!(r"([-−]?)([¥￥$€£])\s?({NUMBER})([万亿]?)"), |found, around| {
            let unit = match part(found, 2) {
                "$" => "美元",
                "€" => "欧元",
                "£" => "英镑",
                _ => "元",
            };
            let told = format!("{}{}{unit}", chinese_decimal(part(found, 3)), part(found, 4));
            around.ends().then(|| format!("{}{told}", sign(part(found, 1))))
        }),
        Rule::new(&format!(r"([-−]?)({NUMBER})\s?([%％‰])"), |found, around| {
            let of = if part(found, 3) == "‰" { "千" } else { "百" };
            let told = format!("{of}分之{}{}", sign(part(found, 1)), chinese_decimal(part(found, 2)));
            alone_before(around).then_some(told)
        }),
        Rule::new(&format!(r"([-−]?)({NUMBER})\s?({})", units()), |found, around| {
            let (_, unit) = UNITS.iter().find(|(name, _)| *name == part(found, 3))?;
            let ends = !around.behind.is_some_and(|c| c.is_ascii_alphanumeric() || c == '/');
            let told = format!("{}{}{unit}", sign(part(found, 1)), chinese_decimal(part(found, 2)));
            (alone_before(around) && ends).then_some(told)
        }),
        Rule::new(r"(\d{1,4})/(\d{1,4})", |found, around| {
            let (a, b) = (value(part(found, 1))?, value(part(found, 2)).filter(|below| *below > 1)?);
            around.stands_alone().then(|| format!("{}分之{}", chinese(b), chinese(a)))
        }),
        Rule::new(&format!(r"({NUMBER})\s?[-–~～]\s?({NUMBER})"), |found, around| {
            let told = format!("{}到{}", chinese_decimal(part(found, 1)), chinese_decimal(part(found, 2)));
            around.stands_alone().then_some(told)
        }),
        Rule::new("2([个位只件张条次天年种杯块])", |found, around| {
            alone_before(around).then(|| format!("两{}", part(found, 1)))
        }),
        // So long a number without a unit is a name: of a telephone, an account, an order.
        Rule::new(r"\d{9,}", |found, around| {
            let counts = around.behind.is_some_and(|c| matches!(c, '元' | '人' | '个' | '.' | ','));
            (around.stands_alone() && !counts).then(|| chinese_digits(part(found, 0)))
        }),
        Rule::new(&format!(r"([-−]?)({NUMBER})"), |found, around| {
            let minus = part(found, 1);
            let fits = if minus.is_empty() {
                around.stands_alone()
            } else {
                !around.before.is_some_and(|c| c.is_alphanumeric() || c == '-') && around.ends()
            };
            fits.then(|| format!("{}{}", sign(minus), chinese_decimal(part(found, 2))))
        }),
    ]
});

pub(super) fn in_words(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(text);
    }
    RULES.iter().fold(Cow::Borrowed(text), |text, rule| rule.apply(text))
}

pub(super) fn unit_behind(text: &str, next: &str) -> usize {
    static UNIT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(&format!("^(?:{})", units())).expect("units are escaped"));
    let text = text.trim_end();
    if !text.ends_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    let end = UNIT.find(next).map_or(0, |unit| unit.end());
    let behind = next.get(end..).and_then(|rest| rest.chars().next());
    if behind.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_')) { 0 } else { end }
}

fn units() -> String {
    let mut names: Vec<String> = UNITS.iter().map(|(name, _)| regex::escape(name)).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.join("|")
}

fn sign(sign: &str) -> &'static str {
    if sign.is_empty() { "" } else { "负" }
}

fn alone_before(around: &Around) -> bool {
    Around { before: around.before, behind: None, next: None }.stands_alone()
}

fn time(found: &Captures<'_>, around: &Around) -> Option<String> {
    let (hour, minute, second) = clock(part(found, 1), part(found, 2), part(found, 3))?;
    let minutes = match (minute, second) {
        (0, None) => String::new(),
        (1..=9, _) => format!("零{}分", chinese(minute)),
        _ => format!("{}分", chinese(minute)),
    };
    let seconds = second.map_or(String::new(), |second| format!("{}秒", chinese(second)));
    around.stands_alone().then(|| format!("{}点{minutes}{seconds}", chinese(hour)))
}

fn telephone(found: &Captures<'_>, around: &Around) -> Option<String> {
    let (plus, number) = (part(found, 1), part(found, 2));
    // Two years or quantities have no more digits than these.
    let is_long = number.bytes().filter(u8::is_ascii_digit).count() >= 9;
    let groups = number.split([' ', '-']).filter(|group| !group.is_empty());
    let groups: Vec<String> = groups.map(chinese_digits).collect();
    let plus = if plus.is_empty() { "" } else { "加" };
    (around.stands_alone() && is_long).then(|| format!("{plus}{}", groups.join("，")))
}
