//! The line that `systemctl status` shows: who can speak, who cannot, and why.

use ishowtts_workers::{WorkerStatus, lifecycle::State};

use crate::pools::Pools;

/// Longest reason that a status line repeats, in characters; the log has all of it.
const LONGEST: usize = 160;

/// How an engine stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// So many of its workers can speak.
    Ready { workers: usize, of: usize },
    /// None of them will.
    Failed(String),
    /// They are on their way.
    Coming(String),
}

/// How all engines stand, in one line, and whether what is shared with other machines can be reached, if anything is.
pub fn line(pools: &Pools, is_cluster_up: Option<bool>) -> String {
    let names = pools.engines();
    let engines: Vec<(&str, Standing)> =
        names.iter().filter_map(|engine| Some((engine.as_str(), standing(pools, engine)?))).collect();
    let away = if is_cluster_up == Some(false) { "; NATS is away" } else { "" };
    wording(&engines) + away
}

/// `None` for an engine that is not enabled.
fn standing(pools: &Pools, engine: &str) -> Option<Standing> {
    if let Some(reason) = pools.failure(engine) {
        return Some(Standing::Failed(reason));
    }
    let workers: Vec<WorkerStatus> =
        pools.get(engine)?.statuses().into_iter().map(|(_, status)| status).collect();
    let ready = workers.iter().filter(|worker| worker.ready.is_some()).count();
    if ready > 0 {
        return Some(Standing::Ready { workers: ready, of: workers.len() });
    }
    Some(Standing::Coming(workers.first().map_or_else(String::new, coming)))
}

/// What a worker does that is not ready.
fn coming(worker: &WorkerStatus) -> String {
    match (&worker.progress, worker.state) {
        (Some((stage, fraction)), State::Starting) => format!("{stage} ({:.0} %)", fraction * 100.0),
        (None, State::Starting) => "starting".into(),
        _ if worker.last_fault.is_some() => {
            format!("starting again: {}", short(worker.last_fault.as_deref().unwrap_or_default()))
        }
        _ => "starting".into(),
    }
}

fn wording(engines: &[(&str, Standing)]) -> String {
    let ready: Vec<String> = engines
        .iter()
        .filter_map(|(name, standing)| match standing {
            Standing::Ready { workers, of } if workers < of => {
                Some(format!("{name}: {workers} of {of} workers"))
            }
            Standing::Ready { .. } => Some((*name).to_owned()),
            _ => None,
        })
        .collect();
    let first = match ready.len() {
        0 => "No engine ready".into(),
        1 => format!("1 engine ready ({})", ready.join(", ")),
        count => format!("{count} engines ready ({})", ready.join(", ")),
    };
    let others = engines.iter().filter_map(|(name, standing)| match standing {
        Standing::Ready { .. } => None,
        Standing::Failed(reason) => Some(format!("{name} failed: {}", short(reason))),
        Standing::Coming(how) => Some(format!("{name} {how}")),
    });
    [first].into_iter().chain(others).collect::<Vec<_>>().join("; ")
}

/// A reason as part of a line.
fn short(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    line.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_who_is_ready_who_failed_and_who_is_on_the_way() {
        let all = |workers| Standing::Ready { workers, of: 2 };
        let failed = Standing::Failed("no model at /m (missing_model)\nand more".into());
        assert_eq!(
            wording(&[("f5", failed), ("fastspeech2", all(2)), ("piper", all(1))]),
            "2 engines ready (fastspeech2, piper: 1 of 2 workers); f5 failed: no model at /m (missing_model)"
        );
        let coming = Standing::Coming("warming (60 %)".into());
        assert_eq!(wording(&[("kokoro", coming)]), "No engine ready; kokoro warming (60 %)");
        assert_eq!(wording(&[("tone", all(2))]), "1 engine ready (tone)");
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let told = short(&"长".repeat(500));
        assert_eq!(told.chars().count(), LONGEST + 1);
        assert!(told.ends_with('…'));
    }
}
