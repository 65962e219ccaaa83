use proptest::prelude::*;

use super::*;

const RATE: u32 = 1000;

fn pcm(samples: &[i16]) -> Bytes {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn joined(segments: &[&[i16]], chunk: usize, pause: Pause) -> Vec<i16> {
    let mut join = Join::new(RATE);
    let mut out = Vec::new();
    for segment in segments {
        for part in segment.chunks(chunk) {
            join.push(pcm(part), &mut out);
        }
        join.end_segment(pause);
    }
    join.finish(&mut out);
    assert!(out.iter().all(|piece| !piece.is_empty()), "an empty piece");
    out.concat().chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn sentence(leading: usize, loud: usize, trailing: usize) -> Vec<i16> {
    [vec![5; leading], vec![8000; loud], vec![-5; trailing]].concat()
}

#[test]
fn the_pause_is_as_long_as_asked_whatever_the_engines_left() {
    let pause = Pause { least_ms: 100, most_ms: 200 };
    for (trailing, leading, expected) in [(0, 0, 100), (30, 20, 100), (100, 50, 150), (300, 400, 200)] {
        let audio = joined(&[&sentence(0, 50, trailing), &sentence(leading, 50, 0)], 17, pause);
        assert_eq!(audio.len(), 100 + expected, "{trailing}+{leading}");
        let silence = &audio[50 + 4..50 + expected];
        assert!(silence.iter().all(|sample| sample.unsigned_abs() <= SILENCE), "{trailing}+{leading}");
    }
}

#[test]
fn no_seam_jumps_between_silence_and_full_sound() {
    for leading in [0, 1, 3] {
        let audio = joined(&[&sentence(0, 50, 0), &sentence(leading, 50, 0)], 50, Pause::after("a"));
        let jumps = audio.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs());
        assert!(jumps.max().unwrap() <= 8000 / 4 + 1, "{leading}: {audio:?}");
    }
}

#[test]
fn a_seam_leaves_the_sound_on_both_sides_as_it_was() {
    let word: Vec<i16> = [vec![40; 60], (0..50).map(|n| 3000 + n * 7).collect(), vec![-40; 60]].concat();
    let audio = joined(&[&word, &word], 13, Pause::after("a"));
    let sound: Vec<i16> = audio.into_iter().filter(|sample| *sample > 1000).collect();
    assert_eq!(sound, [&word[60..110], &word[60..110]].concat());
}

#[test]
fn a_segment_without_sound_leaves_one_pause_and_the_longer_one() {
    let (word, silence) = (sentence(20, 50, 20), vec![1; 700]);
    for (segments, expected) in [
        (vec![&word[..], &silence, &word], 20 + 50 + 380 + 50 + 20),
        (vec![&word, &[], &word], 20 + 50 + 340 + 50 + 20),
        (vec![&silence, &word], 20 + 50 + 20),
    ] {
        let mut join = Join::new(RATE);
        let mut out = Vec::new();
        for (segment, text) in segments.iter().zip(["One, ", "。", "two"]) {
            join.push(pcm(segment), &mut out);
            join.end_segment(Pause::after(text));
        }
        join.finish(&mut out);
        assert_eq!(out.concat().len() / 2, expected);
    }
}

#[test]
fn a_silence_that_was_asked_for_is_exactly_as_long_wherever_it_stands() {
    let (word, silence) = (sentence(20, 50, 30), vec![1; 1700]);
    for (segments, rests, expected) in [
        (vec![&word[..], &word], vec![Pause::exactly(2500), Pause::exactly(0)], vec![300, 2500, 0]),
        (vec![&word, &word], vec![Pause::exactly(0), Pause::exactly(10)], vec![300, 0, 10]),
        (
            vec![&word, &silence, &word],
            vec![Pause::exactly(400), Pause::exactly(500), Pause::exactly(5)],
            vec![300, 900, 5],
        ),
        (
            vec![&word, &silence, &word],
            vec![Pause::after("."), Pause::exactly(100), Pause::exactly(5)],
            vec![300, 100, 5],
        ),
        (vec![&silence, &word], vec![Pause::exactly(100), Pause::exactly(5)], vec![400, 5]),
    ] {
        let mut join = Join::new(RATE);
        join.begin_with(300);
        let mut out = Vec::new();
        for (segment, rest) in segments.iter().zip(rests) {
            for part in segment.chunks(7) {
                join.push(pcm(part), &mut out);
            }
            join.end_segment(rest.at_speed(2.0));
        }
        join.finish(&mut out);
        assert!(out.iter().all(|piece| !piece.is_empty()), "an empty piece");
        let out = out.concat();
        let samples: Vec<bool> = out
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs() > 2500)
            .collect();
        assert_eq!(samples.len(), 50 * (expected.len() - 1) + expected.iter().sum::<usize>(), "{expected:?}");
        // The first sample of a word rises through the ramp.
        let first = samples.iter().position(|loud| *loud).unwrap();
        assert!((expected[0]..expected[0] + 4).contains(&first), "{first} for {expected:?}");
    }
}

proptest! {
    #[test]
    fn one_segment_passes_unchanged(samples in prop::collection::vec(any::<i16>(), 0..3000), chunk in 1_usize..500) {
        prop_assert_eq!(joined(&[&samples], chunk, Pause::after(".")), samples);
    }

    #[test]
    fn chunking_changes_nothing(
        a in prop::collection::vec(-300_i16..300, 1..300),
        b in prop::collection::vec(-300_i16..300, 1..300),
        chunk in 1_usize..50,
    ) {
        let pause = Pause::after(",");
        prop_assert_eq!(joined(&[&a, &b], chunk, pause), joined(&[&a, &b], 1000, pause));
    }
}
