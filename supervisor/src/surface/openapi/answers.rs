//! What routes answer instead of what was asked for.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::{
    IntoResponses, PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder,
        schema::{ObjectBuilder, Type},
    },
};

/// Every error, whatever the status.
#[derive(ToSchema)]
#[schema(as = Error)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "errors are written by their table; this is their description")]
pub(in crate::surface) struct ErrorBody {
    /// What went wrong.
    error: ErrorDetail,
}

/// What went wrong.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "errors are written by their table; this is their description")]
pub(in crate::surface) struct ErrorDetail {
    /// `invalid_request_error` (change the request), `authentication_error` (show a key), `capacity_error` (ask later,
    /// or for less) or `server_error` (look at the server).
    #[schema(example = "invalid_request_error")]
    r#type: String,
    /// Stable, for programs.
    #[schema(example = "unknown_voice")]
    code: String,
    /// For people.
    #[schema(example = "there is no voice \"nobody\"; GET /api/voices lists them")]
    message: String,
    /// The field at fault, where it is one.
    #[schema(required, example = "voice_id")]
    param: Option<String>,
}

/// An error as clients of `ElevenLabs` read it. What is refused before its route is asked has no `detail`.
#[derive(ToSchema)]
#[schema(as = DetailedError)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "errors are written by their table; this is their description")]
pub(in crate::surface) struct DetailedErrorBody {
    /// What went wrong.
    error: ErrorDetail,
    /// The same where these clients look for it.
    #[schema(nullable = false)]
    detail: Option<Detail>,
}

/// What went wrong, in short.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "errors are written by their table; this is their description")]
struct Detail {
    /// The stable code.
    #[schema(example = "unknown_voice")]
    status: String,
    /// For people.
    #[schema(example = "there is no voice \"nobody\"; GET /api/voices lists them")]
    message: String,
}

/// What any route may answer.
const ANY: &[(&str, &str)] = &[
    ("401", "There are API keys, and the request shows none or an unknown one."),
    (
        "403",
        "Without API keys: the name that the server was asked under is not its own, or a page of another origin asks.",
    ),
    ("431", "The request's line and headers are too long."),
    ("500", "A fault of the server's own."),
    ("503", "The server is starting or ending, its connections are used up, or the engine cannot speak now."),
];

/// What a route may answer besides that asks for something that may not be there.
const NAMED: &[(&str, &str)] = &[("404", "There is nothing of this name.")];

/// What a route may answer besides that reads a body and speaks.
const SPEAKING: &[(&str, &str)] = &[
    ("400", "The body is not JSON, or could not be read."),
    ("404", "There is no such voice or model."),
    ("408", "The body did not arrive in time."),
    ("413", "The body is too long."),
    ("415", "The body has another media type than JSON."),
    ("422", "A field is wrong, or the text cannot be spoken; `param` names the field."),
    ("429", "Somebody would have to wait for audio; `Retry-After` says when not."),
    ("502", "The engine failed at this text."),
    ("504", "It was not spoken in time."),
];

/// What the route may answer besides that takes a voice in.
const STORING: &[(&str, &str)] = &[
    ("400", "The form is broken, or could not be read."),
    ("404", "There is nothing of this name."),
    ("408", "The form did not arrive in time."),
    ("409", "There is a voice of this name."),
    ("413", "The form is too long."),
    ("415", "The body is no form of the type multipart/form-data."),
    ("422", "A field is wrong, or the recording is not fit; `param` names the field."),
    ("429", "Others are sending voices; ask again."),
    ("507", "The disk is full."),
];

/// What the route may answer besides that takes a job in.
const TAKING: &[(&str, &str)] = &[
    ("400", "The body is not JSON, or the form is broken, or it could not be read."),
    ("404", "There is no such voice."),
    ("408", "The body did not arrive in time."),
    ("409", "The idempotency key was used before, for another request."),
    ("413", "The body is too long."),
    ("415", "The body is neither JSON nor a form nor a book."),
    (
        "422",
        "A field is wrong, the book cannot be read, or the text cannot be spoken; `param` names the field.",
    ),
    ("429", "Too many jobs wait, or others are sending books."),
    ("507", "The disk is full."),
];

/// What a route may answer besides that lists something by page.
const LISTING: &[(&str, &str)] = &[("422", "A field of the query is wrong; `param` names it.")];

/// What the route may answer besides that gives a job's audio.
const HEARING: &[(&str, &str)] = &[
    ("404", "There is nothing of this name."),
    ("409", "There is no audio of it, or none yet."),
    ("416", "The range begins behind the end."),
];

/// What a route may answer besides that removes something.
const REMOVING: &[(&str, &str)] = &[
    ("404", "There is nothing of this name."),
    ("409", "It was not sent to this server: the configuration or an engine brings it."),
];

/// What a route may answer besides that would tell when which word sounds.
const ALIGNING: &[(&str, &str)] = &[("422", "No engine tells when which word sounds.")];

/// Any route's.
pub(in crate::surface) struct Refused;

/// Those of a route that names something.
pub(in crate::surface) struct Missing;

/// Those of a route that speaks.
pub(in crate::surface) struct Unspoken;

/// Those of the route that takes a voice in.
pub(in crate::surface) struct Unstored;

/// Those of a route that removes something.
pub(in crate::surface) struct Kept;

/// Those of the route that takes a job in.
pub(in crate::surface) struct Untaken;

/// Those of a route that lists something by page.
pub(in crate::surface) struct Unlisted;

/// Those of the route that gives a job's audio.
pub(in crate::surface) struct Unheard;

/// Those of a route for clients of `ElevenLabs` that names something.
pub(in crate::surface) struct DetailedMissing;

/// Those of a route for clients of `ElevenLabs` that speaks.
pub(in crate::surface) struct DetailedUnspoken;

/// Those of a route for clients of `ElevenLabs` that would tell when which word sounds.
pub(in crate::surface) struct DetailedUnaligned;

type Responses = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for Refused {
    fn responses() -> Responses {
        described(ANY)
    }
}

impl IntoResponses for Missing {
    fn responses() -> Responses {
        described(&[ANY, NAMED].concat())
    }
}

impl IntoResponses for Unstored {
    fn responses() -> Responses {
        described(&[ANY, STORING].concat())
    }
}

impl IntoResponses for Kept {
    fn responses() -> Responses {
        described(&[ANY, REMOVING].concat())
    }
}

impl IntoResponses for Unspoken {
    fn responses() -> Responses {
        described(&[ANY, SPEAKING].concat())
    }
}

impl IntoResponses for Untaken {
    fn responses() -> Responses {
        described(&[ANY, TAKING].concat())
    }
}

impl IntoResponses for Unlisted {
    fn responses() -> Responses {
        described(&[ANY, LISTING].concat())
    }
}

impl IntoResponses for Unheard {
    fn responses() -> Responses {
        described(&[ANY, HEARING].concat())
    }
}

impl IntoResponses for DetailedMissing {
    fn responses() -> Responses {
        described_as("DetailedError", &[ANY, NAMED].concat())
    }
}

impl IntoResponses for DetailedUnspoken {
    fn responses() -> Responses {
        described_as("DetailedError", &[ANY, SPEAKING].concat())
    }
}

impl IntoResponses for DetailedUnaligned {
    fn responses() -> Responses {
        described_as("DetailedError", &[ANY, ALIGNING].concat())
    }
}

fn described(answers: &[(&str, &str)]) -> Responses {
    described_as("Error", answers)
}

fn described_as(schema: &str, answers: &[(&str, &str)]) -> Responses {
    let response = |&(status, description): &(&str, &str)| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).example(Some(
            json!({ "error": {
                "type": "invalid_request_error",
                "code": "invalid_field",
                "message": "speed must be a number from 0.25 to 4, not 9",
                "param": "speed",
            } }),
        ));
        let response =
            ResponseBuilder::new().description(description).content("application/json", content.build());
        let response = match status {
            "429" | "503" => response
                .header(
                    "Retry-After",
                    seconds("Whole seconds until it is worth another try, where that is known."),
                )
                .header("retry-after-ms", seconds("The same in milliseconds.")),
            _ => response,
        };
        (status.to_owned(), RefOr::T(response.build()))
    };
    answers.iter().map(response).collect()
}

fn seconds(description: &str) -> utoipa::openapi::Header {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).examples([json!(2)]);
    HeaderBuilder::new().schema(Some(number.build())).description(Some(description)).build()
}

/// Audio in the format that was asked for.
pub(in crate::surface) struct Audio;

impl PartialSchema for Audio {
    fn schema() -> RefOr<utoipa::openapi::Schema> {
        let text =
            ObjectBuilder::new().schema_type(Type::String).content_media_type("application/octet-stream");
        let text = text.description(Some("The file, or the samples; this is how a WAV file begins."));
        text.examples([json!("RIFF\u{24}\u{0}\u{0}\u{0}WAVEfmt ")]).into()
    }
}

impl ToSchema for Audio {}
