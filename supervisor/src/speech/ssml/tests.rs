use proptest::prelude::*;

use super::{super::words::DateOrder, *};

fn text(text: &str, rate: f64, reading: Reading) -> Line {
    Line::Text { text: text.into(), rate, reading }
}

fn plain(words: &str) -> Line {
    text(words, 1.0, Reading::Plain)
}

fn read(text: &str) -> Vec<Line> {
    Script::read(text, Markup::Told).unwrap().0
}

fn wrong(text: &str) -> SsmlError {
    Script::read(text, Markup::Ssml).unwrap_err()
}

#[test]
fn a_document_is_its_text_with_rates_readings_and_rests() {
    let document = r#"<?xml version="1.0"?>
<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en">Hello<break time="250ms"/> <prosody
rate="slow">dear <prosody rate="200%">old</prosody></prosody> <sub alias="World Wide Web">WWW</sub>
<say-as interpret-as="date" format="dmy">1/2/2026</say-as><emphasis>now</emphasis>&amp;<![CDATA[<b>]]></speak>"#;
    assert_eq!(
        read(document),
        [
            plain("Hello"),
            Line::Break(250),
            plain(" "),
            text("dear ", 0.75, Reading::Plain),
            text("old", 1.5, Reading::Plain),
            plain(" World Wide Web\n"),
            text("1/2/2026", 1.0, Reading::Date(DateOrder::DayFirst)),
            plain("now&<b>"),
        ]
    );
    assert_eq!(read("<speak><p>One</p><p>two</p></speak>"), [plain("\nOne\n\ntwo\n")]);
}

#[test]
fn breaks_say_how_long_by_time_or_by_strength() {
    for (attributes, ms) in [
        ("", 400),
        ("time=\"1.5s\"", 1500),
        ("time=\"0ms\" strength=\"strong\"", 0),
        ("strength=\"none\"", 0),
        ("strength=\"x-strong\"", 1000),
    ] {
        assert_eq!(read(&format!("<speak>a<break {attributes}/></speak>"))[1], Line::Break(ms));
    }
    for attributes in
        ["time=\"1\"", "time=\"-1s\"", "time=\"11s\"", "time=\"1e3ms\"", "strength=\"loud\"", "time=\"s\""]
    {
        let error = wrong(&format!("<speak>\nab<break {attributes}/></speak>"));
        assert_eq!((error.row, error.column), (2, 3), "{attributes}: {error}");
    }
    assert!(wrong(&format!("<speak>{}</speak>", "<break time=\"10s\"/>".repeat(7))).message.contains("60 s"));
}

#[test]
fn rates_that_nobody_could_speak_are_refused() {
    for (rate, factor) in [("x-fast", 1.6), ("120%", 1.2), ("+20%", 1.2), ("-50%", 0.5), ("0.8", 0.8)] {
        let lines = read(&format!("<speak><prosody rate=\"{rate}\">a</prosody></speak>"));
        assert_eq!(lines, [text("a", factor, Reading::Plain)]);
    }
    for rate in ["", "quick", "0", "900%", "-90%", "NaN", "inf", "1e1"] {
        assert!(
            wrong(&format!("<speak><prosody rate=\"{rate}\">a</prosody></speak>")).message.contains("rate"),
            "{rate}"
        );
    }
    wrong("<speak><prosody rate=\"3\">a<prosody rate=\"3\">b</prosody></prosody></speak>");
}

#[test]
fn what_is_malformed_is_told_with_its_place() {
    for (document, place) in [
        ("<speak>a</spaek>", (1, 9)),
        ("<speak>\n a < b</speak>", (2, 5)),
        ("<speak>a &nbsp; b</speak>", (1, 10)),
        ("<speak>a", (1, 9)),
        ("<voice>a</voice>", (1, 1)),
        ("hello", (1, 1)),
    ] {
        let error = wrong(document);
        assert_eq!((error.row, error.column), place, "{document}: {error}");
    }
}

#[test]
fn no_document_can_read_a_file_or_grow_without_end() {
    let entity = "<!DOCTYPE speak [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><speak>&a;</speak>";
    assert!(wrong(entity).message.contains("DTD"));
    let deep = |depth: usize| format!("<speak>{}a{}</speak>", "<a>".repeat(depth), "</a>".repeat(depth));
    assert_eq!(Script::read(&deep(DEEPEST - 1), Markup::Told).unwrap().0, [plain("a")]);
    assert!(wrong(&deep(DEEPEST)).message.contains("within each other"));
    assert!(wrong(&deep(4000)).message.contains("within each other"));
    assert!(wrong(&deep(100_000)).message.contains("limit"));
}

#[test]
fn only_what_begins_like_ssml_is_ssml() {
    for text in ["<speak>a</speak>", "\u{feff} \n<speak\n>a</speak>", "<?xml version='1.0'?> <speak/>"] {
        assert!(is_ssml(text), "{text}");
    }
    for text in ["speak", "<speaker>", "a <speak>", "<spea", "<?xml", "5 < 6"] {
        assert!(!is_ssml(text), "{text}");
        assert_eq!(Script::read(text, Markup::Told).unwrap(), Script::plain(text));
    }
    let literal = Script::read("<speak>a</speak>", Markup::None).unwrap();
    assert_eq!(literal, Script::plain("<speak>a</speak>"));
}

#[test]
fn a_plain_text_may_have_breaks_in_it() {
    let read = |text| Script::read(text, Markup::Breaks).unwrap().0;
    assert_eq!(
        read("Well <break time=\"0.5s\" /> x < y & <b>z</b>"),
        [plain("Well "), Line::Break(500), plain(" x < y & <b>z</b>")]
    );
    assert_eq!(read("a<break>b"), [plain("a"), Line::Break(400), plain("b")]);
    let error = Script::read("a\nbc<break time=\"99s\"/>", Markup::Breaks).unwrap_err();
    assert_eq!((error.row, error.column), (2, 3));
}

fn spoken(script: &Script) -> String {
    let texts = script.0.iter().filter_map(|line| match line {
        Line::Text { text, .. } => Some(text.as_str()),
        Line::Break(_) => None,
    });
    texts.collect()
}

/// Documents of any shape, and all the text that is in them.
fn documents() -> impl Strategy<Value = (String, String)> {
    let leaf = "[^<>&\\p{C}]{0,8}".prop_map(|text| (text.clone(), text));
    let names = prop::sample::select(vec!["p", "emphasis", "prosody", "say-as", "voice", "x"]);
    leaf.prop_recursive(4, 40, 5, move |inner| {
        (names.clone(), prop::collection::vec(inner, 0..5)).prop_map(|(name, children)| {
            let (markup, text): (Vec<String>, Vec<String>) = children.into_iter().unzip();
            (format!("<{name}>{}<break/></{name}>", markup.concat()), text.concat())
        })
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), markup in "(<speak>)?[<>/a-z&;\"= ]{0,40}(</speak>)?") {
        for markup in [markup, text.clone(), format!("<speak>{text}</speak>")] {
            for how in [Markup::Told, Markup::Ssml, Markup::Breaks, Markup::None] {
                let _read = Script::read(&markup, how);
            }
        }
    }

    #[test]
    fn a_text_without_markup_is_itself(text in any::<String>()) {
        prop_assume!(!is_ssml(&text));
        prop_assert_eq!(Script::read(&text, Markup::Told).unwrap(), Script::plain(&text));
    }

    #[test]
    fn no_text_within_a_document_is_lost((document, text) in documents()) {
        let script = Script::read(&format!("<speak>{document}</speak>"), Markup::Told).unwrap();
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        prop_assert_eq!(letters(&spoken(&script)), letters(&text));
    }
}
