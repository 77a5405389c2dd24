//! `/`: the console. Every file is in this binary, plants have no internet; no inline script, nothing from elsewhere.
//!
//! The files' digest is part of their path: a browser keeps them for ever and asks for the page alone, which names the new
//! digest after an upgrade. They are packed once, when the first page is asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::App;
use super::problem::Problem;

/// Pictures may be made of what was asked for with a token: `blob:`.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A year: the path of a file changes with it.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Ask each time whether it is still the same.
const ASK: &str = "no-cache";
/// Hexadecimal digits of the digest that are in the path.
const DIGEST_CHARS: usize = 16;
/// The route of the page's files.
pub(super) const FILE_ROUTE: &str = "/console/{digest}/{*path}";
/// Where the page names its files.
const PLACE: &str = "<!-- assets -->";
const INDEX: &str = include_str!("../console/index.html");

/// Names files of `src/console` together with their content.
macro_rules! files {
    ($($path:literal)+) => { &[$(($path, include_bytes!(concat!("../console/", $path)))),+] };
}

/// Every file of the console but its page; a test holds the list against the folder.
const FILES: &[(&str, &[u8])] = files! {
    "app.js" "icon.svg"
    "css/base.css" "css/pages.css" "css/parts.css"
    "lib/api.js" "lib/charts.js" "lib/format.js" "lib/i18n.js" "lib/icons.js" "lib/live.js" "lib/parts.js" "lib/place.js"
    "lib/said.js" "lib/theme.js" "lib/ui.js"
    "pages/account.js" "pages/alerts.js" "pages/briefings.js" "pages/diagnosis.js" "pages/diagnosis/record.js"
    "pages/diagnosis/session.js" "pages/fleet.js" "pages/fleet/front.js" "pages/fleet/map.js" "pages/fleet/replay.js"
    "pages/overview.js" "pages/production.js" "pages/production/board.js" "pages/production/document.js"
    "pages/production/firmware.js" "pages/production/holds.js" "pages/production/labels.js" "pages/production/lot.js"
    "pages/production/lots.js" "pages/production/quality.js" "pages/production/serial.js" "pages/production/station.js"
    "pages/sensing/register.js" "pages/sensing/schedule.js" "pages/sensing/sensor.js" "pages/sensing/thresholds.js"
    "pages/sensors.js" "pages/signin.js" "pages/system.js" "pages/system/audit.js" "pages/system/breakers.js"
    "pages/system/inference.js" "pages/system/models.js" "pages/system/tokens.js" "pages/system/tree.js" "pages/system/users.js"
    "text/codes.js" "text/en.js" "text/ko.js" "text/said.js"
    "vendor/hooks.js" "vendor/htm.js" "vendor/preact.js" "vendor/uplot.css" "vendor/uplot.js"
};

static CONSOLE: LazyLock<Console> = LazyLock::new(Console::new);

/// The console, ready to be sent.
struct Console {
    digest: String,
    page: Content,
    files: BTreeMap<&'static str, Content>,
}

/// One file, as it is and packed.
struct Content {
    kind: &'static str,
    plain: Bytes,
    packed: Bytes,
}

impl Content {
    fn new(kind: &'static str, plain: Bytes) -> Self {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&plain).expect("a vector takes everything");
        let packed = packer.finish().expect("a vector takes everything").into();
        Self { kind, plain, packed }
    }

    /// The answer, packed if the browser can unpack it; empty if it has the same already.
    fn answer(&self, asked: &HeaderMap, caching: &'static str, tag: &str) -> Response {
        let is = |name: HeaderName, text: &str| {
            asked.get(name).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(text))
        };
        let mut headers = HeaderMap::from_iter([
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP)),
            (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ]);
        let tag = format!("\"{tag}\"");
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        if is(header::IF_NONE_MATCH, &tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        if is(header::ACCEPT_ENCODING, "gzip") {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            return (headers, self.packed.clone()).into_response();
        }
        (headers, self.plain.clone()).into_response()
    }
}

impl Console {
    fn new() -> Self {
        let mut hash = Sha256::new();
        for (path, content) in FILES {
            hash.update(path.len().to_le_bytes());
            hash.update(path);
            hash.update(content.len().to_le_bytes());
            hash.update(content);
        }
        hash.update(INDEX);
        let mut digest = hash.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        digest.truncate(DIGEST_CHARS);
        let page = Content::new("text/html; charset=utf-8", INDEX.replace(PLACE, &links(&digest)).into());
        let files = FILES
            .iter()
            .map(|(path, content)| (*path, Content::new(kind_of(path), Bytes::from_static(content))))
            .collect();
        Self { digest, page, files }
    }
}

/// What the page loads: all modules are named at once, so that they come together and not one after the other.
fn links(digest: &str) -> String {
    let mut text = String::new();
    for (path, _) in FILES {
        let at = format!("/console/{digest}/{path}");
        let _ = match kind_of(path) {
            "text/css" => writeln!(text, "<link rel=\"stylesheet\" href=\"{at}\">"),
            "text/javascript" => writeln!(text, "<link rel=\"modulepreload\" href=\"{at}\">"),
            _ => Ok(()),
        };
    }
    let _ = write!(text, "<script type=\"module\" src=\"/console/{digest}/app.js\"></script>");
    text
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "js" => "text/javascript",
        "css" => "text/css",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

pub(super) fn routes() -> Router<App> {
    Router::new().route("/", get(page)).route(FILE_ROUTE, get(file)).route("/favicon.ico", get(icon))
}

async fn page(asked: HeaderMap) -> Response {
    CONSOLE.page.answer(&asked, ASK, &CONSOLE.digest)
}

async fn icon(asked: HeaderMap) -> Result<Response, Problem> {
    let icon = CONSOLE.files.get("icon.svg").ok_or_else(no_such_file)?;
    Ok(icon.answer(&asked, ASK, &CONSOLE.digest))
}

async fn file(Path((digest, path)): Path<(String, String)>, asked: HeaderMap) -> Result<Response, Problem> {
    // A page of another version has loaded all it needs; files of this one would not fit it.
    let file = CONSOLE.files.get(path.as_str()).filter(|_| digest == CONSOLE.digest);
    Ok(file.ok_or_else(no_such_file)?.answer(&asked, FOR_EVER, &CONSOLE.digest))
}

fn no_such_file() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "FILE_NOT_FOUND", "no such file of the console: load the page again")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path as FilePath, PathBuf};

    use super::*;

    /// Most bytes that the page weighs, packed.
    const PACKED_BYTES_MAX: usize = 400 * 1_024;

    fn folder() -> PathBuf {
        FilePath::new(env!("CARGO_MANIFEST_DIR")).join("src/console")
    }

    fn walk(folder: &FilePath, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_served_and_small() {
        let (root, mut found) = (folder(), Vec::new());
        walk(&root, &mut found);
        let served = |name: &str| {
            let not_asked_for = name.ends_with(".LICENSE") || name.ends_with(".md") || name == "index.html";
            !not_asked_for
        };
        let there: BTreeSet<String> = found
            .iter()
            .map(|path| path.strip_prefix(&root).expect("below").to_string_lossy().into_owned())
            .filter(|name| served(name))
            .collect();
        let listed: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(there, listed);
        for (path, content) in FILES.iter().filter(|(path, _)| !path.starts_with("vendor/")) {
            let lines = content.iter().filter(|byte| **byte == b'\n').count();
            assert!(lines <= 500, "{path} has {lines} lines");
        }
        let packed: usize = CONSOLE.files.values().map(|file| file.packed.len()).sum();
        assert!(packed + CONSOLE.page.packed.len() <= PACKED_BYTES_MAX, "{packed} bytes");
    }

    #[test]
    fn modules_import_only_what_is_there() {
        let listed: BTreeSet<&str> = FILES.iter().map(|(path, _)| *path).collect();
        for (path, content) in FILES.iter().filter(|(path, _)| path.ends_with(".js")) {
            let text = std::str::from_utf8(content).expect("text");
            for from in text.split("from \"").skip(1).filter_map(|rest| rest.split('"').next()) {
                if !from.starts_with('.') {
                    continue;
                }
                let mut at: Vec<&str> = path.split('/').collect();
                at.pop();
                for part in from.split('/') {
                    match part {
                        "." => {}
                        ".." => drop(at.pop()),
                        part => at.push(part),
                    }
                }
                assert!(listed.contains(at.join("/").as_str()), "{path} imports {from}");
            }
        }
    }

    /// The keys of a table of words: each stands before a colon and a quote.
    fn keys(text: &str) -> BTreeSet<String> {
        let before_values = text.split(": \"").map(|part| part.rsplit([' ', '{']).next().unwrap_or(""));
        let named = before_values.map(|key| key.trim_matches('"').to_owned());
        named
            .filter(|key| {
                !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b))
            })
            .collect()
    }

    #[test]
    fn both_languages_have_the_same_words() {
        let read = |name: &str| std::fs::read_to_string(folder().join("text").join(name)).expect("text");
        let (en, ko) = (keys(&read("en.js")), keys(&read("ko.js")));
        assert!(en.len() > 500, "{}", en.len());
        let lacking: Vec<_> = en.symmetric_difference(&ko).collect();
        assert!(lacking.is_empty(), "in one language alone: {lacking:?}");
    }
}
