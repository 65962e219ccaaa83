use proptest::prelude::*;

use super::{Budget, TOLERANCE, cut, estimated_ms};

fn short() -> Budget {
    Budget { first_ms: 1200, most_ms: 3000 }
}

fn pieces(text: &str) -> Vec<&str> {
    let pieces = cut(text, short());
    assert_eq!(pieces.concat(), text);
    pieces
}

#[test]
fn a_text_that_fits_stays_whole() {
    for text in ["Hi.", "你好！好吗？", "One, two. Three!", ""] {
        let expected: &[&str] = if text.is_empty() { &[] } else { &[text] };
        assert_eq!(cut(text, Budget { first_ms: 5000, most_ms: 5000 }), expected);
    }
}

#[test]
fn the_first_segment_is_short_and_the_later_ones_are_longer() {
    let text = "First comes a clause, then more of the sentence follows it, and more. A second sentence is here. \
                And a third one, for good measure, so that there is enough of it.";
    let pieces = pieces(text);
    assert_eq!(pieces[0], "First comes a clause, ");
    assert!(estimated_ms(pieces[0]) < estimated_ms(pieces[1]), "{pieces:?}");
    assert!(pieces.len() < 6, "{pieces:?}");
}

#[test]
fn sentences_are_kept_whole_where_they_fit() {
    assert_eq!(
        pieces("今天天气很好。我们去公园散步吧！你想去吗？我觉得很有意思。"),
        ["今天天气很好。", "我们去公园散步吧！", "你想去吗？我觉得很有意思。"]
    );
}

#[test]
fn nothing_that_belongs_together_is_torn_apart() {
    for (together, text) in [
        ("No. 5", "The house that you are looking for is No. 5 in that street over there, on the left."),
        ("3.14159", "The number called pi is about 3.14159 and it never ends, as everybody knows by now."),
        ("1,234,567", "There are about 1,234,567 of them in all, which is quite a lot for a small place."),
        ("12:30", "We shall meet again at 12:30 in the usual place, and then we shall see what comes."),
        ("Dr. Smith", "Yesterday afternoon Dr. Smith came to see us again, and he stayed for a long time."),
        (
            "J. R. R. Tolkien",
            "It was of course J. R. R. Tolkien who wrote it, a long time ago, in another place.",
        ),
        ("e.g. this", "There are several of them, e.g. this one here, and some others that I forgot about."),
        (
            "https://example.com/a,b.html?x=1.5",
            "Look at https://example.com/a,b.html?x=1.5 for more about it, if you have the time.",
        ),
        ("me@example.com", "Please write to me@example.com about that, whenever you have the time for it."),
        ("“Stop! Now!”", "Then somebody behind us shouted “Stop! Now!” and we all stood still at once."),
        ("99.5", "这件衣服的价格现在是99.5元左右，比上个星期又贵了一点，不过还是值得买。"),
        ("《三国演义》", "我小时候最喜欢看的一本书就是《三国演义》，后来又看了很多别的书。"),
        ("九百九十九", "这台电脑的价格是九百九十九美元，比上个月便宜多了，不过还是不值得现在就买。"),
        ("100 000", "The whole town has some 100 000 people in it now, and more are coming every year."),
    ] {
        let pieces = pieces(text);
        assert!(pieces.len() > 1, "{pieces:?}");
        assert!(pieces.iter().any(|piece| piece.contains(together)), "{together}: {pieces:?}");
    }
}

#[test]
fn a_word_that_is_an_abbreviation_only_before_a_number_ends_a_sentence() {
    assert_eq!(pieces("He said no. Then we left the place and went home.")[0], "He said no. ");
}

#[test]
fn closing_marks_stay_with_what_they_close() {
    let pieces = pieces("他大声地说：“我们今天不去了。”然后他就回家了，再也没有出来过。");
    assert!(pieces.iter().all(|piece| !piece.starts_with(['”', '。', '，'])), "{pieces:?}");
}

#[test]
fn text_without_punctuation_is_cut_between_words() {
    let english =
        pieces("there is no punctuation in this at all it just goes on and on and on without a rest");
    assert!(english.len() > 1);
    assert!(english.iter().all(|piece| piece.ends_with(' ') || piece.ends_with("rest")), "{english:?}");
    let chinese = pieces("我们今天下午一起去北京大学图书馆学习中国历史然后再去吃晚饭");
    assert!(chinese.len() > 1);
    let torn =
        chinese.iter().any(|piece| piece.ends_with('图') || piece.ends_with('历') || piece.ends_with('晚'));
    assert!(!torn, "{chinese:?}");
}

#[test]
fn one_endless_word_is_cut_all_the_same() {
    let word = "a".repeat(500);
    assert!(pieces(&word).iter().all(|piece| estimated_ms(piece) <= 3000));
}

#[test]
fn paragraphs_end_segments() {
    let pieces =
        pieces("A heading without a mark\nThen the text begins here, and goes on for a while after that.");
    assert_eq!(pieces[0], "A heading without a mark\n");
}

#[test]
fn a_long_text_takes_no_longer_for_what_it_is_made_of() {
    // With work for each mark that grows with all that stands before it, these would take minutes.
    let length = 100_000;
    let all = |unit: &str| unit.repeat(length / unit.chars().count());
    let nested = format!("{}{}", "“a".repeat(length / 4), "”a".repeat(length / 4));
    let never_closed = format!("{}{}", "(".repeat(length / 2), "”".repeat(length / 2));
    for text in [all("a.好"), all("a.a"), all("://"), all("\"a "), nested, never_closed] {
        assert_eq!(pieces(&text).concat(), text);
    }
}

#[test]
fn an_address_is_one_word_however_long() {
    let address = format!("https://a.cn/{}.好/b", "新闻".repeat(30));
    let places: Vec<_> = super::breaks::find(&address, 0).into_iter().map(|place| place.at).collect();
    assert!(!places.contains(&(address.find('好').unwrap())), "{places:?}");
    let plain = format!("{}.好/b", "新闻".repeat(30));
    let places: Vec<_> = super::breaks::find(&plain, 0).into_iter().map(|place| place.at).collect();
    assert!(places.contains(&(plain.find('好').unwrap())), "{places:?}");
}

/// Text such as people write, and such as nobody would.
fn texts() -> impl Strategy<Value = String> {
    let scraps = prop::sample::select(vec![
        "hello",
        " ",
        "世界",
        "。",
        "，",
        "3.14",
        "Dr.",
        ". ",
        "“",
        "”",
        "\"",
        "!",
        "\n",
        "http://a.b/c",
        "ก",
        "é",
        "👍",
        "e\u{301}",
        "(",
        ")",
        "图书馆",
        "…",
        "12",
        "a",
        "，\"",
        "\u{200d}",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(scraps, 0..80).prop_map(|scraps| scraps.concat()),]
}

proptest! {
    #[test]
    fn nothing_is_lost_and_no_segment_is_too_long(text in texts(), first in 100_u32..3000, most in 100_u32..8000) {
        let pieces = cut(&text, Budget { first_ms: first, most_ms: most });
        prop_assert_eq!(pieces.concat(), text.as_str());
        let mut limit = first.min(most);
        for piece in pieces {
            prop_assert!(!piece.is_empty());
            let longest = limit * TOLERANCE.0 / TOLERANCE.1;
            prop_assert!(estimated_ms(piece) <= longest || piece.chars().count() == 1, "{:?}", piece);
            limit = (limit * 2).min(most);
        }
    }

    #[test]
    fn the_same_text_is_cut_the_same_way(text in texts()) {
        prop_assert_eq!(cut(&text, short()), cut(&text, short()));
    }
}
