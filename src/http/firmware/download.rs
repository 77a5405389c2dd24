//! `GET /api/v1/firmware/download/{version}`: the bytes, whole or in part, with their digests.

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nightshift_domain::firmware::{Firmware, FirmwareVersion};

use super::versions::Which;
use crate::http::App;
use crate::http::extract::Query;
use crate::http::problem::{AnyError, ConflictError, NotFoundError, Problem};

/// The bytes of a version. `Range` gives a part; `ETag` is their SHA-256; `Content-MD5`, `Repr-Digest`, `X-Checksum-MD5` and
/// `X-Checksum-SHA256` are digests of the whole. A client that gets other bytes must throw them away.
#[utoipa::path(
    get, path = "/api/v1/firmware/download/{version}",
    operation_id = "firmware_download", tag = "firmware",
    params(("version" = String, Path, example = "v1.2.3"), Which,
           ("Range" = Option<String>, Header, description = "`bytes=FROM-TO`"),
           ("If-None-Match" = Option<String>, Header, description = "304 when the ETag is this one")),
    responses(
        (status = 200, description = "All of it.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The client has it."),
        (status = 416, description = "There is no such part."),
        NotFoundError, ConflictError, AnyError,
    )
)]
pub(crate) async fn download(
    State(app): State<App>,
    Path(text): Path<String>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let unknown = || {
        let shown: String = text.chars().take(80).collect();
        Problem::new(StatusCode::NOT_FOUND, "FIRMWARE_NOT_FOUND", format!("firmware {shown} not found"))
    };
    let version: FirmwareVersion = text.parse().map_err(|_| unknown())?;
    let firmware = app.plant.firmware().find_version(version, which.model()).await?;
    let tag = format!("\"{}\"", firmware.image.digests.sha256);
    let described = described(&firmware, &tag);
    if given(&headers, &header::IF_NONE_MATCH).is_some_and(|given| matches_tag(given, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, described).into_response());
    }
    let size = firmware.image.digests.size;
    // A part of what the client has of another version is of no use to it.
    let same = given(&headers, &header::IF_RANGE).is_none_or(|given| given == tag);
    let range = match given(&headers, &header::RANGE).filter(|_| same).map(|text| wanted(text, size)) {
        None | Some(Wanted::All) => None,
        Some(Wanted::Part(range)) => Some(range),
        Some(Wanted::Nothing) => {
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "RANGE_NOT_SATISFIABLE",
                format!("the image has {size} bytes"),
            );
            let mut response = problem.into_response();
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            return Ok(response);
        }
    };
    let stream = app.plant.firmware().open(&firmware, range.clone()).await?;
    let length = stream.range.end - stream.range.start;
    let mut response = (described, Body::from_stream(stream.chunks)).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    if let Some(range) = range {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let value = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
    }
    Ok(response)
}

fn given<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn matches_tag(given: &str, tag: &str) -> bool {
    given.trim() == "*" || given.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
}

/// What is said of the bytes.
fn described(firmware: &Firmware, tag: &str) -> HeaderMap {
    let image = &firmware.image;
    let base64 = |hex: &str| STANDARD.encode(bytes_of(hex));
    let texts = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::ETAG, tag.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        // A version never changes.
        (header::CACHE_CONTROL, "private, max-age=86400, immutable".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", image.filename)),
        (HeaderName::from_static("content-md5"), base64(&image.digests.md5)),
        (HeaderName::from_static("repr-digest"), format!("sha-256=:{}:", base64(&image.digests.sha256))),
        (HeaderName::from_static("x-checksum-md5"), image.digests.md5.clone()),
        (HeaderName::from_static("x-checksum-sha256"), image.digests.sha256.clone()),
    ];
    texts.into_iter().filter_map(|(name, text)| Some((name, HeaderValue::from_str(&text).ok()?))).collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter_map(|b| char::from(b).to_digit(16)?.try_into().ok()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// What a `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    Nothing,
}

/// One range of bytes. Several, or another unit, are answered with all (RFC 9110, 14.2).
fn wanted(text: &str, size: u64) -> Wanted {
    let Some(spec) = text.trim().strip_prefix("bytes=") else { return Wanted::All };
    let Some((from, to)) = spec.split_once('-').map(|(from, to)| (from.trim(), to.trim())) else {
        return Wanted::All;
    };
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    match (from, to) {
        ("", last) => match number(last) {
            None => Wanted::All,
            Some(0) => Wanted::Nothing,
            Some(last) => Wanted::Part(size.saturating_sub(last)..size),
        },
        (from, "") => match number(from) {
            None => Wanted::All,
            Some(from) if from >= size => Wanted::Nothing,
            Some(from) => Wanted::Part(from..size),
        },
        (from, to) => match (number(from), number(to)) {
            (Some(from), Some(to)) if from > to => Wanted::All,
            (Some(from), Some(_)) if from >= size => Wanted::Nothing,
            (Some(from), Some(to)) => Wanted::Part(from..to.saturating_add(1).min(size)),
            _ => Wanted::All,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_the_standard_has_them() {
        assert_eq!(wanted("bytes=0-4", 10), Wanted::Part(0..5));
        assert_eq!(wanted("bytes=5-", 10), Wanted::Part(5..10));
        assert_eq!(wanted("bytes=-3", 10), Wanted::Part(7..10));
        assert_eq!(wanted("bytes=-30", 10), Wanted::Part(0..10));
        assert_eq!(wanted("bytes=0-18446744073709551615", 10), Wanted::Part(0..10));
        for nothing in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
            assert_eq!(wanted(nothing, 10), Wanted::Nothing, "{nothing}");
        }
        for all in ["items=0-4", "bytes=4-1", "bytes=a-b", "bytes=0-1,3-4", "bytes=", "bytes=-"] {
            assert_eq!(wanted(all, 10), Wanted::All, "{all}");
        }
    }

    #[test]
    fn tags_are_compared() {
        assert!(
            matches_tag("\"a\", W/\"b\"", "\"b\"")
                && matches_tag("*", "\"b\"")
                && !matches_tag("\"a\"", "\"b\"")
        );
        assert_eq!(bytes_of("5d41"), [0x5d, 0x41]);
    }
}
