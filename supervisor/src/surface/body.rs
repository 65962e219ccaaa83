//! A request's body: all of it, in time, and not too much of it.

use std::{error::Error, time::Duration};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::{sync::Semaphore, time::timeout};

use super::ApiError;

/// Nearly every body is shorter. Longer ones are read a few at a time: whoever sends most of one and then nothing would
/// otherwise have us hold as many of them as connections may be open.
const SHORT: usize = 64 << 10;
/// How many longer ones are read at once; the next waits for its turn as long as it may take to arrive.
static LONG: Semaphore = Semaphore::const_new(16);

/// Whether a media type is JSON's.
pub(super) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// How long a body says that it is.
pub(super) fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

/// Refuses a body that says itself that it is too long.
pub(super) fn check_length(headers: &HeaderMap, most: usize) -> Result<(), ApiError> {
    if announced(headers).is_some_and(|length| length > most) {
        return Err(ApiError::BodyTooLarge(most));
    }
    Ok(())
}

/// Reads a JSON body of at most `most` bytes within `patience`.
pub(super) async fn json(
    headers: &HeaderMap,
    body: Body,
    most: usize,
    patience: Duration,
) -> Result<Bytes, ApiError> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !is_json(media_type.unwrap_or_default()) {
        return Err(ApiError::UnsupportedMediaType);
    }
    check_length(headers, most)?;
    let announced = announced(headers).unwrap_or(0);
    let read = timeout(patience, read(Limited::new(body, most), announced)).await;
    match read.map_err(|_late| ApiError::BodyTooSlow(patience.as_secs()))? {
        Ok(read) => Ok(read),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::BodyTooLarge(most)),
        Err(_) => Err(ApiError::BodyBroken),
    }
}

/// All of a body, which may be longer than it was announced.
async fn read(mut body: Limited<Body>, announced: usize) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
    let mut turn = if announced > SHORT { Some(LONG.acquire().await?) } else { None };
    let mut read = BytesMut::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        if read.is_empty() && body.is_end_stream() {
            return Ok(piece);
        }
        read.extend_from_slice(&piece);
        if read.len() > SHORT && turn.is_none() {
            turn = Some(LONG.acquire().await?);
        }
    }
    Ok(read.freeze())
}
