//! The values of fields that are one of a set of names.

use utoipa::ToSchema;

/// A format of audio. `mp3` and `aac` may be missing from a build that was made without them.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase", example = "wav")]
#[expect(dead_code, reason = "requests are read by hand; this is the description, which a test compares")]
pub(in crate::surface) enum FormatName {
    Wav,
    Pcm,
    Mp3,
    Opus,
    Flac,
    Aac,
}

/// How `POST /v1/audio/speech` sends audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase", example = "audio")]
pub(in crate::surface) enum StreamFormat {
    /// The audio itself.
    Audio,
    /// Server-sent events: `speech.audio.delta` with audio in base64, then `speech.audio.done`.
    Sse,
}

/// Who comes first when workers are scarce.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase", example = "interactive")]
#[expect(dead_code, reason = "requests are read by hand; this is the description, which a test compares")]
pub(in crate::surface) enum PriorityName {
    /// Somebody listens.
    Interactive,
    /// Nobody does.
    Batch,
}
