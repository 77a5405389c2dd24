//! Asks the server for work, fetches firmware, and says how far it is.
//!
//! The image lies in `firmware` beside `firmware_meta.json`, which the station's own program reads and writes: READY →
//! UPLOADING → UPLOADED | ERROR. Nothing is handed to it whose digests are not those that the server gave.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::firmware::{
    AgentTrouble, Digester, Digests, FIRMWARE_BYTES_MAX, FirmwareMeta, FirmwareVersion, MetaStatus,
};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::client::Failure;
use super::folder::{is_full, write_whole};
use super::status::Part;

const META: &str = "firmware_meta.json";
/// Which deployment the image in the folder is for.
const MARKER: &str = "deployment.json";
/// Tries of a download, and the pauses after them.
const PAUSES: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
/// How long a piece of a download may take.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);
/// The newest version is asked for at each of so many polls.
const LATEST_EVERY: u64 = 5;
/// Slowest answer by which a clock is measured once it has been measured, microseconds.
const CLOCK_ANSWER_US_MAX: i64 = 2_000_000;
/// What is written to find out whether there is room again, and how much of it.
const PROBE: &str = ".room";
const PROBE_BYTES: usize = 64 * 1_024;
/// Largest meta file that is read, bytes.
const META_BYTES_MAX: u64 = 64 * 1_024;

/// What the server says.
#[derive(Deserialize)]
struct Work {
    now: Timestamp,
    deployment: Option<Wanted>,
    firmware: Option<Image>,
}

#[derive(Deserialize)]
struct Wanted {
    id: i64,
}

/// An image that is to be here.
#[derive(Debug, Clone, Deserialize)]
struct Image {
    version: FirmwareVersion,
    filename: String,
    file_size: u64,
    md5_hash: String,
    sha256: String,
    download_url: String,
}

/// Works until told to stop.
pub(super) async fn work(shared: Arc<Shared>, state_dir: PathBuf, stopping: CancellationToken) {
    let mut polls = 0_u64;
    while !stopping.is_cancelled() {
        // A trouble is over at the earliest once the server has heard of it.
        let full = [Part::Firmware, Part::Journal]
            .map(|part| Some(part).filter(|part| shared.status.meets(AgentTrouble::DiskFull, *part)));
        let polled = tokio::select! {
            () = stopping.cancelled() => return,
            polled = poll(&shared, &state_dir, polls) => polled,
        };
        if polled.is_ok() {
            look_for_room(&shared, &state_dir, full.into_iter().flatten()).await;
        }
        shared.status.reached(polled.err().map(|failure| match failure {
            Failure::Away { why, .. } => why,
            Failure::Refused { status, code, detail } => format!("{status} {code}: {detail}"),
        }));
        polls += 1;
        tokio::select! {
            () = stopping.cancelled() => return,
            () = shared.clock.sleep(shared.settings.poll) => {}
        }
    }
}

async fn poll(shared: &Shared, state_dir: &Path, polls: u64) -> Result<(), Failure> {
    let meta = read_meta(&shared.folders.firmware).await;
    shared.status.change(|facts| {
        facts.firmware_version = meta.as_ref().map(|meta| meta.version);
        facts.firmware_status = meta.as_ref().map(|meta| meta.status);
        facts.running_version = meta.as_ref().and_then(FirmwareMeta::running);
    });
    let facts = shared.status.facts();
    let before_us = shared.clock.now_us();
    let body = json!({
        "agent_version": crate::VERSION, "clock": Timestamp::from_us(before_us).to_string(),
        "pending": facts.pending, "completed": facts.completed, "refused": facts.refused,
        "troubles": facts.troubles, "running_version": facts.running_version,
    });
    let path = format!("api/v1/agents/{}/poll", shared.station);
    let answer = shared.server.post(&path, None, body.to_string().into_bytes()).await?;
    let work: Work = serde_json::from_value(answer).map_err(|e| Failure::Away {
        why: format!("the server's work cannot be read: {e}"),
        retry_after: None,
    })?;
    note_clock(shared, before_us, work.now);
    if let (Some(wanted), Some(image)) = (&work.deployment, &work.firmware) {
        return deploy(shared, state_dir, meta, wanted.id, image).await;
    }
    if let Some(model) = shared.settings.firmware_model.filter(|_| polls.is_multiple_of(LATEST_EVERY)) {
        match shared.server.get::<Image>(&format!("api/v1/firmware/latest?product_model_id={model}")).await {
            Ok(image) if meta.as_ref().is_none_or(|meta| meta.version != image.version) => {
                fetch(shared, &image).await.map_err(|why| Failure::Away { why, retry_after: None })?;
            }
            Ok(_) | Err(Failure::Refused { .. }) => {}
            Err(away) => return Err(away),
        }
    }
    Ok(())
}

/// How wrong this clock is: the server's time against the middle of question and answer.
fn note_clock(shared: &Shared, before_us: i64, server: Timestamp) {
    let took_us = shared.clock.now_us() - before_us;
    // A slow answer says little of the clock: what was measured before is better.
    if took_us > CLOCK_ANSWER_US_MAX && shared.status.facts().clock_ahead_ms.is_some() {
        return;
    }
    let middle_us = before_us + took_us / 2;
    let ahead_ms = (middle_us - server.us()) / 1_000;
    shared.status.change(|facts| facts.clock_ahead_ms = Some(ahead_ms));
    let off = u128::from(ahead_ms.unsigned_abs()) > shared.settings.clock_off.as_millis();
    shared.status.set_trouble(AgentTrouble::ClockOff, Part::Clock, off);
}

/// Does what is to be done of a deployment, and says how far it is.
async fn deploy(
    shared: &Shared,
    state_dir: &Path,
    meta: Option<FirmwareMeta>,
    id: i64,
    image: &Image,
) -> Result<(), Failure> {
    let marker = state_dir.join(MARKER);
    let known =
        tokio::fs::read(&marker).await.ok().and_then(|text| serde_json::from_slice::<i64>(&text).ok());
    let here = meta.filter(|meta| {
        known == Some(id)
            && meta.version == image.version
            && meta.md5_hash.eq_ignore_ascii_case(&image.md5_hash)
    });
    let report = match here {
        Some(meta) => match meta.status {
            MetaStatus::Ready => json!({ "status": "READY" }),
            MetaStatus::Uploading => json!({ "status": "UPLOADING" }),
            MetaStatus::Uploaded => json!({ "status": "UPLOADED", "running_version": meta.running() }),
            MetaStatus::Error => json!({ "status": "ERROR", "detail": meta.error }),
        },
        None => match fetch(shared, image).await {
            Ok(()) => {
                // Only now is what lies there this deployment's.
                if let Err(error) = write_whole(&marker, id.to_string().as_bytes()) {
                    let why = disk_failed(shared, "the deployment cannot be noted", &error);
                    return Err(Failure::Away { why, retry_after: None });
                }
                json!({ "status": "READY" })
            }
            Err(why) => json!({ "status": "ERROR", "detail": why }),
        },
    };
    let path = format!("api/v1/agents/{}/deployments/{id}", shared.station);
    match shared.server.post(&path, None, report.to_string().into_bytes()).await {
        // It has ended otherwise: the next poll tells of something else.
        Ok(_) | Err(Failure::Refused { .. }) => Ok(()),
        Err(away) => Err(away),
    }
}

/// Has an image in the folder, checked, with its meta file. Why not, after three tries.
async fn fetch(shared: &Shared, image: &Image) -> Result<(), String> {
    let name_is_plain = !image.filename.is_empty()
        && image.filename.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !image.filename.starts_with('.');
    if !name_is_plain || image.file_size > FIRMWARE_BYTES_MAX {
        return Err("the server describes an image that cannot be one".to_owned());
    }
    let target = shared.folders.firmware.join(&image.filename);
    let mut why = String::new();
    for pause in PAUSES {
        match have(shared, image, &target).await {
            Ok(()) => return write_meta(shared, image),
            Err(error) => why = error,
        }
        tracing::warn!(version = %image.version, why, "an image could not be fetched; it is tried again");
        shared.clock.sleep(pause).await;
    }
    Err(why)
}

/// Has the image's bytes in the folder.
async fn have(shared: &Shared, image: &Image, target: &Path) -> Result<(), String> {
    if digests_of(target).await.is_some_and(|digests| fits(&digests, image)) {
        return Ok(());
    }
    let partial = target.with_extension("bin.download");
    download(shared, image, &partial).await?;
    let digests = digests_of(&partial).await.ok_or("what was fetched is gone")?;
    if !fits(&digests, image) {
        // Cut short or altered: nothing of it is used, and the next try begins anew.
        let _ = tokio::fs::remove_file(&partial).await;
        return Err(format!(
            "the image is not what was uploaded: {} bytes with MD5 {} instead of {} with {}",
            digests.size, digests.md5, image.file_size, image.md5_hash
        ));
    }
    tokio::fs::rename(&partial, target).await.map_err(|e| format!("the image cannot be put in place: {e}"))
}

fn fits(digests: &Digests, image: &Image) -> bool {
    digests.size == image.file_size
        && digests.md5.eq_ignore_ascii_case(&image.md5_hash)
        && digests.sha256.eq_ignore_ascii_case(&image.sha256)
}

/// Fetches into `partial`, from where an earlier try was cut off.
async fn download(shared: &Shared, image: &Image, partial: &Path) -> Result<(), String> {
    let there = tokio::fs::metadata(partial).await.map_or(0, |meta| meta.len());
    let there = if there < image.file_size { there } else { 0 };
    let tag = format!("\"{}\"", image.sha256);
    let answer = shared.server.download(&image.download_url, there, &tag).await;
    let answer = answer.map_err(|failure| match failure {
        Failure::Away { why, .. } => why,
        Failure::Refused { status, code, detail } => format!("{status} {code}: {detail}"),
    })?;
    let goes_on = answer.status() == reqwest::StatusCode::PARTIAL_CONTENT;
    let from = if goes_on { there } else { 0 };
    match pour(answer, partial, from, image.file_size).await {
        Ok(()) => Ok(()),
        Err(Broken::Line(why)) => Err(why),
        Err(Broken::Disk(error)) => {
            if is_full(&error) {
                // What is left of the disk is for completions.
                let _ = tokio::fs::remove_file(partial).await;
            }
            Err(disk_failed(shared, "the image cannot be written", &error))
        }
    }
}

/// What broke off a download.
enum Broken {
    /// The way to the server; what came is kept.
    Line(String),
    /// The disk.
    Disk(std::io::Error),
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Writes what comes behind the first `from` bytes of `partial`; at most `size` bytes in all.
async fn pour(answer: reqwest::Response, partial: &Path, from: u64, size: u64) -> Result<(), Broken> {
    let mut options = tokio::fs::OpenOptions::new();
    let options =
        if from > 0 { options.append(true) } else { options.write(true).create(true).truncate(true) };
    let mut file = options.open(partial).await?;
    let poured = pour_pieces(answer, &mut file, size - from).await;
    // What came before the line broke stays: the next try goes on behind it.
    file.flush().await?;
    poured?;
    file.sync_all().await?;
    Ok(())
}

async fn pour_pieces(
    mut answer: reqwest::Response,
    file: &mut tokio::fs::File,
    mut left: u64,
) -> Result<(), Broken> {
    loop {
        let piece = tokio::time::timeout(PIECE_TIMEOUT, answer.chunk()).await;
        let piece = piece.map_err(|_| Broken::Line("the download stands still".to_owned()))?;
        let piece = piece.map_err(|e| Broken::Line(crate::serve::chain(&e)))?;
        let Some(piece) = piece else { return Ok(()) };
        left = left
            .checked_sub(piece.len() as u64)
            .ok_or_else(|| Broken::Line("the server sends more than the image has".to_owned()))?;
        file.write_all(&piece).await?;
    }
}

/// Looks whether there is room again for those parts that met none.
async fn look_for_room(shared: &Shared, state_dir: &Path, full: impl Iterator<Item = Part>) {
    for part in full {
        let folder = if part == Part::Journal { state_dir } else { shared.folders.firmware.as_path() };
        let probe = folder.join(PROBE);
        let probed = tokio::task::spawn_blocking(move || {
            let written = write_whole(&probe, &vec![0; PROBE_BYTES]);
            written.and_then(|()| std::fs::remove_file(&probe))
        });
        if matches!(probed.await, Ok(Ok(()))) {
            shared.status.set_trouble(AgentTrouble::DiskFull, part, false);
        }
    }
}

/// Notes a failure of the disk, and says it.
fn disk_failed(shared: &Shared, what: &str, error: &std::io::Error) -> String {
    shared.status.set_trouble(AgentTrouble::DiskFull, Part::Firmware, is_full(error));
    format!("{what}: {error}")
}

async fn digests_of(path: &Path) -> Option<Digests> {
    let mut file = tokio::fs::File::open(path).await.ok()?;
    let mut digester = Digester::default();
    let mut piece = vec![0; 64 * 1_024];
    loop {
        match file.read(&mut piece).await.ok()? {
            0 => return Some(digester.finish()),
            n if digester.size() + n as u64 > FIRMWARE_BYTES_MAX => return None,
            n => digester.update(&piece[..n]),
        }
    }
}

async fn read_meta(folder: &Path) -> Option<FirmwareMeta> {
    let path = folder.join(META);
    if tokio::fs::metadata(&path).await.ok()?.len() > META_BYTES_MAX {
        return None;
    }
    // The station's program may be writing it just now: then the next look reads it.
    serde_json::from_slice(&tokio::fs::read(path).await.ok()?).ok()
}

/// The meta file of an image that is ready, written whole.
fn write_meta(shared: &Shared, image: &Image) -> Result<(), String> {
    let meta = FirmwareMeta {
        version: image.version,
        filename: image.filename.clone(),
        file_size: image.file_size,
        md5_hash: image.md5_hash.clone(),
        downloaded_at: local_time(shared),
        status: MetaStatus::Ready,
        running_version: None,
        error: None,
    };
    let text = serde_json::to_vec_pretty(&meta).map_err(|e| e.to_string())?;
    let written = write_whole(&shared.folders.firmware.join(META), &text);
    written.map_err(|error| disk_failed(shared, "firmware_meta.json cannot be written", &error))?;
    shared.status.set_trouble(AgentTrouble::DiskFull, Part::Firmware, false);
    Ok(())
}

/// The time with the plant's offset, whole seconds: `2025-01-10T10:00:15+09:00`.
fn local_time(shared: &Shared) -> String {
    let now = Timestamp::from_us(shared.clock.now_us());
    let calendar = shared.settings.time_zone.parse::<nightshift_domain::production::Calendar>();
    calendar.map_or_else(|_| now.to_string(), |calendar| calendar.rfc3339(now))
}
