use proptest::prelude::*;

use super::*;

fn all(language: &str, table: &[(&str, &str)]) {
    for (written, said) in table {
        assert_eq!(in_words(written, language), *said, "{written:?}");
    }
}

#[test]
fn english_is_said_as_a_reader_would_say_it() {
    all(
        "en",
        &[
            ("It costs $3.50.", "It costs three dollars and fifty cents."),
            ("$1 or £0.01 or €20", "one dollar or one penny or twenty euros"),
            ("$3.5 million, -$5", "three point five million dollars, minus five dollars"),
            ("$5-$10, €5–10 and he's 5'10", "five to ten dollars, five to ten euros and he's 5'10"),
            ("At 3:45 pm, not 9:05.", "At three forty-five PM, not nine oh five."),
            ("5 p.m. and 12:00 and 15:00", "five PM and twelve o'clock and fifteen hundred"),
            ("on 2026-11-25.", "on November twenty-fifth, twenty twenty-six."),
            ("Nov 25, 2026", "Nov twenty-fifth, twenty twenty-six"),
            (
                "11/25/2026 25/11/2026",
                "November twenty-fifth, twenty twenty-six November twenty-fifth, twenty twenty-six",
            ),
            ("5 km, 1 km, 5km/h", "five kilometers, one kilometer, five kilometers per hour"),
            ("-5 °C", "minus five degrees Celsius"),
            ("20%", "twenty percent"),
            ("+49 30 1234567", "plus four nine, three zero, one two three four five six seven"),
            ("555-123-4567", "five five five, one two three, four five six seven"),
            ("Dr. Smith met Mrs. Jones", "Doctor Smith met Missus Jones"),
            ("1,234.5", "one thousand two hundred and thirty-four point five"),
            ("the 21st of 1999", "the twenty-first of nineteen ninety-nine"),
            ("the 1990s", "the nineteen nineties"),
            ("5-10 of 007", "five to ten of zero zero seven"),
            ("1914–1918", "nineteen fourteen to nineteen eighteen"),
            ("cats, etc. And No. 5", "cats, et cetera. And number five"),
        ],
    );
    assert_eq!(in_words("3/4/2026", "en-GB"), "April third, twenty twenty-six");
    assert_eq!(in_words("3/4/2026", "en"), "March fourth, twenty twenty-six");
}

#[test]
fn chinese_is_said_as_a_reader_would_say_it() {
    all(
        "zh",
        &[
            ("３．５元".replace('３', "3").replace('５', "5").as_str(), "三点五元"),
            ("2024年5月1日", "二零二四年五月一日"),
            ("2026-11-25", "二零二六年十一月二十五日"),
            ("下午3:45，9:05", "下午三点四十五分，九点零五分"),
            ("$3.50 ¥100", "三点五零美元 一百元"),
            ("跑了5 km", "跑了五公里"),
            ("20%的人", "百分之二十的人"),
            ("+49 30 1234567", "加四九，三零，一二三四五六七"),
            ("电话13812345678", "电话一三八一二三四五六七八"),
            ("1,234.5", "一千二百三十四点五"),
            ("10个、2个、12个、200人", "十个、两个、十二个、二百人"),
            ("-5℃", "负五摄氏度"),
            ("3-5天，比分3:2，1/2", "三到五天，比分三比二，二分之一"),
        ],
    );
}

#[test]
fn names_and_addresses_stay_as_they_are() {
    for text in [
        "MP3 and H2O and v2.0",
        "version 1.2.3 of 10.0.0.1",
        "see https://a.b/2026/11/25?x=5 and me5@b.org",
        "Dr. who",
        "Hello, world.",
    ] {
        assert_eq!(in_words(text, "en"), text);
    }
    for text in ["MP3播放器", "你好，世界。"] {
        assert_eq!(in_words(text, "zh"), text);
    }
    assert_eq!(in_words("5 km", "de"), "5 km");
}

#[test]
fn a_unit_in_latin_letters_belongs_to_its_number() {
    assert_eq!(unit_behind("跑了5", "km", "zh"), 2);
    assert_eq!(unit_behind("跑了5 ", "km/h 快", "zh"), 4);
    for (text, next) in [("跑了", "km"), ("第5", "kmart"), ("有5", "GPUs")] {
        assert_eq!(unit_behind(text, next, "zh"), 0, "{text}{next}");
    }
}

#[test]
fn what_is_said_to_be_something_is_read_so() {
    use Reading::*;
    for (text, reading, language, told) in [
        ("Abc1", Characters, "en", "A B C one"),
        ("a.b", Characters, "en", "A dot B"),
        ("AB1", Characters, "zh", "A B 一"),
        ("2025", Digits, "en", "two zero two five"),
        ("+49 30-1", Digits, "en", "plus four nine, three zero, one"),
        ("110", Digits, "zh", "一 一 零"),
        ("2025", Cardinal, "en", "two thousand and twenty-five"),
        ("-3", Cardinal, "zh", "负三"),
        (" 21 ", Ordinal, "en", " twenty-first "),
        ("3rd", Ordinal, "en", "third"),
        ("3", Ordinal, "zh", "第三"),
        ("42", Cardinal, "fr", "quarante-deux"),
        ("42", Cardinal, "de", "42"),
        ("many", Cardinal, "en", "many"),
        ("1/2/2026", Date(DateOrder::DayFirst), "en", "February first, twenty twenty-six"),
        ("1/2", Date(DateOrder::MonthFirst), "en", "January second"),
        ("2026-11-25", Date(DateOrder::YearFirst), "zh", "二零二六年十一月二十五日"),
        ("2026-02-31", Date(DateOrder::YearFirst), "de", "2026-02-31"),
    ] {
        assert_eq!(read_as(text, reading, language), told, "{text:?} as {reading:?}");
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphabetic()).collect()
}

proptest! {
    #[test]
    fn any_text_can_be_put_into_words(text in any::<String>(), language in "(en|en-GB|zh|de|)") {
        let _words = in_words(&text, &language);
    }

    #[test]
    fn without_digits_and_abbreviations_nothing_changes(text in "[^0-9.]*", language in "(en|zh|de)") {
        prop_assert_eq!(in_words(&text, &language), text.as_str());
    }

    #[test]
    fn no_digit_and_no_word_is_lost(text in "([a-z]{1,5}|[0-9]{1,6}|[$%:.,/+-]| ){0,20}") {
        let told = in_words(&text, "en").into_owned();
        // What is not put into words is still there.
        let words = text.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 3);
        for word in words {
            prop_assert!(told.contains(word), "{} in {}", word, told);
        }
        if text.chars().any(|c| c.is_ascii_digit()) {
            prop_assert!(told.chars().any(char::is_alphanumeric));
        }
    }

    #[test]
    fn every_number_is_said(number in 0_u64..1_000_000_000_000_000) {
        let told = in_words(&number.to_string(), "en").into_owned();
        prop_assert!(!told.is_empty() && !told.chars().any(|c| c.is_ascii_digit()), "{}", told);
        let told = in_words(&number.to_string(), "zh").into_owned();
        prop_assert!(!told.is_empty() && letters(&told) == told, "{}", told);
    }
}
