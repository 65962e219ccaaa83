//! Whether a worker that works should be replaced all the same. Pure.

use super::fault::Fault;
use crate::{protocol::Memory, spec::Upkeep};

/// Memory that comes and goes with the texts; less than this is no growth.
const LEAST_GROWTH: u64 = 64 << 20;

/// What is known of a life so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wear {
    /// Syntheses that it finished.
    pub(super) finished: u64,
    /// Resident memory when it became ready.
    pub(super) at_first: u64,
}

/// Why it should be replaced, if it should.
pub(super) fn due(upkeep: &Upkeep, wear: Wear, memory: Memory) -> Option<Fault> {
    let over = |held: u64, most: Option<u64>| most.filter(|most| held > *most);
    if let Some(most) = over(memory.rss_bytes, upkeep.rss_bytes) {
        return Some(Fault::Memory { held: memory.rss_bytes, most, where_: "" });
    }
    if let Some(most) = over(memory.device_bytes, upkeep.device_bytes) {
        return Some(Fault::Memory { held: memory.device_bytes, most, where_: " on its device" });
    }
    if upkeep.max_segments.is_some_and(|most| wear.finished >= most) {
        return Some(Fault::Recycled(format!("it has spoken {} segments", wear.finished)));
    }
    let grown = memory.rss_bytes.saturating_sub(wear.at_first);
    #[expect(clippy::cast_precision_loss, reason = "exact up to petabytes")]
    let share = grown as f64 / wear.at_first.max(1) as f64;
    (wear.at_first > 0 && grown >= LEAST_GROWTH && upkeep.rss_growth.is_some_and(|most| share > most)).then(
        || {
            let (mb, first) = (memory.rss_bytes >> 20, wear.at_first >> 20);
            Fault::Recycled(format!("its memory has grown from {first} MiB to {mb} MiB"))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn why(upkeep: Upkeep, finished: u64, rss_mib: u64) -> Option<String> {
        let memory = Memory { rss_bytes: rss_mib * MIB, device_bytes: 900 * MIB };
        due(&upkeep, Wear { finished, at_first: 200 * MIB }, memory).map(|fault| fault.to_string())
    }

    #[test]
    fn nothing_is_due_where_nothing_is_set() {
        assert_eq!(why(Upkeep::default(), 1_000_000, 100_000), None);
    }

    #[test]
    fn each_limit_holds_for_itself() {
        let segments = Upkeep { max_segments: Some(10), ..Upkeep::default() };
        assert_eq!(why(segments, 9, 200), None);
        assert!(why(segments, 10, 200).is_some_and(|why| why.contains("10 segments")));
        let growth = Upkeep { rss_growth: Some(0.5), ..Upkeep::default() };
        assert_eq!(why(growth, 0, 300), None);
        assert!(why(growth, 0, 301).is_some_and(|why| why.contains("from 200 MiB to 301 MiB")));
        let little = Upkeep { rss_growth: Some(0.1), ..Upkeep::default() };
        assert_eq!(why(little, 0, 260), None, "that much comes and goes");
        let most = Upkeep { rss_bytes: Some(400 * MIB), ..Upkeep::default() };
        assert!(why(most, 0, 401).is_some_and(|why| why.contains("401 MiB")));
        let device = Upkeep { device_bytes: Some(800 * MIB), ..Upkeep::default() };
        assert!(why(device, 0, 1).is_some_and(|why| why.contains("device")));
    }
}
