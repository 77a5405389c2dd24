//! `nightshift simulate vr`: many VR headsets with their doctors, over the real protocol.
//!
//! Each headset has a doctor and a patient of its own, who are made with the plant's admin code. In each round the doctor
//! starts a diagnosis and follows it; the headset begins, plays, and uploads a made-up result. Some headsets report that they
//! failed; some vanish in the middle of their upload, come back, and send it again.

#[path = "vr/doctor.rs"]
mod doctor;
#[path = "vr/headset.rs"]
mod headset;
#[path = "vr/report.rs"]
mod report;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use nightshift_domain::diagnosis::{Kind, Sample};
use nightshift_kernel::Clock;
use tokio::task::JoinSet;

use super::super::{CommandError, output, runtime};
use doctor::Doctor;
use headset::{Headset, Manner, upload};
pub(in crate::cli) use report::Report;

/// Most headsets that one simulation plays.
const HEADSETS_MAX: u32 = 5_000;
/// Doctors who sign up at once: each costs the server a password hash.
const SIGN_UPS_AT_ONCE: usize = 4;

#[derive(Args, Clone)]
pub(in crate::cli) struct VrArgs {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8000", value_name = "URL")]
    pub(in crate::cli) url: String,
    /// The plant's admin code (`identity.admin_code`): the doctors register with it.
    #[arg(long, value_name = "CODE", env = "NIGHTSHIFT_ADMIN_CODE", hide_env_values = true)]
    pub(in crate::cli) admin_code: String,
    /// Headsets, each with a doctor and a patient.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(HEADSETS_MAX)))]
    pub(in crate::cli) headsets: u32,
    /// Diagnoses of each headset.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(in crate::cli) rounds: u32,
    /// Rows of each result.
    #[arg(long, default_value_t = 4_288, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=60_000))]
    pub(in crate::cli) rows: u32,
    /// Milliseconds that a headset plays between its start and its upload.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub(in crate::cli) play_ms: u64,
    /// Of a hundred diagnoses, how many the headset reports as failed.
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(in crate::cli) failing: u32,
    /// Of a hundred diagnoses, in how many the headset vanishes in the middle of its upload and comes back.
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(in crate::cli) vanishing: u32,
    /// Who fails and who vanishes depends on it.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(in crate::cli) seed: u64,
    /// Upload together: every headset waits with its upload until all have begun.
    #[arg(long)]
    pub(in crate::cli) together: bool,
}

/// Said on standard error when the uploads begin that were waited with.
const ALL_BEGUN: &str = "all have begun: they upload";

pub(in crate::cli) fn run(args: &VrArgs, json: bool) -> Result<ExitCode, CommandError> {
    let report = runtime()?.block_on(play(args.clone(), Clock::system())).map_err(CommandError::Failed)?;
    if json {
        output::line(&report.json().to_string());
    } else {
        output::line(&report.to_string());
    }
    Ok(if report.is_as_planned() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays all headsets to their end.
///
/// # Errors
/// When a doctor or a patient cannot be made, or a headset cannot connect.
pub(in crate::cli) async fn play(args: VrArgs, clock: Clock) -> Result<Report, String> {
    Ward::open(args, clock).await?.play().await
}

/// Doctors with their patients, whose headsets are connected.
pub(in crate::cli) struct Ward {
    args: Arc<VrArgs>,
    clock: Clock,
    pairs: Vec<(Doctor, Headset)>,
}

impl Ward {
    /// Makes everybody.
    ///
    /// # Errors
    /// When a doctor or a patient cannot be made, or a headset cannot connect.
    pub(in crate::cli) async fn open(args: VrArgs, clock: Clock) -> Result<Self, String> {
        let args = Arc::new(args);
        let pairs = sign_up(&args, &clock).await?;
        Ok(Self { args, clock, pairs })
    }

    /// Plays all diagnoses.
    ///
    /// # Errors
    /// When a diagnosis cannot be started, or a connection is lost that was not meant to be.
    pub(in crate::cli) async fn play(self) -> Result<Report, String> {
        let Self { args, clock, pairs } = self;
        let all_begun = Arc::new(tokio::sync::Barrier::new(pairs.len()));
        let mut playing = JoinSet::new();
        for (n, (doctor, headset)) in (0_u64..).zip(pairs) {
            let (args, clock, all_begun) = (Arc::clone(&args), clock.clone(), Arc::clone(&all_begun));
            playing.spawn(async move { rounds(n, &args, &clock, doctor, headset, &all_begun).await });
        }
        let mut report = Report::default();
        while let Some(played) = playing.join_next().await {
            report.add(played.map_err(|e| e.to_string())??);
        }
        Ok(report)
    }
}

/// Makes the doctors, their patients, and the headsets' connections.
async fn sign_up(args: &Arc<VrArgs>, clock: &Clock) -> Result<Vec<(Doctor, Headset)>, String> {
    let run = format!("{:x}", clock.now_us() / 1_000);
    let (mut joining, mut pairs) = (JoinSet::new(), Vec::new());
    for n in 0..args.headsets {
        if joining.len() >= SIGN_UPS_AT_ONCE {
            pairs.push(joined(joining.join_next().await)?);
        }
        let (args, clock, name) = (Arc::clone(args), clock.clone(), format!("vr{run}-{n}"));
        joining.spawn(async move {
            let doctor = Doctor::register(&args.url, &args.admin_code, &name, &clock).await?;
            let code = doctor.patient_code().to_owned();
            let headset = Headset::connect(&args.url, &code).await?;
            Ok((doctor, headset))
        });
    }
    while let Some(done) = joining.join_next().await {
        pairs.push(joined(Some(done))?);
    }
    Ok(pairs)
}

type Joined = Result<Result<(Doctor, Headset), String>, tokio::task::JoinError>;

fn joined(done: Option<Joined>) -> Result<(Doctor, Headset), String> {
    done.ok_or("nobody is joining")?.map_err(|e| e.to_string())?
}

/// The diagnoses of one headset, one after the other.
async fn rounds(
    n: u64,
    args: &VrArgs,
    clock: &Clock,
    mut doctor: Doctor,
    mut headset: Headset,
    all_begun: &tokio::sync::Barrier,
) -> Result<Report, String> {
    let mut report = Report::default();
    for round in 0..args.rounds {
        let draw = drawn(args.seed, n, round);
        let kind = [Kind::BalanceBall, Kind::FitBox, Kind::TennisBall][(n as usize + round as usize) % 3];
        let manner = Manner::of(draw % 100, args.failing, args.vanishing);
        let span_ms = args.rows.saturating_mul(14);
        let sample = Sample { rows: args.rows, span_ms, seed: draw as u32, ..Sample::known(kind) };
        let (id, mut states) = doctor.start(kind).await?;
        headset.begin(id).await?;
        // Made before anybody uploads: what it takes is not the server's time.
        let upload = upload(id, &sample);
        if args.together && headset.during(all_begun.wait()).await?.is_leader() {
            output::complain(ALL_BEGUN);
        }
        headset.during(clock.sleep(Duration::from_millis(args.play_ms))).await?;
        let sent = headset.play(id, manner, upload, clock).await?;
        let last = states.last().await?;
        let took = clock.monotonic().saturating_sub(sent);
        report.note(manner, &last, took);
    }
    headset.leave().await;
    Ok(report)
}

/// A number that looks drawn, and is the same for the same seed (Steele, Lea and Flood, SplitMix64).
fn drawn(seed: u64, n: u64, round: u32) -> u64 {
    let mut x =
        seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(round).wrapping_mul(0xd1b5_4a32_d192_ed03);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
