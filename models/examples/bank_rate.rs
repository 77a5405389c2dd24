//! What a window with a bank costs, from nothing and following on: `bank_rate` prints one JSON object.

use std::error::Error;
use std::time::Instant;

use nightshift_models::{BANK_READINGS_MAX, BankScorer, Model, WINDOW};
use serde_json::json;

/// New readings of a window that follows on.
const FRESH: usize = 30;
/// Windows that follow on before the bank is made anew.
const STEPS: usize = WINDOW / FRESH;
const ROUNDS: usize = 5;

#[expect(clippy::disallowed_methods, reason = "durations are what this program measures")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut scorer = BankScorer::new(&Model::builtin_detector()).ok_or("the detector takes a bank")?;
    let reading = |i: usize| (i as f32 * 0.11).sin() + ((i * i) % 17) as f32 * 0.02;
    let all: Vec<f32> = (0..BANK_READINGS_MAX + 2 * WINDOW).map(reading).collect();
    let (past, window) = all[..BANK_READINGS_MAX + WINDOW].split_at(BANK_READINGS_MAX);
    let (mut full, mut following) = (Vec::new(), Vec::new());
    let mut difference: f32 = 0.0;
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let (mut memory, _) = scorer.open(past, window)?;
        full.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let mut last = None;
        for fresh in all[BANK_READINGS_MAX + WINDOW..].chunks(FRESH) {
            last = Some(scorer.advance(&mut memory, fresh)?);
        }
        following.push(begun.elapsed().as_secs_f64() / STEPS as f64);
        let last = last.ok_or("a window followed on")?.score;
        difference = difference.max((last - scorer.recompute(&memory)?.score).abs() / last.max(1.0));
        bytes = memory.bytes();
    }
    let median = |mut of: Vec<f64>| {
        of.sort_by(f64::total_cmp);
        of[of.len() / 2]
    };
    let (full, following) = (median(full), median(following));
    #[expect(clippy::print_stdout, reason = "printing is what this program does")]
    {
        let report = json!({
            "full_ms": full * 1e3, "following_ms": following * 1e3, "ratio": following / full,
            "difference": difference, "bytes": bytes,
        });
        println!("{report:#}");
    }
    Ok(())
}
