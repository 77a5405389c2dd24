//! VR results: how fast one is processed, and many that are uploaded at once.
//!
//! `cargo bench --bench diagnosis`. Headsets are those of `nightshift simulate vr`; server and headsets share the machine.
//! `NIGHTSHIFT_BENCH_HEADSETS` sets how many (500).

mod support;

use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use nightshift_domain::diagnosis::{Kind, Sample, process};
use nightshift_kernel::Clock;
use serde_json::Value;
use support::figures::{Figure, Target, hold, say, show};
use support::process::Server;

const ROUNDS: usize = 5;
/// What the headsets' doctors register with.
const ADMIN_CODE: &str = "bench-code-1";
/// Bytes of results processed in one round.
const BYTES_PER_ROUND: usize = 64 * 1_024 * 1_024;
/// Pause between two looks at the server's memory.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
const BYTES_PER_MIB: f64 = 1_024.0 * 1_024.0;

fn processing(clock: &Clock) {
    say("one core, the known file of 4,288 rows");
    for kind in [Kind::BalanceBall, Kind::TennisBall] {
        let text = Sample::known(kind).text();
        let times = BYTES_PER_ROUND / text.len();
        let rates = (0..ROUNDS).map(|_| {
            let begun = clock.monotonic();
            for _ in 0..times {
                black_box(process(kind, black_box(&text)).expect("a result"));
            }
            (times * text.len()) as f64 / 1e6 / (clock.monotonic() - begun).as_secs_f64()
        });
        hold(&format!("processed, {kind}"), Figure::of(rates), "MB/s", Target::AtLeast(100.0));
    }
}

async fn at_once(clock: &Clock) {
    let headsets = std::env::var("NIGHTSHIFT_BENCH_HEADSETS").unwrap_or_else(|_| "500".to_owned());
    say(&format!("{headsets} sessions that upload 4,288 rows at once, SQLite"));
    let dir = tempfile::tempdir().expect("a directory");
    let server =
        Server::start_with(dir.path(), None, &[("NIGHTSHIFT__IDENTITY__ADMIN_CODE", ADMIN_CODE)]).await;
    let idle = server.resident_mib();
    let url = format!("http://{}", server.address);
    let args = ["simulate", "vr", "--url", &url, "--headsets", &headsets, "--together", "--json"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightshift"));
    command.args(args).args(["--admin-code", ADMIN_CODE]);
    let mut playing =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the headsets start");
    // Once everybody has begun the doctors have signed in, which takes memory of its own, and the nets are warm: said beside.
    let mut told = BufReader::new(playing.stderr.take().expect("piped")).lines();
    let begun = tokio::task::spawn_blocking(move || {
        told.find(|line| line.as_ref().is_ok_and(|l| l.contains("begun")))
    });
    assert!(begun.await.expect("a reader").is_some(), "nobody has begun");
    let before = server.resident_mib();
    let mut playing = tokio::task::spawn_blocking(move || playing.wait_with_output().expect("they play"));
    let mut highest = idle;
    let played = loop {
        tokio::select! {
            played = &mut playing => break played.expect("they end"),
            () = clock.sleep(LOOK_PAUSE) => highest = highest.max(server.resident_mib()),
        }
    };
    let text = String::from_utf8_lossy(&played.stdout).into_owned();
    assert!(played.status.success(), "{text}");
    let report: Value = serde_json::from_str(text.lines().last().expect("a report")).expect("json");
    let ms = |name: &str| Figure::of([report[name].as_f64().expect("a figure")]);
    show("last byte to COMPLETED at the doctor, p50", ms("upload_p50_ms"), "ms");
    hold("last byte to COMPLETED at the doctor, p99", ms("upload_p99_ms"), "ms", Target::AtMost(1_000.0));
    let above = Figure::of([highest - idle]);
    show("memory when all have begun, above idle", Figure::of([before - idle]), "MiB");
    show("memory of the uploads above that", Figure::of([highest - before]), "MiB");
    hold("memory above idle", above, "MiB", Target::AtMost(300.0e6 / BYTES_PER_MIB));
}

#[tokio::main]
async fn main() {
    let clock = Clock::system();
    processing(&clock);
    at_once(&clock).await;
}
