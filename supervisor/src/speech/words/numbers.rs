//! Numbers in words.

use std::sync::LazyLock;

use chinese_number::{ChineseCase, ChineseCountMethod, ChineseVariant, NumberToChinese};
use num2words::{Lang, Num2Words};

/// A number with more digits than this is told digit by digit: nobody counts that far.
const LONGEST: usize = 15;

/// Only the digits.
fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The digits as one number; none if they are too many, or begin with a zero as only names do.
pub(super) fn value(text: &str) -> Option<u64> {
    let digits = digits(text);
    let is_name = digits.len() > 1 && digits.starts_with('0');
    if is_name || digits.len() > LONGEST { None } else { digits.parse().ok() }
}

fn number(value: u64) -> Num2Words {
    // Below 10^15, so nothing is lost on the way through a signed one.
    Num2Words::new(i64::try_from(value).unwrap_or(i64::MAX))
}

/// What is said most: the library takes its time for each.
static SMALL: LazyLock<[Vec<String>; 2]> =
    LazyLock::new(|| [(0..100).map(english_cardinal).collect(), (0..100).map(english_place).collect()]);

fn small(value: u64, ordinal: bool) -> Option<String> {
    let [cardinals, ordinals] = &*SMALL;
    if ordinal { ordinals } else { cardinals }.get(usize::try_from(value).ok()?).cloned()
}

/// 42 → forty-two.
pub(super) fn english(value: u64) -> String {
    small(value, false).unwrap_or_else(|| english_cardinal(value))
}

fn english_cardinal(value: u64) -> String {
    number(value).cardinal().to_words().unwrap_or_else(|_| value.to_string())
}

/// 42 → forty-second.
pub(super) fn english_ordinal(value: u64) -> String {
    small(value, true).unwrap_or_else(|| english_place(value))
}

fn english_place(value: u64) -> String {
    number(value).ordinal().to_words().unwrap_or_else(|_| value.to_string())
}

/// 1984 → nineteen eighty-four.
pub(super) fn english_year(value: u64) -> String {
    let words = number(value).year().to_words().unwrap_or_else(|_| value.to_string());
    words.replace("oh-", "oh ")
}

/// 42 → quarante-deux.
pub(super) fn french(value: u64, ordinal: bool) -> String {
    let number = number(value).lang(Lang::French);
    let number = if ordinal { number.ordinal() } else { number.cardinal() };
    number.to_words().unwrap_or_else(|_| value.to_string())
}

/// 0042 → zero zero four two.
pub(super) fn english_digits(text: &str) -> String {
    let words: Vec<String> =
        text.chars().filter_map(|c| c.to_digit(10)).map(|digit| english(digit.into())).collect();
    words.join(" ")
}

/// What is written with digits, commas and a point: as one number, or digit by digit.
pub(super) fn english_decimal(text: &str) -> String {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole = value(whole).map_or_else(|| english_digits(whole), english);
    if part.is_empty() { whole } else { format!("{whole} point {}", english_digits(part)) }
}

/// 42 → 四十二.
pub(super) fn chinese(value: u64) -> String {
    let told = value.to_chinese(ChineseVariant::Simple, ChineseCase::Lower, ChineseCountMethod::TenThousand);
    let told = told.unwrap_or_else(|_| value.to_string());
    // Nobody says the one of ten, but within a number.
    told.strip_prefix("一十").map(|rest| format!("十{rest}")).unwrap_or(told)
}

/// 0042 → 零零四二. Everything else stays.
pub(super) fn chinese_digits(text: &str) -> String {
    let one = |c: char| match c {
        '0' => '零',
        '1' => '一',
        '2' => '二',
        '3' => '三',
        '4' => '四',
        '5' => '五',
        '6' => '六',
        '7' => '七',
        '8' => '八',
        '9' => '九',
        other => other,
    };
    text.chars().map(one).collect()
}

/// What is written with digits, commas and a point.
pub(super) fn chinese_decimal(text: &str) -> String {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole = value(whole).map_or_else(|| chinese_digits(&digits(whole)), chinese);
    if part.is_empty() { whole } else { format!("{whole}点{}", chinese_digits(part)) }
}
