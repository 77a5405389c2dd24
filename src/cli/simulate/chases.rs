//! `nightshift simulate chases`: the planner against plain chasing, over the same seeded chases.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use nightshift_domain::fleet::MapId;
use nightshift_domain::fleet::drive::{Ended, Ending, Strategy, Trial};
use nightshift_domain::fleet::map::RoadMap;
use serde::Serialize;

use crate::cli::{CommandError, Common, configure, output, progress};
use crate::config::Environment;

#[derive(Args)]
pub(super) struct ChasesArgs {
    /// Chases, each played once by either side's rules.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// Police cars in each.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=32))]
    police: u8,
    /// Only on this map; on all in turn when absent.
    #[arg(long, value_name = "ID")]
    map: Option<u32>,
    /// Seed of the first chase; the others follow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What came of the chases by one side's rules.
#[derive(Default, Serialize)]
struct Tally {
    captured: u32,
    escaped: u32,
    held: u32,
    /// Mean seconds to a capture.
    capture_s: f64,
}

impl Tally {
    fn add(&mut self, ended: Ended) {
        match ended.ending {
            Ending::Captured => {
                self.captured += 1;
                self.capture_s += (ended.after_s - self.capture_s) / f64::from(self.captured);
            }
            Ending::Escaped => self.escaped += 1,
            Ending::Held => self.held += 1,
        }
    }
}

#[derive(Serialize)]
struct Report {
    chases: u32,
    police: u8,
    seed: u64,
    maps: Vec<u32>,
    planned: Tally,
    naive: Tally,
}

pub(super) fn run(
    args: &ChasesArgs,
    common: &Common,
    environment: Environment,
) -> Result<ExitCode, CommandError> {
    let config = configure(common, environment)?;
    let maps =
        nightshift_actors::fleet_maps(config.fleet.maps_dir.as_deref()).map_err(CommandError::Failed)?;
    let chosen: Vec<Arc<RoadMap>> = maps
        .into_iter()
        .filter(|(id, _)| args.map.is_none_or(|map| MapId(map) == *id))
        .map(|(_, m)| m)
        .collect();
    if chosen.is_empty() {
        return Err(CommandError::Failed("there is no such map: GET /maps lists them".to_owned()));
    }
    let bar = progress::bar(u64::from(args.count), "chases");
    let (mut planned, mut naive) = (Tally::default(), Tally::default());
    for (number, map) in (0..args.count).zip(chosen.iter().cycle()) {
        let seed = args.seed.wrapping_add(u64::from(number));
        let trial = Trial::new(Arc::clone(map), usize::from(args.police), seed);
        let trial =
            trial.ok_or_else(|| CommandError::Failed("the map has a place without a road".to_owned()))?;
        planned.add(trial.clone().run(Strategy::Planned));
        naive.add(trial.run(Strategy::Naive));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let maps = chosen.iter().map(|map| map.about.map_id.0).collect();
    let report = Report { chases: args.count, police: args.police, seed: args.seed, maps, planned, naive };
    if common.json {
        output::json(&report);
    } else {
        show(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(report: &Report) {
    output::line(&format!(
        "{} chases, {} police cars, seed {}, maps {:?}",
        report.chases, report.police, report.seed, report.maps
    ));
    output::line("            captured  escaped  still held   mean seconds to a capture");
    for (name, tally) in [("roadblock", &report.planned), ("chasing", &report.naive)] {
        output::line(&format!(
            "{name:10} {:>9} {:>8} {:>11} {:>12.1}",
            tally.captured, tally.escaped, tally.held, tally.capture_s
        ));
    }
}
