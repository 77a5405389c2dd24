//! How a sensor is calibrated, from how much of its past there is.
//!
//! Windows well apart make a split-conformal threshold, as soon as there are enough of them for the wanted rate. Before
//! that, windows close to each other make one from extreme values. Either kind is scored against banks where there are
//! readings enough before the first window.

use crate::conformal::{Calibration, EXTREME_SCORES_MIN};
use crate::{BANK_READINGS_MIN, STRIDE, WINDOW};

/// Most past windows that a calibration rests on.
pub const CALIBRATION_WINDOWS_MAX: usize = 199;

/// Readings from one window to the next while there are few: they overlap, and their scores are alike.
const PROVISIONAL_STRIDE: usize = 24;

/// Newest readings that such windows leave out of the present one: they are what is about to be judged.
const RECENT: usize = 60;

/// Windows that the threshold for all sensors is worth beside a sensor's own few. Chosen on the development series.
const MODEL_WINDOWS: f64 = 4.0;

/// How a sensor is calibrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalibrationPlan {
    /// Whether windows are compared with banks.
    pub bank: bool,
    /// Whether the windows are few and overlap.
    pub provisional: bool,
    /// Newest readings that belong to the window which is to be judged: [`WINDOW`], or 0 for a past without one.
    pub present: usize,
    /// Most windows.
    pub windows_max: usize,
}

impl CalibrationPlan {
    /// The best that so many readings allow for a wanted rate of false alarms; `bank` says whether there may be one.
    pub fn of(readings: usize, present: usize, rate: f64, bank: bool) -> Option<Self> {
        let plan = |bank, provisional| Self { present, ..Self::under(bank, provisional) };
        // A window with a bank costs twenty of those without: twice as many as are needed will do.
        let banked = plan(true, false);
        let few = (2 * banked.windows_needed(rate)).min(CALIBRATION_WINDOWS_MAX);
        let banked = Self { windows_max: few, ..banked };
        let best = [banked, plan(true, true), plan(false, false), plan(false, true)];
        let possible =
            |plan: &Self| (bank || !plan.bank) && readings >= plan.readings(plan.windows_needed(rate));
        best.into_iter().find(possible)
    }

    /// The plan of a calibration that was made so.
    pub fn under(bank: bool, provisional: bool) -> Self {
        Self { bank, provisional, present: WINDOW, windows_max: CALIBRATION_WINDOWS_MAX }
    }

    /// Readings without which there is nothing to calibrate on.
    pub fn readings_min(present: usize) -> usize {
        Self { present, ..Self::under(false, true) }.readings(EXTREME_SCORES_MIN)
    }

    /// Readings from one window to the next.
    pub fn stride(self) -> usize {
        if self.provisional { PROVISIONAL_STRIDE } else { STRIDE }
    }

    /// Readings that so many windows take.
    pub fn readings(self, windows: usize) -> usize {
        self.before() + WINDOW + self.stride() * windows.saturating_sub(1) + self.after()
    }

    /// Starts of the windows among so many readings, rising; the newest ones.
    pub fn starts(self, readings: usize) -> Vec<usize> {
        let last = readings.checked_sub(self.after() + WINDOW).filter(|last| *last >= self.before());
        let Some(last) = last else { return Vec::new() };
        let count = ((last - self.before()) / self.stride() + 1).min(self.windows_max);
        (0..count).rev().map(|i| last - i * self.stride()).collect()
    }

    /// The threshold that scores of its windows make for that rate; none where too many of them did not count.
    ///
    /// A provisional one is drawn towards `model`, the threshold for all sensors, on a logarithmic scale: a day or two
    /// say little of what a sensor does in a month. The model counts as much as `MODEL_WINDOWS` windows' worth of
    /// readings. Against a bank it is no lower than the model's: a contrast to a bank is in units of the sensor's own past
    /// already, and few calm windows are no reason to call abnormal what is within that.
    pub fn threshold(self, scores: &Calibration, rate: f64, model: f64) -> Option<f64> {
        if !self.provisional {
            return scores.threshold(rate);
        }
        let own = scores.extreme(rate)?;
        if !(model.is_finite() && model > 0.0) {
            return Some(own);
        }
        let covered = WINDOW + self.stride() * scores.windows().saturating_sub(1);
        let worth = covered as f64 / WINDOW as f64;
        let share = worth / (worth + MODEL_WINDOWS);
        let drawn = (share * own.ln() + (1.0 - share) * model.ln()).exp();
        Some(if self.bank { drawn.max(model) } else { drawn })
    }

    /// Windows without which no score can be called unusual at this rate.
    fn windows_needed(self, rate: f64) -> usize {
        // A conformal p-value of the rate takes 1 / rate - 1 windows: a rate of 2 % needs 49.
        if self.provisional { EXTREME_SCORES_MIN } else { ((1.0 / rate) - 1.0).ceil().max(1.0) as usize }
    }

    /// Readings before the first window.
    fn before(self) -> usize {
        if self.bank { BANK_READINGS_MIN } else { 0 }
    }

    /// Newest readings that are left out: where there are enough others, the whole present window.
    fn after(self) -> usize {
        if self.provisional { self.present.min(RECENT) } else { self.present }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANK: CalibrationPlan = CalibrationPlan {
        bank: true,
        provisional: false,
        present: WINDOW,
        windows_max: CALIBRATION_WINDOWS_MAX,
    };

    #[test]
    fn a_sensor_is_calibrated_a_day_after_its_first_window_and_better_later() {
        let of = |readings, bank| {
            CalibrationPlan::of(readings, WINDOW, 0.02, bank).map(|plan| (plan.bank, plan.provisional))
        };
        assert_eq!(CalibrationPlan::readings_min(WINDOW), 720 + 24 * 19 + 60);
        assert_eq!(of(1_235, true), None);
        assert_eq!(of(1_440, true), Some((false, true)));
        assert_eq!(of(1_716, true), Some((true, true)));
        assert_eq!(of(1_716, false), Some((false, true)));
        assert_eq!(of(480 + 1_440 + 180 * 48, true), Some((true, false)));
        assert_eq!(of(1_440 + 180 * 48, false), Some((false, false)));
        assert_eq!(CalibrationPlan::of(720 + 180 * 18, 0, 0.05, false).map(|p| p.provisional), Some(false));
    }

    #[test]
    fn a_provisional_threshold_lies_between_the_sensors_and_the_models() {
        let scores = Calibration::new((0..31).map(|i| 1.0 + i as f32 * 0.02));
        let own = scores.extreme(0.02).unwrap();
        let banked = CalibrationPlan { provisional: true, ..BANK };
        let plan = CalibrationPlan { bank: false, ..banked };
        // 31 windows cover 1,440 readings: two windows' worth against the model's four.
        let threshold = plan.threshold(&scores, 0.02, 14.0).unwrap();
        assert!((threshold - (own.ln() / 3.0 + 14.0_f64.ln() * 2.0 / 3.0).exp()).abs() < 1e-9);
        assert!(own < threshold && threshold < 14.0);
        assert_eq!(plan.threshold(&scores, 0.02, f64::INFINITY), Some(own));
        // Against a bank it is the model's at least.
        assert_eq!(banked.threshold(&scores, 0.02, 14.0), Some(14.0));
        let low = banked.threshold(&scores, 0.02, 1.1).unwrap();
        assert!(1.1 < low && low < own, "{low} {own}");
        assert_eq!(BANK.threshold(&scores, 0.05, 14.0), scores.threshold(0.05));
        assert_eq!(plan.threshold(&Calibration::new([1.0; 19]), 0.02, 14.0), None);
    }

    #[test]
    fn windows_are_the_newest_and_leave_the_present_out() {
        assert_eq!(BANK.starts(480 + 720 + 720 - 1), Vec::<usize>::new());
        assert_eq!(BANK.starts(480 + 720 + 720 + 400), [520, 700, 880]);
        let many = BANK.starts(100_000);
        assert_eq!((many.len(), many[198]), (199, 100_000 - 1_440));
        assert_eq!(CalibrationPlan { provisional: true, ..BANK }.starts(1_716).len(), 20);
        let plan = CalibrationPlan::of(100_000, WINDOW, 0.02, true).unwrap();
        assert_eq!((plan.bank, plan.starts(100_000).len()), (true, 98));
    }
}
