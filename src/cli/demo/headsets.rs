//! VR headsets in the demo: they play diagnoses beside the sensors, as `nightshift simulate vr` does.

use std::net::SocketAddr;
use std::time::Duration;

use nightshift_kernel::Clock;

use super::output;
use crate::cli::simulate::vr::{self, VrArgs};

/// Headsets at once.
const HEADSETS: u32 = 3;
/// Diagnoses of each before what became of them is told.
const ROUNDS: u32 = 5;
/// Milliseconds that each is played.
const PLAY_MS: u64 = 4_000;
/// Rows of each result: about six seconds of play.
const ROWS: u32 = 430;
/// Pause between two such groups.
const PAUSE: Duration = Duration::from_secs(10);

/// Plays group after group until it is dropped.
pub(super) async fn play(address: SocketAddr, admin_code: String, clock: Clock, json: bool) {
    for seed in 1_u64.. {
        let args = VrArgs {
            url: format!("http://{address}"),
            admin_code: admin_code.clone(),
            headsets: HEADSETS,
            rounds: ROUNDS,
            rows: ROWS,
            play_ms: PLAY_MS,
            failing: 10,
            vanishing: 20,
            seed,
            together: false,
        };
        match vr::play(args, clock.clone()).await {
            Ok(report) if json => output::line(&report.json().to_string()),
            Ok(report) => output::line(&format!("VR headsets  {report}")),
            Err(error) => tracing::warn!(error, "the demo's headsets stopped"),
        }
        clock.sleep(PAUSE).await;
    }
}
