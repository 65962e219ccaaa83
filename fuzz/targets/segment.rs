//! The way of a text to the workers: cleaned, given to engines by its writing, cut into segments. Nothing is lost,
//! nothing is said twice, and no segment is longer than it may be.

#![no_main]

use std::{str, sync::LazyLock};

use ishowtts::{
    config::{self, Overrides},
    speech::{Budget, Pause, clean, cut, estimated_ms, is_speakable, runs},
    voices::VoiceBook,
};
use libfuzzer_sys::fuzz_target;

/// How far a segment may go beyond its budget.
const TOLERANCE: (u32, u32) = (3, 2);

static VOICES: LazyLock<VoiceBook> = LazyLock::new(|| {
    let overrides = Overrides { state_dir: Some("/nowhere".into()), ..Overrides::default() };
    VoiceBook::new(&config::parse(None, config::DEFAULT, &overrides).expect("the file that we ship is valid"))
});

fuzz_target!(|input: &[u8]| {
    let [first, most, text @ ..] = input else { return };
    let Ok(text) = str::from_utf8(text) else { return };
    let budget = Budget { first_ms: 1 + u32::from(*first) * 20, most_ms: 1 + u32::from(*most) * 50 };
    check(text, budget);

    let cleaned = clean(text);
    let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    assert_eq!(visible(&cleaned.text) + cleaned.skipped, visible(text));
    assert_eq!(clean(&cleaned.text).text, cleaned.text);
    check(&cleaned.text, budget);
    for reads_japanese in [false, true] {
        let whole: String = runs(&cleaned.text, reads_japanese).into_iter().map(|run| run.text).collect();
        assert_eq!(whole, cleaned.text);
    }

    match VOICES.cast(Some("walter"), text, &|_| None) {
        Ok(cast) => {
            assert!(!cast.parts.is_empty());
            assert!(cast.parts.iter().all(|part| is_speakable(&part.text)));
            let spoken = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
            let parts = cast.parts.iter().map(|part| spoken(&part.text)).sum::<usize>();
            assert_eq!(parts, spoken(&cleaned.text), "every letter is given to somebody");
        }
        Err(_) => assert!(!is_speakable(&cleaned.text)),
    }
});

fn check(text: &str, budget: Budget) {
    let segments = cut(text, budget);
    assert_eq!(segments.concat(), text);
    let mut limit = budget.first_ms.min(budget.most_ms);
    for segment in &segments {
        assert!(!segment.is_empty());
        let longest = limit * TOLERANCE.0 / TOLERANCE.1;
        assert!(estimated_ms(segment) <= longest || segment.chars().count() == 1, "{segment:?}");
        limit = (limit * 2).min(budget.most_ms);
        let _rest = Pause::after(segment);
    }
    assert_eq!(cut(text, budget), segments, "the same text is cut the same way");
}
