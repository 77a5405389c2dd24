//! `nightshift doctor`: looks at this machine as the plant would, and says what to do. Changes nothing that stays.

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;

use nightshift_actors::Cache;
use nightshift_domain::Timestamp;
use nightshift_kernel::Clock;
use nightshift_store::{Db, DbOptions};
use serde::Serialize;

use super::{CommandError, EXIT_CONFIG, output, runtime};
use crate::config::{Config, ConfigError};
use crate::http::Tls;
use crate::serve::chain;

/// Farthest that the file system's clock may be from this process's, seconds.
const CLOCK_SKEW_S_MAX: u64 = 5;
/// 2026-01-01: this program did not exist before, so an earlier clock is wrong.
const BUILT_AFTER: Timestamp = Timestamp::from_s(1_767_225_600);
const MIB: u64 = 1_024 * 1_024;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok,
    Warn,
    Fail,
}

/// One line of the report.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    outcome: Outcome,
    detail: String,
}

fn check(name: &'static str, outcome: Outcome, detail: impl Into<String>) -> Check {
    Check { name, outcome, detail: detail.into() }
}

pub(super) fn run(config: Result<Config, ConfigError>, json: bool) -> Result<ExitCode, CommandError> {
    let (checks, bad_config) = match config {
        Ok(config) => {
            let mut checks = vec![check("config", Outcome::Ok, "every key is known and in range")];
            checks.push(data_dir(&config.data_dir));
            checks.push(disk(&config));
            checks.push(clock(&config.data_dir));
            checks.push(runtime()?.block_on(database(&config)));
            checks.push(runtime()?.block_on(cache(&config)));
            checks.push(device(&config));
            checks.push(port(&config));
            checks.push(tls(&config));
            (checks, false)
        }
        Err(error) => (vec![check("config", Outcome::Fail, error.to_string())], true),
    };
    let worst = checks.iter().map(|c| c.outcome).max().unwrap_or(Outcome::Ok);
    if json {
        output::json(&serde_json::json!({ "outcome": worst, "checks": checks }));
    } else {
        for c in &checks {
            let word = match c.outcome {
                Outcome::Ok => "ok  ",
                Outcome::Warn => "warn",
                Outcome::Fail => "FAIL",
            };
            output::line(&format!("{word}  {:9} {}", c.name, c.detail));
        }
    }
    Ok(match (worst, bad_config) {
        (_, true) => ExitCode::from(EXIT_CONFIG),
        (Outcome::Fail, _) => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

fn tls(config: &Config) -> Check {
    match Tls::load(&config.http.tls) {
        Ok(Some(_)) => check("tls", Outcome::Ok, "the certificate and its key can be used"),
        Ok(None) if config.http.listen.ip().is_loopback() => {
            check("tls", Outcome::Ok, "off, and only this machine can connect")
        }
        Ok(None) => check(
            "tls",
            Outcome::Warn,
            "off: set http.tls, or let only a proxy that speaks TLS reach this port",
        ),
        Err(error) => check("tls", Outcome::Fail, format!("{}; give it files that fit", chain(&error))),
    }
}

async fn cache(config: &Config) -> Check {
    // TLS needs a provider before the first connection.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cache = match Cache::open(&config.cache.for_plant(), Clock::system()) {
        Ok(cache) => cache,
        Err(error) => return check("cache", Outcome::Fail, format!("cache.url: {error}")),
    };
    cache.look().await;
    match (cache.place(), cache.fault()) {
        (None, _) => check("cache", Outcome::Ok, "in this process"),
        (Some(place), None) => check("cache", Outcome::Ok, format!("{place} takes what is written")),
        (Some(place), Some(fault)) => check(
            "cache",
            Outcome::Warn,
            format!("{place}: {fault}; each node goes on by itself, look at that Redis or at cache.url"),
        ),
    }
}

fn data_dir(dir: &Path) -> Check {
    let probe = dir.join(".nightshift-doctor");
    let written = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&probe, b"probe"));
    let _ = std::fs::remove_file(&probe);
    match written {
        Ok(()) => check("data_dir", Outcome::Ok, format!("{} is writable", dir.display())),
        Err(error) => check(
            "data_dir",
            Outcome::Fail,
            format!("{}: {error}; make it writable for this user or set data_dir", dir.display()),
        ),
    }
}

fn disk(config: &Config) -> Check {
    let dir = config.data_dir.canonicalize().unwrap_or_else(|_| config.data_dir.clone());
    let disks = sysinfo::Disks::new_with_refreshed_list();
    let holding = disks
        .iter()
        .filter(|d| dir.starts_with(d.mount_point()))
        .max_by_key(|d| d.mount_point().as_os_str().len());
    let Some(disk) = holding else {
        return check("disk", Outcome::Warn, "its free space cannot be read");
    };
    let free_mib = disk.available_space() / MIB;
    let wanted = config.system.disk_free_mib_min;
    if free_mib < wanted {
        let text =
            format!("{free_mib} MiB free, {wanted} wanted: free some, or shorten the retention of sensors");
        return check("disk", Outcome::Warn, text);
    }
    check("disk", Outcome::Ok, format!("{free_mib} MiB free"))
}

fn clock(dir: &Path) -> Check {
    let now = Timestamp::from_us(Clock::system().now_us());
    if now < BUILT_AFTER {
        let text = format!("it says {now}, which is before this program existed: set it, and run NTP");
        return check("clock", Outcome::Fail, text);
    }
    let probe = dir.join(".nightshift-doctor");
    let written = std::fs::write(&probe, b"clock").and_then(|()| std::fs::metadata(&probe)?.modified());
    let _ = std::fs::remove_file(&probe);
    let Some(stamped) = written.ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok()) else {
        return check(
            "clock",
            Outcome::Warn,
            format!("it says {now}; it cannot be compared with the disk's"),
        );
    };
    let stamped = Timestamp::from_us(i64::try_from(stamped.as_micros()).unwrap_or(i64::MAX));
    let skew_s = now.us_since(stamped).unsigned_abs() / 1_000_000;
    if skew_s > CLOCK_SKEW_S_MAX {
        let text = format!("it is {skew_s} s away from the disk's clock: run NTP on both machines");
        return check("clock", Outcome::Warn, text);
    }
    check("clock", Outcome::Ok, format!("it says {now}"))
}

async fn database(config: &Config) -> Check {
    let url = config.database_url();
    let file = url
        .expose()
        .strip_prefix("sqlite:")
        .map(|f| f.trim_start_matches("//").split('?').next().unwrap_or(f).to_owned());
    if file.as_ref().is_some_and(|f| !f.contains(":memory:") && !Path::new(f).exists()) {
        return check("database", Outcome::Ok, "SQLite; the file is made at the first start");
    }
    let db = match Db::connect(&DbOptions::new(url.expose())).await {
        Ok(db) => db,
        Err(error) => {
            let text = format!("{}: is it running, and is database.url right?", chain(&error));
            return check("database", Outcome::Fail, text);
        }
    };
    let schema = db.check_schema().await;
    let location = db.location().to_owned();
    db.close().await;
    match schema {
        Ok(()) => check("database", Outcome::Ok, format!("{location} is reachable and up to date")),
        Err(error) if config.database.auto_migrate => check(
            "database",
            Outcome::Warn,
            format!("{location}: {error}; `serve` will try to bring it up to date"),
        ),
        Err(error) => {
            check("database", Outcome::Fail, format!("{location}: {error}; run `nightshift migrate`"))
        }
    }
}

fn device(config: &Config) -> Check {
    let selected = config
        .inference
        .device_choice()
        .map_err(|e| e.to_string())
        .and_then(|choice| nightshift_models::select(choice).map_err(|e| e.to_string()));
    match selected {
        Ok(selection) => {
            let names: Vec<&str> = selection.devices.iter().map(|d| d.label.as_str()).collect();
            check("device", Outcome::Ok, format!("{} ({})", names.join(", then "), selection.reason))
        }
        Err(error) => check(
            "device",
            Outcome::Fail,
            format!("{error}; install its driver, or set inference.device to auto or cpu"),
        ),
    }
}

fn port(config: &Config) -> Check {
    let address = config.http.listen;
    match TcpListener::bind(address) {
        Ok(_) => check("port", Outcome::Ok, format!("{address} is free")),
        Err(error) => check(
            "port",
            Outcome::Warn,
            format!("{address}: {error}; a running nightshift, or another program, has it"),
        ),
    }
}
