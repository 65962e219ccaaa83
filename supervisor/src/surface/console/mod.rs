//! The console: one page at `/` for people, whose files are part of the program. Nothing is loaded from elsewhere.
//!
//! The page itself is asked for each time and answered with 304 when it is still the same. It names its files under
//! `/console/VERSION/`, where the version is made of what is in all of them, so a browser may keep those for ever, and
//! the files of two versions of the program never meet in one page.
//!
//! None of it needs a key, since none of it is a secret: whoever has no key sees a page that asks for one.

use std::sync::LazyLock;

use axum::{
    extract::{Path, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::{ApiError, openapi::answers};

#[derive(RustEmbed)]
#[folder = "src/surface/console/page"]
struct Files;

const PAGE: &str = "index.html";
/// What stands in the page for the version.
const PLACE: &str = "VERSION";

/// What the page may do: run its own scripts and talk to this server. Text that becomes markup is refused by browsers
/// that know trusted types.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";
/// Asks whether it is still the same, each time.
const REVALIDATED: &str = "no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The page, with the version of its files in it.
struct Page {
    version: String,
    text: Bytes,
    etag: HeaderValue,
}

static THE_PAGE: LazyLock<Page> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    let mut text = String::new();
    for name in Files::iter() {
        let Some(file) = Files::get(&name) else { continue };
        hash.update(name.as_bytes());
        hash.update(file.metadata.sha256_hash());
        if name == PAGE {
            text = String::from_utf8_lossy(&file.data).into_owned();
        }
    }
    let version = hex(&hash.finalize());
    Page { text: text.replace(PLACE, &version).into(), etag: tag(&version), version }
});

/// The console, for browsers.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "console",
    tag = "server",
    security(()),
    responses((status = 200, description = "A page for browsers.", body = String, content_type = "text/html",
        example = "<!DOCTYPE html>"), answers::Refused),
)]
pub(super) async fn page(headers: HeaderMap) -> Response {
    let page = &*THE_PAGE;
    let policies = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("permissions-policy"), HeaderValue::from_static("microphone=(self)")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ];
    (policies, answer(&headers, &page.etag, REVALIDATED, "text/html; charset=utf-8", page.text.clone()))
        .into_response()
}

/// The files that the page is made of.
pub(super) async fn file(
    name: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let found = name.ok().and_then(|Path((version, name))| {
        let media_type = media_type(&name)?;
        let file = (version == THE_PAGE.version).then(|| Files::get(&name)).flatten()?;
        let data = match file.data {
            std::borrow::Cow::Borrowed(data) => Bytes::from_static(data),
            std::borrow::Cow::Owned(data) => data.into(),
        };
        Some((media_type, tag(&hex(&file.metadata.sha256_hash())), data))
    });
    match found {
        Some((media_type, etag, data)) => answer(&headers, &etag, FOR_EVER, media_type, data),
        None => ApiError::NoSuchRoute.into_response(),
    }
}

/// Of what the page loads; the page itself is no such file.
fn media_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

fn answer(
    asked: &HeaderMap,
    etag: &HeaderValue,
    keep: &'static str,
    media_type: &'static str,
    data: Bytes,
) -> Response {
    let headers = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    ];
    if knows(asked, etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(header::CONTENT_TYPE, media_type)], data).into_response()
}

/// Whether the browser has it already (RFC 9110, 13.1.2).
fn knows(asked: &HeaderMap, etag: &HeaderValue) -> bool {
    let lists = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == etag.as_bytes())
}

/// The first 128 bits, which nothing else will have.
fn hex(digest: &[u8]) -> String {
    digest.first_chunk().map_or_else(String::new, |bits| format!("{:032x}", u128::from_be_bytes(*bits)))
}

fn tag(version: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\""))
        .expect("quotes and hexadecimal digits are fit for a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_has_is_found_in_any_way_of_writing_it() {
        let knows = |list: &str| {
            let asked = [(header::IF_NONE_MATCH, list.parse().unwrap())].into_iter().collect();
            knows(&asked, &tag("ab"))
        };
        for list in ["\"ab\"", "W/\"ab\"", "\"x\", \"ab\"", "*"] {
            assert!(knows(list), "{list}");
        }
        for list in ["", "ab", "\"abc\"", "\"x\""] {
            assert!(!knows(list), "{list}");
        }
        assert!(!super::knows(&HeaderMap::new(), &tag("ab")));
    }

    #[test]
    fn every_file_but_the_page_can_be_asked_for() {
        let names: Vec<_> = Files::iter().filter(|name| name != PAGE).collect();
        assert!(names.len() > 5, "{names:?}");
        for name in names {
            assert!(media_type(&name).is_some() && !name.contains('/'), "{name}");
        }
        assert!(media_type(PAGE).is_none());
        assert!(!THE_PAGE.text.windows(PLACE.len()).any(|word| word == PLACE.as_bytes()));
    }
}
