use proptest::prelude::*;

use super::*;
use crate::bench::record::Heard;

fn complete(latency_ms: u64, underrun_ms: Option<u64>) -> Record {
    Record {
        outcome: Outcome::Complete(Heard {
            ttfa: Duration::from_millis(10),
            audio: Duration::from_secs(1),
            underrun: underrun_ms.map(Duration::from_millis),
            ahead: Duration::ZERO,
        }),
        latency: Duration::from_millis(latency_ms),
        late: None,
        server_rtf: None,
        queue_wait: None,
    }
}

fn ended(outcome: Outcome) -> Record {
    Record { outcome, ..complete(1, None) }
}

fn figure(figures: &Figures, name: &str) -> Option<f64> {
    figures.all().into_iter().find(|(known, _)| known == name).expect("there is such a figure").1
}

#[test]
fn each_ending_is_counted_and_only_complete_answers_are_timed() {
    let reason = || "429 no_capacity".to_owned();
    let records = [
        complete(100, Some(0)),
        complete(300, Some(80)),
        complete(200, Some(150)),
        ended(Outcome::Incomplete("broken off".into())),
        ended(Outcome::Rejected { reason: reason(), retry_after: Some(Duration::from_secs(3)) }),
        ended(Outcome::Rejected { reason: reason(), retry_after: None }),
        ended(Outcome::Failed("timeout".into())),
        ended(Outcome::Interrupted),
    ];
    let figures = Figures::of(&records, 2, Duration::from_secs(6));
    for (name, value) in [
        ("requests", 8.0),
        ("ok", 3.0),
        ("rejected", 2.0),
        ("incomplete", 1.0),
        ("errors", 1.0),
        ("interrupted", 1.0),
        ("not_sent", 2.0),
        ("ok_percent", 37.5),
        ("requests_per_s", 0.5),
        ("audio_s_per_s", 0.5),
        ("latency_ms_p50", 200.0),
        ("latency_ms_worst", 300.0),
        ("rtf_p50", 0.2),
        ("underrun_ms_worst", 150.0),
        ("retry_after_s_worst", 3.0),
        // Of four streams that began, one broke off.
        ("c50", 25.0),
        ("c100", 50.0),
        ("c200", 75.0),
    ] {
        assert_eq!(figure(&figures, name), Some(value), "{name}");
    }
    assert_eq!(figure(&figures, "server_rtf_p50"), None);
    assert_eq!(figures.trouble.get("429 no_capacity"), Some(&2));
}

#[test]
fn a_run_without_streams_or_without_anything_has_no_such_figures() {
    let buffered = Figures::of(&[complete(100, None)], 0, Duration::from_secs(1));
    assert_eq!(figure(&buffered, "c100"), None);
    assert_eq!(figure(&buffered, "underrun_ms_worst"), None);
    let nothing = Figures::of(&[], 0, Duration::ZERO);
    assert_eq!(figure(&nothing, "requests"), Some(0.0));
    assert_eq!(figure(&nothing, "ttfa_ms_p99"), None);
    assert_eq!(figure(&nothing, "requests_per_s"), None);
}

proptest! {
    #[test]
    fn so_many_percent_are_at_most_a_percentile_and_fewer_are_below(
        values in prop::collection::vec(-1e9_f64..1e9, 1..300),
    ) {
        let spread = Spread::of(values.clone()).unwrap();
        for (percent, value) in [50, 95, 99, 100].into_iter().zip(spread.ranks()) {
            let at_most = values.iter().filter(|&&other| other <= value).count();
            let below = values.iter().filter(|&&other| other < value).count();
            prop_assert!(values.contains(&value));
            prop_assert!(at_most * 100 >= percent * values.len());
            prop_assert!(below * 100 < percent * values.len());
        }
    }
}
