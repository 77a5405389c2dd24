//! From `pending` to the server, and then to `completed` or `error`.
//!
//! A file is read once it has not changed for a while. Its content's hash is its key. Files of one unit are sent one after
//! the other, in the order of their completion; units do not wait for each other, but a server that is away is left alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use nightshift_domain::Timestamp;
use nightshift_domain::firmware::AgentTrouble;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::client::Failure;
use super::folder::{ErrorNote, Seen, hash_of, is_full};
use super::journal::{Journal, Outcome};
use super::status::Part;

/// The one version of the file's schema.
const SCHEMA_VERSION: &str = "1.0";
/// Units whose files are sent at once.
const UNITS_AT_ONCE: usize = 8;
/// Failures of the server in one look after which the rest waits for the next one.
const FAILURES_IN_LOOK_MAX: usize = 3;
/// First and longest pause while the server is away.
const AWAY_FIRST: Duration = Duration::from_millis(500);
const AWAY_LONGEST: Duration = Duration::from_secs(30);

/// A completion that can be sent.
struct Completion {
    seen: Seen,
    hash: String,
    body: Map<String, Value>,
    /// Whose files wait for each other: the unit's number, or the lot's.
    of: String,
    completed_at: Option<Timestamp>,
}

/// Works until told to stop.
pub(super) async fn work(shared: Arc<Shared>, journal: Journal, stopping: CancellationToken) {
    let journal = Mutex::new(journal);
    let (wake, mut woken) = tokio::sync::mpsc::channel::<()>(1);
    let _watcher = watch(&shared, wake);
    let mut settling: HashMap<String, (Seen, Duration)> = HashMap::new();
    let mut failures = 0_u32;
    while !stopping.is_cancelled() {
        let before = journal.lock().await.counts();
        let away = round(&shared, &journal, &mut settling, &stopping).await;
        // A server that takes some of it is not away: it is not left alone for longer and longer.
        let progressed = journal.lock().await.counts() != before;
        failures = match &away {
            None => 0,
            Some(_) if progressed => 1,
            Some(_) => failures.saturating_add(1),
        };
        let pause = match away {
            None => shared.settings.scan,
            Some(asked) => {
                let grown = (AWAY_FIRST * 2_u32.pow(failures.min(10) - 1)).min(AWAY_LONGEST);
                asked.unwrap_or(grown).clamp(AWAY_FIRST, AWAY_LONGEST)
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = shared.clock.sleep(pause) => {}
            // While the server is away a new file changes nothing.
            Some(()) = woken.recv(), if failures == 0 => {}
        }
    }
}

/// Watches the folder. Where that is not possible, the regular look finds everything as well.
fn watch(shared: &Shared, wake: tokio::sync::mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    use notify::Watcher;
    let told = move |_| {
        let _ = wake.try_send(());
    };
    let mut watcher = notify::recommended_watcher(told)
        .inspect_err(|error| tracing::info!(error = %error, "the folder is looked at, not watched"))
        .ok()?;
    let watched = watcher.watch(&shared.folders.pending, notify::RecursiveMode::NonRecursive);
    watched
        .inspect_err(|error| tracing::info!(error = %error, "the folder is looked at, not watched"))
        .ok()
        .map(|()| watcher)
}

/// One look at the folder. When the server is away, how long it wants to be left alone.
async fn round(
    shared: &Arc<Shared>,
    journal: &Mutex<Journal>,
    settling: &mut HashMap<String, (Seen, Duration)>,
    stopping: &CancellationToken,
) -> Option<Option<Duration>> {
    let folders = shared.folders.clone();
    let looked = tokio::task::spawn_blocking(move || Ok((folders.look()?, folders.has_refused()))).await;
    let (seen, has_refused) = match looked.unwrap_or_else(|e| Err(std::io::Error::other(e))) {
        Ok(looked) => looked,
        Err(error) => {
            tracing::debug!(error = %error, "the folder of completions cannot be read");
            shared.status.set_trouble(AgentTrouble::FolderRefused, Part::Files, true);
            return None;
        }
    };
    // Whoever has looked at them takes them away.
    shared.status.set_trouble(AgentTrouble::Refused, Part::Files, has_refused);
    let waiting = seen.len() as u64;
    shared.status.change(|facts| facts.pending = waiting);
    // How wrong this clock is must be known before anything is sent.
    let ahead_ms = shared.status.facts().clock_ahead_ms?;
    let now = shared.clock.monotonic();
    settling.retain(|name, _| seen.iter().any(|file| file.name == *name));
    let mut units: BTreeMap<String, Vec<Completion>> = BTreeMap::new();
    for file in seen {
        let since = settling.entry(file.name.clone()).or_insert_with(|| (file.clone(), now));
        if since.0 != file {
            *since = (file.clone(), now);
        }
        if now.saturating_sub(since.1) < shared.settings.settle {
            continue;
        }
        if let Some(completion) = take(shared, journal, file).await {
            units.entry(completion.of.clone()).or_default().push(completion);
        }
    }
    let failed = AtomicUsize::new(0);
    let units = units.into_values().map(|mut files| {
        files.sort_by(|a, b| (a.completed_at, &a.seen.name).cmp(&(b.completed_at, &b.seen.name)));
        send_all(shared, journal, files, (ahead_ms, &failed), stopping)
    });
    let outcomes: Vec<_> = futures::stream::iter(units).buffer_unordered(UNITS_AT_ONCE).collect().await;
    outcomes.into_iter().flatten().next()
}

/// Reads a file. What cannot be a completion is refused; what became of one before is known.
async fn take(shared: &Shared, journal: &Mutex<Journal>, seen: Seen) -> Option<Completion> {
    if seen.size > shared.settings.file_bytes_max {
        let detail = format!("the file has more than {} bytes", shared.settings.file_bytes_max);
        // It is not read: its size and name stand for it.
        let hash = hash_of(format!("{} {}", seen.name, seen.size).as_bytes());
        settle(shared, journal, &seen, &hash, refusal("FILE_TOO_LARGE", detail)).await;
        return None;
    }
    let path = seen.path.clone();
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    let bytes = match read.unwrap_or_else(|e| Err(std::io::Error::other(e))) {
        Ok(bytes) => bytes,
        // Somebody still writes it or has taken it away: the next look tells.
        Err(error) => {
            tracing::debug!(file = %seen.name, error = %error, "a file cannot be read yet");
            return None;
        }
    };
    let hash = hash_of(&bytes);
    let before = journal.lock().await.outcome(&hash).cloned();
    if let Some(outcome) = before {
        // The same content again, or a move that was cut off: it is not sent twice.
        move_away(shared, &seen, &outcome).await;
        return None;
    }
    match parse(&bytes) {
        Ok((body, of, completed_at)) => Some(Completion { seen, hash, body, of, completed_at }),
        Err((code, detail)) => {
            settle(shared, journal, &seen, &hash, refusal(code, detail)).await;
            None
        }
    }
}

type Parsed = (Map<String, Value>, String, Option<Timestamp>);

/// What stands in a file; else what is wrong with it.
fn parse(bytes: &[u8]) -> Result<Parsed, (&'static str, String)> {
    // Programs on Windows like to begin with a mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let body: Value =
        serde_json::from_slice(bytes).map_err(|e| ("INVALID_JSON", format!("the file is no JSON: {e}")))?;
    let Value::Object(body) = body else {
        return Err(("INVALID_JSON", "the file must hold a JSON object: {…}".to_owned()));
    };
    match body.get("schema_version") {
        Some(Value::String(version)) if version == SCHEMA_VERSION => {}
        Some(other) => {
            let shown: String = other.to_string().chars().take(40).collect();
            return Err((
                "SCHEMA_VERSION",
                format!("schema_version {shown} is not known here: {SCHEMA_VERSION} is"),
            ));
        }
        None => return Err(("SCHEMA_VERSION", "schema_version is missing".to_owned())),
    }
    let text =
        |name: &str| body.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let Some(lot) = text("lot_number") else {
        return Err(("LOT_NUMBER", "lot_number is missing".to_owned()));
    };
    let of = text("serial_number").unwrap_or(lot).to_owned();
    let completed_at = text("complete_time").and_then(|text| text.parse().ok());
    Ok((body, of, completed_at))
}

/// Sends the files of one unit, one after the other. When the server is away, how long it wants to be left alone.
async fn send_all(
    shared: &Arc<Shared>,
    journal: &Mutex<Journal>,
    files: Vec<Completion>,
    (ahead_ms, failed): (i64, &AtomicUsize),
    stopping: &CancellationToken,
) -> Option<Option<Duration>> {
    for file in files {
        if stopping.is_cancelled() || failed.load(Ordering::Relaxed) >= FAILURES_IN_LOOK_MAX {
            return None;
        }
        let outcome = match send(shared, journal, &file, ahead_ms).await {
            Ok(()) => Outcome::Completed,
            Err(Failure::Refused { status, code, detail }) => {
                Outcome::Refused { code, detail, status: Some(status) }
            }
            Err(Failure::Away { why, retry_after }) => {
                failed.fetch_add(1, Ordering::Relaxed);
                shared.status.reached(Some(why));
                return Some(retry_after);
            }
        };
        shared.status.reached(None);
        settle(shared, journal, &file.seen, &file.hash, outcome).await;
    }
    None
}

/// Sends a completion, its times put right when this clock is wrong. It is always sent with the same body.
async fn send(
    shared: &Shared,
    journal: &Mutex<Journal>,
    file: &Completion,
    ahead_ms: i64,
) -> Result<(), Failure> {
    let known = journal.lock().await.behind_s(&file.hash);
    let behind_s = match known {
        Some(behind_s) => behind_s,
        None => {
            let off = u128::from(ahead_ms.unsigned_abs()) > shared.settings.clock_off.as_millis();
            let behind_s = if off { -ahead_ms.div_euclid(1_000) } else { 0 };
            let noted = journal.lock().await.prepare(&file.hash, behind_s, shared.clock.now_us());
            if let Err(error) = noted {
                shared.status.set_trouble(AgentTrouble::DiskFull, Part::Journal, is_full(&error));
                let why = format!("it cannot be noted how a file is sent: {error}");
                return Err(Failure::Away { why, retry_after: None });
            }
            behind_s
        }
    };
    let mut body = file.body.clone();
    if behind_s != 0 {
        for name in ["complete_time", "start_time"] {
            put_right(&mut body, name, behind_s);
        }
    }
    let text = |body: &Map<String, Value>| serde_json::to_vec(body).unwrap_or_default();
    match shared.server.post("api/v1/process/complete", Some(&file.hash), text(&body)).await {
        Ok(_) => Ok(()),
        Err(Failure::Refused { code, .. })
            if code == "PROCESS_NOT_STARTED" && shared.settings.start_missing =>
        {
            let mut start = body.clone();
            start.retain(|name, _| {
                ["lot_number", "serial_number", "process_id", "worker_id", "equipment_id", "start_time"]
                    .contains(&name.as_str())
            });
            let key = format!("{}-start", file.hash);
            shared.server.post("api/v1/process/start", Some(&key), text(&start)).await?;
            shared.server.post("api/v1/process/complete", Some(&file.hash), text(&body)).await.map(|_| ())
        }
        Err(failure) => Err(failure),
    }
}

/// Moves a time of the body by whole seconds.
fn put_right(body: &mut Map<String, Value>, name: &str, behind_s: i64) {
    let Some(at) = body.get(name).and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok())
    else {
        return;
    };
    let right = Timestamp::from_us(at.us().saturating_add(behind_s.saturating_mul(1_000_000)));
    body.insert(name.to_owned(), right.to_string().into());
}

fn refusal(code: &str, detail: String) -> Outcome {
    Outcome::Refused { code: code.to_owned(), detail, status: None }
}

/// Notes what became of a file, and moves it to where it belongs.
async fn settle(shared: &Shared, journal: &Mutex<Journal>, seen: &Seen, hash: &str, outcome: Outcome) {
    let mut journal = journal.lock().await;
    let noted = journal.settle(hash, outcome.clone(), shared.clock.now_us());
    let (completed, refused) = journal.counts();
    drop(journal);
    // When it is not on the disk, the server still knows the content: sent again, it takes no second effect.
    let full = noted.as_ref().err().is_some_and(is_full);
    shared.status.set_trouble(AgentTrouble::DiskFull, Part::Journal, full);
    if let Err(error) = noted {
        tracing::warn!(file = %seen.name, error = %error, "what became of a file cannot be noted");
    }
    shared.status.change(|facts| (facts.completed, facts.refused) = (completed, refused));
    if let Outcome::Refused { code, detail, .. } = &outcome {
        tracing::warn!(file = %seen.name, code, detail, "a file was refused");
    }
    move_away(shared, seen, &outcome).await;
}

async fn move_away(shared: &Shared, seen: &Seen, outcome: &Outcome) {
    let (folders, seen, outcome) = (shared.folders.clone(), seen.clone(), outcome.clone());
    let at = Timestamp::from_us(shared.clock.now_us()).to_string();
    let moving = tokio::task::spawn_blocking(move || match &outcome {
        Outcome::Completed => folders.complete(&seen.path, &seen.name),
        Outcome::Refused { code, detail, status } => {
            let note = ErrorNote { file: &seen.name, code, detail, status: *status, at };
            folders.refuse(&seen.path, &seen.name, &note)
        }
    });
    let moved = moving.await.unwrap_or_else(|e| Err(std::io::Error::other(e)));
    let full = moved.as_ref().err().is_some_and(is_full);
    shared.status.set_trouble(AgentTrouble::DiskFull, Part::Files, full);
    shared.status.set_trouble(AgentTrouble::FolderRefused, Part::Files, moved.is_err() && !full);
    if let Err(error) = moved {
        // Each look tries again; the trouble is in the log once.
        tracing::debug!(error = %error, "a file cannot be moved; it is tried again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(more: &str) -> String {
        format!(r#"{{"schema_version":"1.0","lot_number":"L-1","process_id":"PROC-003"{more}}}"#)
    }

    #[test]
    fn a_file_names_its_unit_or_its_lot() {
        let (_, of, at) = parse(body("").as_bytes()).expect("a lot's");
        assert_eq!((of.as_str(), at), ("L-1", None));
        let full = body(r#","serial_number":"L-1-0001","complete_time":"2025-01-10T09:15:00+09:00""#);
        let (_, of, at) = parse(&[b"\xef\xbb\xbf", full.as_bytes()].concat()).expect("a unit's, with a mark");
        assert_eq!(
            (of.as_str(), at.map(|t| t.to_string())),
            ("L-1-0001", Some("2025-01-10T00:15:00Z".to_owned()))
        );
    }

    #[test]
    fn what_is_no_completion_is_said() {
        let code = |text: &str| parse(text.as_bytes()).map(|_| ()).expect_err(text).0;
        assert_eq!(code("{\"schema_version\":"), "INVALID_JSON");
        assert_eq!(code("[1]"), "INVALID_JSON");
        assert_eq!(code(r#"{"lot_number":"L"}"#), "SCHEMA_VERSION");
        assert_eq!(code(r#"{"schema_version":"2.0","lot_number":"L"}"#), "SCHEMA_VERSION");
        assert_eq!(code(r#"{"schema_version":"1.0","lot_number":" "}"#), "LOT_NUMBER");
    }

    #[test]
    fn times_are_put_right() {
        let text = body(r#","complete_time":"2025-01-11T09:15:00+09:00","start_time":"soon""#);
        let (mut body, ..) = parse(text.as_bytes()).expect("a lot's");
        put_right(&mut body, "complete_time", -86_400);
        put_right(&mut body, "start_time", -86_400);
        assert_eq!(body["complete_time"], "2025-01-10T00:15:00Z");
        assert_eq!(body["start_time"], "soon", "what is no time is the server's to refuse");
    }
}
