//! `nightshift demo`: a plant of five sensors that replays real recordings, a reading a second, and judges them, with a second
//! model tried beside the first; and a chase of simulated vehicles.
//!
//! Everything goes through the server's own interfaces on a loopback socket, as it would from real devices.

mod client;
mod headsets;
mod patrol;
mod recordings;
mod shadow;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use nightshift_actors::{By, IdentityError, random_secret};
use nightshift_domain::Timestamp;
use nightshift_domain::identity::{MachineToken, NewMachineToken, Scope};
use nightshift_domain::sensing::WINDOW_READINGS;
use nightshift_kernel::Clock;
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{CommandError, Common, configure, output, progress, runtime};
use crate::config::{Config, Environment, Secret};
use crate::log;
use crate::serve::Server;
use client::Plant;
use recordings::{RECORDINGS, Tape};

/// Seconds between two replayed readings.
const INTERVAL_S: u32 = 1;
/// Replayed readings between two rounds of verdicts.
const READINGS_PER_ROUND: usize = 5;
/// Readings between the starts of two windows of a history that its sensor's threshold is set from.
const CALIBRATION_STRIDE: usize = 360;
/// A window that scores this many times the median of its sensor's history is abnormal in the demo. The median, because a
/// history holds anomalies too.
const CALIBRATION_FACTOR: f64 = 2.5;
/// How long the plant may take until a device can score.
const READY_DEADLINE: Duration = Duration::from_secs(600);
/// How long the demo's token lives if the demo is killed before it can revoke it.
const TOKEN_LIFE: Duration = Duration::from_secs(86_400);
/// Pause between two questions whether it is ready.
const READY_PAUSE: Duration = Duration::from_millis(50);

#[derive(Args)]
pub(super) struct DemoArgs {
    /// Load the recordings, judge each sensor once, print the verdicts, and end.
    #[arg(long)]
    once: bool,
    /// End after this many seconds of replay.
    #[arg(long, value_name = "N", conflicts_with = "once")]
    seconds: Option<u64>,
}

/// Removed when the demo ends, unless the data directory was given.
struct Scratch(Option<PathBuf>);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(dir) = &self.0 {
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

pub(super) fn run(
    args: &DemoArgs,
    common: &Common,
    environment: Environment,
) -> Result<ExitCode, CommandError> {
    let mut config = configure(common, environment)?;
    let scratch = prepare(&mut config, common);
    let _log = log::start(&config).map_err(CommandError::failed)?;
    let runtime = runtime()?;
    let clean = runtime.block_on(demo(config, args, common.json));
    runtime.shutdown_timeout(Duration::from_secs(2));
    drop(scratch);
    Ok(if clean? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fits the configuration to a demo: own directory, a free port, and a quiet log.
fn prepare(config: &mut Config, common: &Common) -> Scratch {
    let kept = common.data_dir.is_some() || common.config.is_some();
    let scratch =
        (!kept).then(|| std::env::temp_dir().join(format!("nightshift-demo-{}", std::process::id())));
    if let Some(dir) = &scratch {
        config.data_dir.clone_from(dir);
    }
    if common.listen.is_none() && TcpListener::bind(config.http.listen).is_err() {
        config.http.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    }
    patrol::prepare(config);
    shadow::prepare(config);
    // The doctors of the demo's headsets register with it.
    if config.identity.admin_code.is_none() {
        config.identity.admin_code = Some(Secret::new(random_secret().expose_secret()));
    }
    // The recordings come at a machine's pace.
    config.http.rate_limit.enabled = false;
    if config.log.level == "info" {
        "warn".clone_into(&mut config.log.level);
    }
    Scratch(scratch)
}

async fn demo(config: Config, args: &DemoArgs, json: bool) -> Result<bool, CommandError> {
    let clock = Clock::system();
    let (fleet, admin_code) = (config.fleet.clone(), config.identity.admin_code.clone());
    let server = Server::start(config, clock.clone()).await.map_err(CommandError::failed)?;
    let (token, secret) = own_token(&server, &clock).await.map_err(CommandError::failed)?;
    let plant = Plant::new(server.address(), &secret).map_err(CommandError::Failed)?;
    let patrol = (!args.once).then(|| patrol::begin(&fleet, server.address(), &clock, json));
    let wearing = admin_code.filter(|_| !args.once).map(|code| {
        tokio::spawn(headsets::play(server.address(), code.expose().to_owned(), clock.clone(), json))
    });
    let played = tokio::select! {
        played = play(&plant, &clock, &server, args, json) => played,
        _ = super::serve::told_to_stop() => Ok(()),
        lost = server.escalated() => Err(format!("a part is lost that the plant cannot do without: {lost}")),
    };
    patrol.iter().chain(&wearing).for_each(JoinHandle::abort);
    if let Err(error) = server.identity().revoke_token(token.id, By::system()).await {
        tracing::warn!(error = %error, "the demo's token could not be revoked; it ends by itself");
    }
    let clean = server.stop().await;
    played.map_err(CommandError::Failed)?;
    Ok(clean)
}

/// The demo's own machine token: it sends readings as real sensors do.
async fn own_token(server: &Server, clock: &Clock) -> Result<(MachineToken, String), IdentityError> {
    let now = Timestamp::from_us(clock.now_us());
    let name = format!("demo {now}").parse().expect("a time is a name to show");
    let scopes =
        [Scope::SensingRead, Scope::SensingWrite, Scope::SensingManage, Scope::ObservationWrite].into();
    let new = NewMachineToken { name, scopes, expires_at: Some(now + TOKEN_LIFE) };
    server.identity().create_token(new, By::system()).await
}

async fn play(
    plant: &Plant,
    clock: &Clock,
    server: &Server,
    args: &DemoArgs,
    json: bool,
) -> Result<(), String> {
    wait_until_ready(plant, clock).await?;
    let tapes: Vec<Tape> = RECORDINGS.iter().map(|r| r.tape()).collect::<Result<_, _>>()?;
    let live_from = Timestamp::from_us(clock.now_us());
    load_history(plant, &tapes, live_from).await?;
    let verdicts = plant.analyze_all().await?;
    if args.once {
        show(&verdicts, json);
        return Ok(());
    }
    if !json {
        welcome(server);
    }
    show(&verdicts, json);
    let mut shown = words(&verdicts);
    let readings_max = args.seconds.map_or(usize::MAX, |s| (s / u64::from(INTERVAL_S)) as usize);
    let started = clock.monotonic();
    for n in 0..readings_max {
        let since = Duration::from_secs(u64::from(INTERVAL_S)) * u32::try_from(n + 1).unwrap_or(u32::MAX);
        clock.sleep_until(started + since).await;
        let at = (live_from + since).to_string();
        for (recording, tape) in RECORDINGS.iter().zip(&tapes) {
            plant.push(recording.id, &at, INTERVAL_S, &[tape.live(n)]).await?;
        }
        if (n + 1) % READINGS_PER_ROUND == 0 {
            plant.saw(recordings::CAMERA, &at, &recordings::cars(&tapes, n)).await?;
            let verdicts = plant.analyze_all().await?;
            let changed: Vec<Value> = verdicts
                .iter()
                .filter(|v| shown.get(&text(v, "sensor_id")) != Some(&text(v, "result")))
                .cloned()
                .collect();
            show(&changed, json);
            shown = words(&verdicts);
        }
    }
    Ok(())
}

async fn wait_until_ready(plant: &Plant, clock: &Clock) -> Result<(), String> {
    let deadline = clock.monotonic() + READY_DEADLINE;
    while !plant.is_ready().await {
        if clock.monotonic() > deadline {
            return Err(format!("the plant was not ready within {} s", READY_DEADLINE.as_secs()));
        }
        clock.sleep(READY_PAUSE).await;
    }
    Ok(())
}

/// Sends what was recorded before the live part, so that it ends now: windows are full at once.
async fn load_history(plant: &Plant, tapes: &[Tape], live_from: Timestamp) -> Result<(), String> {
    let bar = progress::bar(tapes.len() as u64, "loading recordings");
    for (recording, tape) in RECORDINGS.iter().zip(tapes) {
        plant.register(&recording.registration(INTERVAL_S)).await?;
        let values = tape.history();
        let span =
            Duration::from_secs(u64::from(INTERVAL_S)) * u32::try_from(values.len()).unwrap_or(u32::MAX);
        let start = live_from + Duration::from_secs(u64::from(INTERVAL_S)) - span;
        plant.push(recording.id, &start.to_string(), INTERVAL_S, values).await?;
        plant.set_threshold(recording.id, threshold(plant, values).await?).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// A threshold from the sensor's own history: what is usual differs from sensor to sensor.
async fn threshold(plant: &Plant, history: &[f64]) -> Result<f64, String> {
    let mut scores = Vec::new();
    for window in history.windows(WINDOW_READINGS).step_by(CALIBRATION_STRIDE) {
        scores.push(plant.score(window).await?);
    }
    scores.sort_by(f64::total_cmp);
    let median = scores.get(scores.len() / 2).copied().unwrap_or(1.0);
    Ok(CALIBRATION_FACTOR * median)
}

fn welcome(server: &Server) {
    let address = server.address();
    let sign_in = server.take_made_password().map_or_else(
        || "with the password that it was given".to_owned(),
        |password| format!("with the password {}", password.expose_secret()),
    );
    output::line(&format!(
        "The plant runs. Five sensors replay real recordings, one reading a second; five police cars chase a runner;
three VR headsets play diagnoses.

  sensors   http://{address}/
  API       http://{address}/docs
  roadblock http://{address}/api/v1/fleet/plans
  tree      http://{address}/api/v1/system/tree
  metrics   http://{address}/metrics

Sign in as `admin` {sign_in}. The demo itself sends with a machine token of its own.
Verdicts that change are printed here. Ctrl-C ends the demo.
"
    ));
}

fn show(verdicts: &[Value], json: bool) {
    for verdict in verdicts {
        if json {
            output::line(&verdict.to_string());
            continue;
        }
        let number =
            |name: &str| verdict[name].as_f64().map_or_else(|| "–".to_owned(), |n| format!("{n:.3}"));
        output::line(&format!(
            "{}  {:22} {:18} score {:>8} / {:<8} {}{}",
            text(verdict, "inference_time").get(11..19).unwrap_or_default(),
            text(verdict, "sensor_id"),
            text(verdict, "result"),
            number("score"),
            number("threshold"),
            text(verdict, "device"),
            verdict["reason"].as_str().map(|r| format!("  ({r})")).unwrap_or_default(),
        ));
    }
}

fn words(verdicts: &[Value]) -> BTreeMap<String, String> {
    verdicts.iter().map(|v| (text(v, "sensor_id"), text(v, "result"))).collect()
}

fn text(verdict: &Value, name: &str) -> String {
    verdict[name].as_str().unwrap_or_default().to_owned()
}
