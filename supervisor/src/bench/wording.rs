//! A text as a request of the API that the server speaks.

use reqwest::Url;
use serde_json::{Map, Value, json};

use super::options::{Api, Options};

/// What `OpenAI`'s `pcm` is, by its documentation.
const OPENAI_PCM_RATE: u32 = 24_000;
/// The voice that every server with that API knows.
const OPENAI_VOICE: &str = "alloy";

/// Where requests go. The server's address may have a path of its own, and may end in `/v1` as others write it.
pub(super) fn address(server: &Url, api: Api) -> Url {
    let base = server.path().trim_end_matches('/');
    let path = match api {
        Api::Tts => format!("{base}/api/tts"),
        Api::Openai => format!("{}/v1/audio/speech", base.strip_suffix("/v1").unwrap_or(base)),
    };
    let mut url = server.clone();
    url.set_path(&path);
    url
}

/// The body that asks for a text.
pub(super) fn body(options: &Options, text: &str) -> Value {
    let format = options.format.name();
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    match options.api {
        Api::Tts => {
            put("text", json!(text));
            put("voice_id", json!(options.voice));
            put("format", json!(format));
            put("sample_rate", json!(options.sample_rate));
            put("stream", json!(options.stream));
            put("engine_options", json!(options.further));
        }
        Api::Openai => {
            put("model", json!(options.model));
            put("voice", json!(options.voice.as_deref().unwrap_or(OPENAI_VOICE)));
            put("input", json!(text));
            put("response_format", json!(format));
            body.extend(options.further.clone());
        }
    }
    // Absent and null are the same to us; other servers may be less kind.
    body.retain(|_, value| !value.is_null());
    Value::Object(body)
}

/// Samples per second of bare samples, when the answer does not tell.
pub(super) fn silent_rate(options: &Options) -> Option<u32> {
    let usual = (options.api == Api::Openai).then_some(OPENAI_PCM_RATE);
    options.sample_rate.or(usual)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::options::Load;
    use crate::speech::Format;

    fn options(api: Api) -> Options {
        let further = json!({ "rtf": 0.1 });
        Options {
            server: "http://host:1".parse().unwrap(),
            api,
            model: "tts-1".into(),
            voice: None,
            format: Format::Pcm,
            sample_rate: None,
            stream: true,
            further: further.as_object().unwrap().clone(),
            headers: Vec::new(),
            timeout: Duration::from_secs(1),
            load: Load::Closed { clients: 1, play: false },
            requests: None,
            duration: None,
            texts: vec!["Hi".into()],
            seed: 0,
        }
    }

    #[test]
    fn each_api_has_its_path_and_its_fields() {
        let ours = json!({ "text": "Hi", "format": "pcm", "stream": true, "engine_options": { "rtf": 0.1 } });
        assert_eq!(body(&options(Api::Tts), "Hi"), ours);
        let theirs = json!({ "model": "tts-1", "voice": "alloy", "input": "Hi", "response_format": "pcm", "rtf": 0.1 });
        assert_eq!(body(&options(Api::Openai), "Hi"), theirs);
        assert_eq!(
            (silent_rate(&options(Api::Tts)), silent_rate(&options(Api::Openai))),
            (None, Some(24_000))
        );
        for (server, api, path) in [
            ("http://h", Api::Tts, "/api/tts"),
            ("http://h/voice/", Api::Tts, "/voice/api/tts"),
            ("http://h", Api::Openai, "/v1/audio/speech"),
            ("http://h/v1/", Api::Openai, "/v1/audio/speech"),
        ] {
            assert_eq!(address(&server.parse().unwrap(), api).path(), path, "{server}");
        }
    }
}
