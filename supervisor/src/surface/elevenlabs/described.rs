//! What these clients send and are answered, described.

#![expect(
    dead_code,
    reason = "these are descriptions; that they are true is tested against a running server"
)]

use utoipa::{IntoParams, ToSchema};

/// What to speak. Fields that are not listed are ignored.
#[derive(ToSchema)]
pub(in crate::surface) struct TextToSpeech {
    /// What to speak; at most `[limits] max_text_chars` characters. `<break time="1.0s" />` in it is a silence.
    #[schema(min_length = 1, example = "Hello from iShowTTS.")]
    text: String,
    /// How it is spoken.
    voice_settings: Option<VoiceSettings>,
    /// Seed of engines that draw at random; made of the request if it is not told.
    #[schema(minimum = 0, example = 7)]
    seed: Option<u64>,
}

/// How a voice speaks. Settings of models that are not here are ignored.
#[derive(ToSchema)]
struct VoiceSettings {
    /// Speaking rate; 2 takes half the time.
    #[schema(minimum = 0.25, maximum = 4.0, default = 1.0, example = 1.0)]
    speed: Option<f64>,
}

/// What stands behind the `?`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::surface) struct SpeechQuery {
    /// Codec, samples per second and kbit/s; docs/api.md lists them.
    #[param(example = "mp3_44100_128")]
    output_format: Option<String>,
}

/// `GET /v1/voices`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct LabelledVoices {
    /// Every voice.
    voices: Vec<LabelledVoice>,
}

/// `GET /v2/voices`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct VoicePage {
    /// How many voices there are.
    #[schema(example = 1)]
    total_count: u64,
    /// All of them.
    voices: Vec<LabelledVoice>,
    /// Always false: all of them are on one page.
    #[schema(example = false)]
    has_more: bool,
    /// Always null.
    #[schema(required, example = json!(null))]
    next_page_token: Option<String>,
}

/// A voice as `ElevenLabs`' clients read it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct LabelledVoice {
    /// What requests call it.
    #[schema(example = "walter")]
    voice_id: String,
    /// For people.
    #[schema(example = "walter")]
    name: String,
    /// `cloned` if it imitates a recording, else `premade`.
    #[schema(example = "premade")]
    category: String,
    /// Always null.
    #[schema(required, example = json!(null))]
    description: Option<String>,
    /// What it can be told by.
    labels: Labels,
    /// Always null: `GET /api/voices/{id}/preview` is a preview.
    #[schema(required, example = json!(null))]
    preview_url: Option<String>,
    /// Always empty.
    #[schema(example = json!([]))]
    samples: Vec<String>,
    /// Always null.
    #[schema(required, example = json!(null))]
    settings: Option<String>,
    /// Always empty: everybody may use it.
    #[schema(example = json!([]))]
    available_for_tiers: Vec<String>,
    /// Always empty.
    #[schema(example = json!([]))]
    high_quality_base_model_ids: Vec<String>,
    /// Engine for each language that it speaks.
    verified_languages: Vec<VerifiedLanguage>,
}

/// What a voice can be told by.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Labels {
    /// Languages that it speaks, with commas.
    #[schema(example = "en, zh")]
    language: String,
}

/// A language that a voice speaks.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct VerifiedLanguage {
    /// Which.
    #[schema(example = "en")]
    language: String,
    /// The engine that speaks it.
    #[schema(example = "piper")]
    model_id: String,
    /// Always null.
    #[schema(required, example = json!(null))]
    accent: Option<String>,
    /// Always null.
    #[schema(required, example = json!(null))]
    locale: Option<String>,
    /// Always null.
    #[schema(required, example = json!(null))]
    preview_url: Option<String>,
}
