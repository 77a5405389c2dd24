//! `nightshift bench`: the whole plant at work against a running server, and whether what is required of it holds.
//!
//! Every kind of client at once, each over its own protocol: stations, sensors, vehicles, VR headsets, people with briefings,
//! dashboards. When an act is due is decided before the server is asked ([`pace`]); what was measured becomes a page and JSON.

mod access;
mod briefings;
mod dashboards;
mod fleet;
mod limits;
mod line;
mod pace;
mod page;
mod sensors;
mod server;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use nightshift_domain::Timestamp;
use nightshift_domain::fleet::MapId;
use nightshift_domain::fleet::wire;
use nightshift_domain::production::Calendar;
use nightshift_kernel::{Clock, Random};
use serde::Serialize;
use tokio::task::JoinSet;

use super::serve::told_to_stop;
use super::simulate::fleet::{Cast, sockets_at};
use super::simulate::vr::{VrArgs, Ward};
use super::{CommandError, Common, configure, output, progress, runtime};
use crate::config::{Config, Environment};
use access::Access;
use limits::Limit;
use line::Line;
use pace::Time;
use sensors::Sensors;
use server::Look;
use tally::{Figures, Tally};

/// From the end of the preparation to the start of the run: everybody takes their place.
const LEAD: Duration = Duration::from_secs(2);
/// Time between two lines of progress.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Police and one runner drive so many times a second.
const HZ: u8 = 10;
/// Seconds that a headset plays, and rows of its result.
const PLAY_S: u64 = 5;
const ROWS: u32 = 4_288;

#[derive(Args)]
pub(super) struct BenchArgs {
    /// The server [default: the configured one on this machine].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Who signs in: an ADMIN, who makes a machine token for the load and revokes it at the end.
    #[arg(long, default_value = "admin", value_name = "NAME")]
    username: String,
    /// Their password.
    #[arg(long, env = "NIGHTSHIFT_BENCH_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    password: String,
    /// How long the run takes, seconds; hours make it a soak.
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    seconds: u64,
    /// Users at the line, each with a unit of its own in hand.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5_000))]
    users: u32,
    /// Starts, completions and looks at lots in a second, of all users together.
    #[arg(long, default_value_t = 25.0, value_name = "N", value_parser = rate)]
    tps: f64,
    /// Sensors.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    sensors: u32,
    /// Readings in a second, of all sensors together.
    #[arg(long, default_value_t = 50.0, value_name = "N", value_parser = rate)]
    readings: f64,
    /// People who have the dashboard open and load it every 30 seconds.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=5_000))]
    dashboards: u32,
    /// Streams of events.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=5_000))]
    streams: u32,
    /// Police cars that chase a runner, where the server has a fleet (`fleet.secret` of the configuration).
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=200))]
    vehicles: u8,
    /// The map they drive on.
    #[arg(long, default_value_t = 1, value_name = "ID")]
    map: u32,
    /// VR headsets with their doctors, who register with the admin code.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    headsets: u32,
    /// The plant's admin code (`identity.admin_code`); no headsets without it.
    #[arg(long, value_name = "CODE", env = "NIGHTSHIFT_ADMIN_CODE", hide_env_values = true)]
    admin_code: Option<String>,
    /// People who have briefings, a text every two seconds.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=5_000))]
    briefings: u32,
    /// Where chance begins.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Where the page is written.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Where the figures are written as JSON.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A number of acts in a second.
fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if (0.01..=100_000.0).contains(&rate) { Ok(rate) } else { Err("must be 0.01 to 100000".to_owned()) }
}

/// What came of a run.
#[derive(Serialize)]
struct Report {
    server: String,
    began: String,
    seconds: f64,
    limits: Vec<Limit>,
    acts: Vec<Figures>,
    looks: Vec<Look>,
    notes: Vec<String>,
}

impl Report {
    fn holds(&self) -> bool {
        self.limits.iter().all(|limit| limit.holds)
    }
}

pub(super) fn run(
    args: &BenchArgs,
    common: &Common,
    environment: Environment,
) -> Result<ExitCode, CommandError> {
    let config = configure(common, environment)?;
    let report = runtime()?.block_on(bench(args, &config)).map_err(CommandError::Failed)?;
    if let Some(path) = &args.html {
        write(path, &page::page(&report))?;
    }
    if let Some(path) = &args.out {
        write(path, &serde_json::to_string_pretty(&report).map_err(CommandError::failed)?)?;
    }
    if common.json {
        output::json(&report);
    } else {
        show(&report);
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(path: &PathBuf, text: &str) -> Result<(), CommandError> {
    std::fs::write(path, text).map_err(|e| CommandError::Failed(format!("{}: {e}", path.display())))
}

fn show(report: &Report) {
    output::line(&format!(
        "{:<20} {:>9} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "act", "done", "failed", "/s", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms"
    ));
    for f in &report.acts {
        output::line(&format!(
            "{:<20} {:>9} {:>7} {:>8.1} {:>9.1} {:>9.1} {:>9.1} {:>9.1}",
            f.act, f.done, f.failed, f.per_second, f.p50_ms, f.p95_ms, f.p99_ms, f.p999_ms
        ));
    }
    for limit in &report.limits {
        let word = if limit.holds { "holds" } else { "MISSED" };
        output::line(&format!("{word:<7} {}: {} ({})", limit.what, limit.measured, limit.limit));
    }
    report.notes.iter().for_each(|note| output::line(note));
}

/// Everybody who has taken their place.
struct Crew {
    line: Line,
    sensors: Option<Sensors>,
    cast: Option<Cast>,
    ward: Option<Ward>,
    notes: Vec<String>,
}

async fn bench(args: &BenchArgs, config: &Config) -> Result<Report, String> {
    let clock = Clock::system();
    let base = args.url.clone().unwrap_or_else(|| format!("http://{}", config.http.listen));
    sockets_at(&base).map_err(|e| e.to_string())?;
    let length = Duration::from_secs(args.seconds);
    let spinner = progress::spinner("signing in, making lots, sensors and doctors");
    let access = Access::open(&base, &args.username, args.password.as_str().into(), (&clock, length)).await?;
    let access = Arc::new(access);
    let tally = Tally::new(length);
    // Short, and another one for each run on the same plant.
    let run = format!("{:x}", clock.now_us() / 1_000_000 % 0x0fff_ffff);
    let crew = prepare(args, config, &access, &tally, &run).await;
    spinner.finish_and_clear();
    let report = match crew {
        Ok(crew) => work(args, config, &access, &tally, (&run, length, clock), crew).await,
        Err(error) => Err(error),
    };
    access.close().await;
    report
}

async fn prepare(
    args: &BenchArgs,
    config: &Config,
    access: &Arc<Access>,
    tally: &Tally,
    run: &str,
) -> Result<Crew, String> {
    let mut notes = Vec::new();
    let line = Line::prepare(access, tally, (args.users, args.tps), run).await?;
    let sensors = match args.sensors {
        0 => None,
        count => Some(Sensors::prepare(access, tally, count, run).await?),
    };
    let cast = if args.vehicles > 0 { cast(args, config, &access.base)? } else { None };
    if cast.is_none() && args.vehicles > 0 {
        notes.push("no vehicles: fleet.secret is not set".to_owned());
    }
    let ward = match &args.admin_code {
        Some(code) if args.headsets > 0 => {
            Some(Ward::open(headsets(args, &access.base, code), Clock::system()).await?)
        }
        None if args.headsets > 0 => {
            notes.push("no headsets: --admin-code is not given".to_owned());
            None
        }
        _ => None,
    };
    Ok(Crew { line, sensors, cast, ward, notes })
}

/// Who drives; nobody where the configuration has no secret.
fn cast(args: &BenchArgs, config: &Config, base: &str) -> Result<Option<Cast>, String> {
    let Some(secret) = &config.fleet.secret else { return Ok(None) };
    let secret = wire::Secret::new(secret.expose()).map_err(|e| e.to_string())?;
    let maps = nightshift_actors::fleet_maps(config.fleet.maps_dir.as_deref())?;
    let map = maps.get(&MapId(args.map)).ok_or_else(|| format!("there is no map {}", args.map))?;
    Ok(Some(Cast {
        base: sockets_at(base).map_err(|e| e.to_string())?,
        secret,
        map: Arc::clone(map),
        police: args.vehicles,
        runners: 1,
        seed: args.seed,
        stamped: true,
        hz: HZ,
    }))
}

fn headsets(args: &BenchArgs, base: &str, code: &str) -> VrArgs {
    let play_s = PLAY_S.min(args.seconds.div_ceil(2));
    VrArgs {
        url: base.to_owned(),
        admin_code: code.to_owned(),
        headsets: args.headsets,
        rounds: u32::try_from(args.seconds / play_s.max(1)).unwrap_or(u32::MAX).max(1),
        rows: ROWS,
        play_ms: play_s * 1_000,
        failing: 0,
        vanishing: 5,
        seed: args.seed,
        together: false,
    }
}

type Working = JoinSet<Result<Part, String>>;

/// Sends everybody to work.
fn begin(
    args: &BenchArgs,
    calendar: Calendar,
    access: &Arc<Access>,
    tally: &Tally,
    (run, time): (&str, &Time),
    crew: Crew,
) -> Working {
    let Crew { line, sensors, cast, ward, .. } = crew;
    let (mut all, random, readings) = (JoinSet::new(), Random::seeded(args.seed), args.readings);
    let at = time.clone();
    all.spawn(async move { line.work(at).await.map(|()| Part::Nothing) });
    if let Some(sensors) = sensors {
        let at = time.clone();
        all.spawn(async move { sensors.push(at, readings, random).await.map(Part::Missing) });
    }
    if let Some(cast) = cast {
        let (access, tally, at) = (Arc::clone(access), tally.clone(), time.clone());
        all.spawn(async move { fleet::chase(cast, access.token(), tally, at).await.map(Part::Note) });
    }
    if let Some(ward) = ward {
        let (tally, at) = (tally.clone(), time.clone());
        all.spawn(async move { diagnose(ward, &tally, &at).await.map(Part::Note) });
    }
    let (dashboards, streams, people) = (args.dashboards, args.streams, args.briefings);
    let (a, t, at) = (Arc::clone(access), tally.clone(), time.clone());
    all.spawn(async move { dashboards::load(a, t, dashboards, at).await.map(|()| Part::Nothing) });
    let (a, t, at) = (Arc::clone(access), tally.clone(), time.clone());
    all.spawn(async move { dashboards::follow(a, t, streams, at).await.map(|()| Part::Nothing) });
    let (a, t, at, run) = (Arc::clone(access), tally.clone(), time.clone(), run.to_owned());
    all.spawn(
        async move { briefings::listen(a, t, (people, &run), &calendar, at).await.map(|()| Part::Nothing) },
    );
    let (a, at) = (Arc::clone(access), time.clone());
    all.spawn(async move { Ok(Part::Looks(server::watch(a, at).await)) });
    all
}

async fn work(
    args: &BenchArgs,
    config: &Config,
    access: &Arc<Access>,
    tally: &Tally,
    (run, length, clock): (&str, Duration, Clock),
    mut crew: Crew,
) -> Result<Report, String> {
    let calendar = config.production.time_zone.parse::<Calendar>().map_err(|e| format!("{e}"))?;
    let time = Time { start: clock.monotonic() + LEAD, clock, length };
    let began = Timestamp::from_us(time.clock.now_us()) + LEAD;
    let mut notes = std::mem::take(&mut crew.notes);
    let mut all = begin(args, calendar, access, tally, (run, &time), crew);
    let (mut missing, mut looks) = (0, Vec::new());
    let telling = tokio::spawn(tell(tally.clone(), time.clone()));
    let done = gather(&mut all, &mut missing, &mut looks, &mut notes).await;
    telling.abort();
    done?;
    let last = server::look(access, &time, &mut None).await;
    let unaccounted = last.map_or(0.0, |look| look.unaccounted.abs()) + missing as f64;
    let acts = tally.figures(length);
    notes.push("events.delivery compares the server's clock with this machine's".to_owned());
    let limits = limits::limits(tally, &acts, args.users, unaccounted);
    Ok(Report {
        server: access.base.clone(),
        began: began.to_string(),
        seconds: length.as_secs_f64(),
        limits,
        acts,
        looks,
        notes,
    })
}

/// What somebody came back with.
enum Part {
    Nothing,
    /// Readings that no answer accounted for.
    Missing(u64),
    Note(String),
    Looks(Vec<Look>),
}

/// Waits for everybody.
async fn gather(
    all: &mut Working,
    missing: &mut u64,
    looks: &mut Vec<Look>,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let stopped = told_to_stop();
    tokio::pin!(stopped);
    loop {
        let part = tokio::select! {
            part = all.join_next() => part,
            _ = &mut stopped => return Err("stopped before the end".to_owned()),
        };
        match part {
            None => return Ok(()),
            Some(part) => match part.map_err(|e| e.to_string())?? {
                Part::Nothing => {}
                Part::Missing(count) => *missing += count,
                Part::Note(note) => notes.push(note),
                Part::Looks(seen) => *looks = seen,
            },
        }
    }
}

/// The headsets' diagnoses; gives what came of them, in words.
async fn diagnose(ward: Ward, tally: &Tally, time: &Time) -> Result<String, String> {
    time.clock.sleep_until(time.start).await;
    let report = ward.play().await?;
    let (uploads, other) = report.uploads();
    uploads.for_each(|took| tally.done("diagnosis.upload", time.length, took));
    (0..other).for_each(|_| tally.failed("diagnosis.upload", time.length, "ENDED_OTHERWISE"));
    Ok(report.to_string())
}

/// Says now and then how far it is, on a terminal.
async fn tell(tally: Tally, time: Time) {
    let bar = progress::bar(time.length.as_secs(), "under load");
    loop {
        let (done, failed) = tally.counts("");
        bar.set_message(format!("{done} done, {failed} failed"));
        bar.set_position(time.elapsed().as_secs().min(time.length.as_secs()));
        time.clock.sleep(TELL_EVERY).await;
    }
}
