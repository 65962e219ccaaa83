//! Labels that are no names from the configuration.

/// The way that a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// `/api/tts`.
    Api,
    /// What `ElevenLabs`' clients call.
    ElevenLabs,
    /// The command line.
    Cli,
    /// `/v1/audio`.
    OpenAi,
    /// Wyoming.
    Wyoming,
}

impl Surface {
    /// As in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::ElevenLabs => "elevenlabs",
            Self::Cli => "cli",
            Self::OpenAi => "openai",
            Self::Wyoming => "wyoming",
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Complete.
    Ok,
    /// The client went away.
    Gone,
    /// The request was at fault.
    Invalid,
    /// Refused for want of capacity.
    Refused,
    /// Its deadline passed.
    Deadline,
    /// We, or an engine, failed.
    Failed,
}

impl Outcome {
    /// As in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Gone => "gone",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Deadline => "deadline",
            Self::Failed => "failed",
        }
    }
}

/// Why a request was refused before any work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// It could not have been served in time.
    Capacity,
    /// It would have taken the place of somebody who was told to come back.
    Fairness,
    /// Too much audio was held.
    Memory,
    /// No machine could have met its deadline.
    DeadlineTooShort,
    /// Its engine is too slow to stream.
    TooSlow,
    /// The engine was given up.
    EngineFailed,
    /// The engine is switched off.
    EngineDisabled,
    /// It ended one worker after the other.
    Poison,
    /// The server is ending.
    Draining,
}

impl RejectReason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Capacity,
        Self::Fairness,
        Self::Memory,
        Self::DeadlineTooShort,
        Self::TooSlow,
        Self::EngineFailed,
        Self::EngineDisabled,
        Self::Poison,
        Self::Draining,
    ];

    /// As in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::Fairness => "fairness",
            Self::Memory => "memory",
            Self::DeadlineTooShort => "deadline_too_short",
            Self::TooSlow => "too_slow_to_stream",
            Self::EngineFailed => "engine_failed",
            Self::EngineDisabled => "engine_disabled",
            Self::Poison => "poison",
            Self::Draining => "draining",
        }
    }
}

/// Where finished audio is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheTier {
    /// In memory.
    Memory,
    /// On the disk.
    Disk,
}

impl CacheTier {
    /// Every tier.
    pub const ALL: [Self; 2] = [Self::Memory, Self::Disk];

    /// As in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
}
