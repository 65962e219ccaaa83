//! The last requests that ended, as `GET /api/status` tells them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{metrics::Finished, stream::milliseconds};

/// A request that ended. What was said, and who said it, is not kept.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct RecentRequest {
    /// Seconds since it ended.
    #[schema(example = 1.4)]
    ago_s: f64,
    /// Its id, as in `X-Request-Id` and in the log.
    #[schema(example = "4bc34d31-22")]
    request_id: String,
    /// The way that it came in: `api`, `openai`, `elevenlabs` or `wyoming`.
    #[schema(example = "api")]
    surface: &'static str,
    /// How it ended: `ok`, `gone`, `invalid`, `refused`, `deadline` or `failed`.
    #[schema(example = "ok")]
    outcome: &'static str,
    /// The engine that spoke, or `none`.
    #[schema(example = "piper")]
    engine: String,
    /// The voice; empty if it never came to one.
    #[schema(example = "walter")]
    voice: String,
    /// From its arrival to its end.
    #[schema(example = 208.4)]
    elapsed_ms: f64,
    /// From its arrival to its first audio; this and the following are told of complete answers only.
    #[schema(required, example = 61.9)]
    ttfa_ms: Option<f64>,
    /// Duration of its audio.
    #[schema(required, example = 2_600.0)]
    audio_ms: Option<f64>,
    /// Time that workers spent / duration of the audio; `null` for audio that was there already.
    #[schema(required, example = 0.0796)]
    rtf: Option<f64>,
    /// How long its first segment waited for a worker.
    #[schema(required, example = 0.041)]
    queue_wait_ms: Option<f64>,
    /// Worst silence of a player that plays while the audio comes; `null` for a file.
    #[schema(required, example = 0.0)]
    underrun_ms: Option<f64>,
    /// `miss`, `coalesced` or `hit`.
    #[schema(required, example = "miss")]
    cache: Option<&'static str>,
}

impl From<Finished> for RecentRequest {
    fn from(finished: Finished) -> Self {
        let heard = finished.heard;
        Self {
            ago_s: (finished.ended.elapsed().as_secs_f64() * 1e3).round() / 1e3,
            request_id: finished.request_id,
            surface: finished.surface.label(),
            outcome: finished.outcome.label(),
            engine: finished.engine,
            voice: finished.voice,
            elapsed_ms: milliseconds(finished.elapsed),
            ttfa_ms: heard.map(|heard| milliseconds(heard.ttfa)),
            audio_ms: heard.map(|heard| milliseconds(heard.audio)),
            rtf: heard.and_then(|heard| heard.rtf).map(|rtf| (rtf * 1e4).round() / 1e4),
            queue_wait_ms: heard.map(|heard| milliseconds(heard.queue_wait)),
            underrun_ms: heard.and_then(|heard| heard.underrun).map(milliseconds),
            cache: heard.map(|heard| heard.cache),
        }
    }
}
