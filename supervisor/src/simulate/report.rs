//! Simulated runs beside each other: a table for people, JSON for machines.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{Decider, Figures, Load, Readers};
use crate::{VERSION, bench::Spread};

/// A machine, and what became of it under each load.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The machine.
    pub machine: &'a Load,
    /// Every run's figures.
    pub figures: &'a [Figures],
}

const COLUMNS: [&str; 12] = [
    "load",
    "discipline",
    "refused %",
    "C50 %",
    "C100 %",
    "C200 %",
    "TTFA p50",
    "p95",
    "p99 ms",
    "audio %",
    "good %",
    "streams",
];
/// A column and the space before it.
const WIDTH: usize = 11;

/// For people: the figures as one table, and the times of decisions as another.
impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", headline(self.machine))?;
        row(f, &COLUMNS.map(str::to_owned))?;
        for figures in self.figures {
            let [c50, c100, c200] = figures.continuity.map(cut);
            let (p50, p95, p99) = ranks(figures.ttfa, 0);
            row(
                f,
                &[
                    format!("{}", figures.load),
                    figures.discipline.name().to_owned(),
                    format!("{:.1}", figures.refused),
                    c50,
                    c100,
                    c200,
                    p50,
                    p95,
                    p99,
                    format!("{:.1}", figures.spoken),
                    format!("{:.1}", figures.goodput),
                    figures.most_streams.to_string(),
                ],
            )?;
        }
        writeln!(f)?;
        self.returns(f)?;
        self.decisions(f)
    }
}

impl Report<'_> {
    fn returns(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for figures in self.figures.iter().filter(|figures| figures.came_back > 0) {
            let (load, kept, all) = (figures.load, figures.kept, figures.came_back);
            writeln!(f, "load {load}: came back as told {all} times, and was let in {kept} times")?;
        }
        Ok(())
    }

    /// How long decisions took here, which no seed decides.
    fn decisions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = ["load", "decision", "p50 µs", "p99 µs", "worst µs", "run, s"];
        row(f, &titles.map(str::to_owned))?;
        for figures in self.figures.iter().filter(|figures| figures.discipline == Decider::Plan) {
            let kinds = &figures.decisions;
            for (name, spread) in [
                ("admit", kinds.admission),
                ("refuse", kinds.refusal),
                ("begin", kinds.beginning),
                ("dispatch", kinds.dispatch),
            ] {
                let Some(spread) = spread else { continue };
                row(
                    f,
                    &[
                        format!("{}", figures.load),
                        name.to_owned(),
                        format!("{:.1}", spread.p50),
                        format!("{:.1}", spread.p99),
                        format!("{:.1}", spread.worst),
                        format!("{:.1}", figures.elapsed.as_secs_f64()),
                    ],
                )?;
            }
        }
        Ok(())
    }

    /// For machines: version, options and every figure. Under `wall` stands what depends on this machine.
    pub fn json(&self) -> Value {
        let machine = self.machine;
        let runs: Vec<Value> = self.figures.iter().map(run).collect();
        json!({
            "version": VERSION,
            "options": {
                "workers": machine.workers,
                "rtf": machine.rtf,
                "seconds": machine.length.as_secs_f64(),
                "clients": machine.clients,
                "readers": readers(machine.readers),
                "cost_error": machine.cost_error,
                "come_back": machine.come_back,
                "seed": machine.seed,
            },
            "runs": runs,
        })
    }
}

fn run(figures: &Figures) -> Value {
    let [c50, c100, c200] = figures.continuity;
    let spread = |spread: Option<Spread>| -> Value {
        let names = ["p50", "p95", "p99", "worst"];
        let values = spread.map(|spread| names.into_iter().zip(spread.ranks()));
        values.map_or(Value::Null, |values| {
            Value::Object(values.map(|(name, value)| (name.to_owned(), json!(value))).collect::<Map<_, _>>())
        })
    };
    json!({
        "load": figures.load,
        "discipline": figures.discipline.name(),
        "requests": figures.requests,
        "refused_percent": figures.refused,
        "c50": c50,
        "c100": c100,
        "c200": c200,
        "ttfa_ms": spread(figures.ttfa),
        "audio_percent": figures.spoken,
        "goodput_percent": figures.goodput,
        "most_streams": figures.most_streams,
        "came_back": figures.came_back,
        "came_back_and_let_in": figures.kept,
        "wall": {
            "elapsed_s": figures.elapsed.as_secs_f64(),
            "admission_us": spread(figures.decisions.admission),
            "refusal_us": spread(figures.decisions.refusal),
            "beginning_us": spread(figures.decisions.beginning),
            "dispatch_us": spread(figures.decisions.dispatch),
        },
    })
}

fn row(f: &mut fmt::Formatter<'_>, cells: &[String]) -> fmt::Result {
    cells.iter().try_for_each(|cell| write!(f, "{cell:>WIDTH$}"))?;
    writeln!(f)
}

fn ranks(spread: Option<Spread>, decimals: usize) -> (String, String, String) {
    let show = |of: fn(&Spread) -> f64| {
        spread.as_ref().map_or_else(|| "-".to_owned(), |spread| format!("{:.decimals$}", of(spread)))
    };
    (show(|spread| spread.p50), show(|spread| spread.p95), show(|spread| spread.p99))
}

/// Cut, not rounded: 100 % is said only of all.
fn cut(share: f64) -> String {
    let cut = (share * 100.0).floor() / 100.0;
    format!("{cut}")
}

fn readers(readers: Readers) -> &'static str {
    match readers {
        Readers::Paced => "paced",
        Readers::Eager => "eager",
    }
}

fn headline(machine: &Load) -> String {
    let Load { workers, rtf, clients, seed, .. } = machine;
    let (seconds, readers) = (machine.length.as_secs_f64(), readers(machine.readers));
    let capacity = machine.capacity();
    let error = if machine.cost_error > 0.0 {
        format!(" · costs up to {} % wrong", machine.cost_error * 100.0)
    } else {
        String::new()
    };
    let back = if machine.come_back { " · refused clients come back" } else { "" };
    format!(
        "{workers} workers of RTF {rtf}: {capacity:.0} s of audio per second · requests for {seconds} s · \
         {clients} clients · {readers} readers{error}{back} · seed {seed}"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::Decisions, *};

    fn figures() -> Figures {
        Figures {
            discipline: Decider::Plan,
            load: 1.5,
            requests: 10,
            refused: 33.33,
            continuity: [99.999, 100.0, 100.0],
            ttfa: Spread::of(vec![100.0, 200.0]),
            spoken: 98.0,
            goodput: 97.5,
            most_streams: 7,
            kept: 2,
            came_back: 3,
            decisions: Decisions { admission: Spread::of(vec![5.0]), ..Decisions::default() },
            elapsed: Duration::from_millis(1500),
        }
    }

    #[test]
    fn every_figure_is_shown_to_people_and_machines() {
        let machine = Load {
            workers: 2,
            rtf: 0.1,
            length: Duration::from_mins(2),
            clients: 20,
            readers: Readers::Paced,
            cost_error: 0.2,
            come_back: true,
            seed: 1,
        };
        let figures = [figures()];
        let report = Report { machine: &machine, figures: &figures };
        let table = report.to_string();
        for shown in
            ["20 s of audio", "20 % wrong", "ishowtts", "99.99 ", "33.3", "97.5", "let in 2", "admit"]
        {
            assert!(table.contains(shown), "{shown}: {table}");
        }
        assert!(!table.contains("refuse "), "none was made: {table}");
        let json = report.json();
        assert_eq!(json["runs"][0]["ttfa_ms"]["p99"], 200.0);
        assert_eq!(json["runs"][0]["wall"]["refusal_us"], Value::Null);
        assert_eq!(json["options"]["clients"], 20);
    }
}
