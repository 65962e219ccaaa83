//! Which engines imitate a recording, and what they ask of it: the one table.

/// What an engine asks of the recordings that it imitates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cloning {
    /// Name of the engine.
    pub engine: &'static str,
    /// Whether it has to be told what is said in the recording.
    pub needs_transcript: bool,
    /// Shortest speech that it imitates, in seconds.
    pub shortest_s: f64,
    /// Longest, in seconds. `f5` refuses more, and `indextts` hears no more.
    pub longest_s: f64,
}

const CLONING: [Cloning; 2] = [
    Cloning { engine: "f5", needs_transcript: true, shortest_s: 1.0, longest_s: 15.0 },
    Cloning { engine: "indextts", needs_transcript: false, shortest_s: 1.0, longest_s: 15.0 },
];

impl Cloning {
    /// Of this engine, if it imitates recordings.
    pub fn of(engine: &str) -> Option<Self> {
        CLONING.into_iter().find(|known| known.engine == engine)
    }

    /// Names of all engines that do.
    pub fn engines() -> impl Iterator<Item = &'static str> {
        CLONING.iter().map(|known| known.engine)
    }
}
