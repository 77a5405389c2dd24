//! The figures per day that a unit of work changes, summed up before they are written: one statement per table, however
//! many runs the unit has.

use std::collections::BTreeMap;

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    Calendar, Component, DataLevel, DefectSpec, Lot, Measurement, NewRun, RunDone, RunResult, Serial,
    SerialState, SerialStatus,
};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunKey {
    pub(super) day: String,
    pub(super) process: i64,
    pub(super) model: i64,
    pub(super) line: i64,
    pub(super) operator: i64,
    pub(super) equipment: i64,
    pub(super) level: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RunSums {
    pub(super) started: i64,
    pub(super) passed: i64,
    pub(super) failed: i64,
    pub(super) reworked: i64,
    pub(super) first_completed: i64,
    pub(super) first_passed: i64,
    pub(super) duration_us: i64,
    pub(super) duration_us_min: Option<i64>,
    pub(super) duration_us_max: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SerialSums {
    pub(super) created: i64,
    pub(super) started: i64,
    pub(super) passed: i64,
    pub(super) failed: i64,
    pub(super) scrapped: i64,
    pub(super) reworked: i64,
    pub(super) first_passed: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DefectKey {
    pub(super) day: String,
    pub(super) process: i64,
    pub(super) code: String,
    pub(super) severity: &'static str,
    pub(super) model: i64,
    pub(super) line: i64,
    pub(super) operator: i64,
    pub(super) equipment: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ComponentSums {
    pub(super) used: i64,
    pub(super) defects: i64,
}

/// Number, mean, sum of squared distances from the mean, and extremes of measured values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) n: i64,
    pub(super) mean: f64,
    pub(super) squares: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Spread {
    fn of(value: f64) -> Self {
        Self { n: 1, mean: value, squares: 0.0, low: value, high: value }
    }

    /// Both together (Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample variances).
    pub(super) fn and(self, other: Self) -> Self {
        let n = self.n + other.n;
        let (a, b) = (self.n as f64, other.n as f64);
        let step = other.mean - self.mean;
        Self {
            n,
            mean: self.mean + step * b / (a + b),
            squares: self.squares + other.squares + step * step * a * b / (a + b),
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }
}

/// What a unit of work adds to the figures per day.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) runs: BTreeMap<RunKey, RunSums>,
    pub(super) serials: BTreeMap<(String, i64, i64), SerialSums>,
    pub(super) defects: BTreeMap<DefectKey, i64>,
    pub(super) components: BTreeMap<(String, Component), ComponentSums>,
    pub(super) measures: BTreeMap<(String, i64, i64, String), Spread>,
}

/// The model and the line of what is counted; 0 stands for no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) model: i64,
    pub(super) line: i64,
}

impl From<&Lot> for Place {
    fn from(lot: &Lot) -> Self {
        Self { model: lot.product_model_id.0, line: lot.production_line_id.map_or(0, |id| id.0) }
    }
}

fn day(calendar: &Calendar, at: Timestamp) -> String {
    calendar.production_date(at).to_string()
}

impl Tally {
    fn run(&mut self, calendar: &Calendar, place: Place, run: &NewRun, at: Timestamp) -> &mut RunSums {
        let level: DataLevel = run.level();
        let key = RunKey {
            day: day(calendar, at),
            process: run.process_id.0,
            model: place.model,
            line: place.line,
            operator: run.operator_id.0,
            equipment: run.equipment_id.map_or(0, |id| id.0),
            level: level.as_str(),
        };
        self.runs.entry(key).or_default()
    }

    pub(super) fn started(&mut self, calendar: &Calendar, place: Place, run: &NewRun) {
        self.run(calendar, place, run, run.started_at).started += 1;
    }

    pub(super) fn ended(
        &mut self,
        calendar: &Calendar,
        place: Place,
        run: &NewRun,
        done: &RunDone,
        attempt: i64,
    ) {
        let duration = done.completed_at.us_since(run.started_at).max(0);
        let sums = self.run(calendar, place, run, done.completed_at);
        match done.result {
            RunResult::Pass => sums.passed += 1,
            RunResult::Fail => sums.failed += 1,
            RunResult::Rework => sums.reworked += 1,
        }
        if attempt == 1 {
            sums.first_completed += 1;
            sums.first_passed += i64::from(done.result.is_pass());
        }
        sums.duration_us += duration;
        sums.duration_us_min = Some(sums.duration_us_min.map_or(duration, |d| d.min(duration)));
        sums.duration_us_max = Some(sums.duration_us_max.map_or(duration, |d| d.max(duration)));
    }

    pub(super) fn defect(
        &mut self,
        calendar: &Calendar,
        place: Place,
        run: &NewRun,
        at: Timestamp,
        defect: &DefectSpec,
    ) {
        let key = DefectKey {
            day: day(calendar, at),
            process: run.process_id.0,
            code: defect.code.clone(),
            severity: defect.severity.as_str(),
            model: place.model,
            line: place.line,
            operator: run.operator_id.0,
            equipment: run.equipment_id.map_or(0, |id| id.0),
        };
        *self.defects.entry(key).or_default() += 1;
    }

    pub(super) fn component(
        &mut self,
        calendar: &Calendar,
        at: Timestamp,
        part: &Component,
    ) -> &mut ComponentSums {
        self.components.entry((day(calendar, at), part.clone())).or_default()
    }

    pub(super) fn measured(
        &mut self,
        calendar: &Calendar,
        place: Place,
        run: &NewRun,
        at: Timestamp,
        measured: &Measurement,
    ) {
        if !measured.value.is_finite() {
            return;
        }
        let key = (day(calendar, at), run.process_id.0, place.model, measured.name.clone());
        let one = Spread::of(measured.value);
        self.measures.entry(key).and_modify(|spread| *spread = spread.and(one)).or_insert(one);
    }

    pub(super) fn serial(&mut self, calendar: &Calendar, place: Place, at: Timestamp) -> &mut SerialSums {
        self.serials.entry((day(calendar, at), place.model, place.line)).or_default()
    }

    pub(super) fn created(&mut self, calendar: &Calendar, place: Place, at: Timestamp) {
        self.serial(calendar, place, at).created += 1;
    }

    /// A serial of that day was removed.
    pub(super) fn uncreated(&mut self, calendar: &Calendar, place: Place, at: Timestamp) {
        self.serial(calendar, place, at).created -= 1;
    }

    /// A serial that was in `before` has become `after`.
    pub(super) fn moved(&mut self, calendar: &Calendar, place: Place, before: SerialStatus, after: &Serial) {
        if before == SerialStatus::Created && after.state != SerialState::Created {
            self.serial(calendar, place, after.updated_at).started += 1;
        }
        match &after.state {
            SerialState::Passed { at } if before != SerialStatus::Passed => {
                let sums = self.serial(calendar, place, *at);
                sums.passed += 1;
                sums.first_passed += i64::from(after.rework_count == 0);
            }
            SerialState::Failed { at, scrapped, .. } if before != SerialStatus::Failed => {
                let sums = self.serial(calendar, place, *at);
                sums.failed += 1;
                sums.scrapped += i64::from(*scrapped);
            }
            SerialState::InProgress { .. } if before == SerialStatus::Failed => {
                self.serial(calendar, place, after.updated_at).reworked += 1;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_add_up_to_the_spread_of_all() {
        let values = [60.1, 59.2, 60.7, 59.9, 60.0, 58.8, 61.3];
        let whole = values.iter().map(|v| Spread::of(*v)).reduce(Spread::and).expect("values");
        let mean = values.iter().sum::<f64>() / 7.0;
        let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        assert!((whole.mean - mean).abs() < 1e-12 && (whole.squares - squares).abs() < 1e-12);
        assert_eq!((whole.n, whole.low, whole.high), (7, 58.8, 61.3));
        let halves = [&values[..3], &values[3..]]
            .map(|half| half.iter().map(|v| Spread::of(*v)).reduce(Spread::and).expect("values"));
        let joined = halves[0].and(halves[1]);
        assert!((joined.mean - mean).abs() < 1e-12 && (joined.squares - squares).abs() < 1e-12);
    }
}
