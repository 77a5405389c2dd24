//! A verdict on a sensor's window, with what anybody needs to check it.

use serde::{Deserialize, Serialize};

use super::{Explanation, SensorId, SensorKey, Thresholds, WindowFacts};
use crate::Timestamp;

/// What is said about a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing unusual.
    Normal,
    /// Something unusual.
    Abnormal,
    /// There is no complete, fresh window to judge.
    InsufficientData,
    /// There is a window, but the scorer was not available; it is scored later and the result then replaces this one.
    Unscored,
}

impl Verdict {
    /// The word used in JSON, in the store and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Abnormal => "abnormal",
            Self::InsufficientData => "insufficient_data",
            Self::Unscored => "unscored",
        }
    }

    /// The verdict that [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Normal, Self::Abnormal, Self::InsufficientData, Self::Unscored]
            .into_iter()
            .find(|v| v.as_str() == word)
    }
}

/// What a verdict rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Basis {
    /// A bound of the sensor, which decides before any model.
    Rule {
        /// The rule in words, for example `last value 2.9 <= low 3`.
        rule: String,
    },
    /// A model.
    Model {
        /// The model's id.
        id: String,
        /// SHA-256 of its weights, hexadecimal.
        digest: String,
        /// What made the threshold the sensor's own; absent where it is the model's or was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        calibration: Option<CalibrationFacts>,
        /// The bank that the window was compared with; absent where it was compared with itself alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bank: Option<BankFacts>,
    },
}

/// What a window is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreMode {
    /// Itself alone.
    #[default]
    Window,
    /// What its sensor did before as well.
    Bank,
}

impl ScoreMode {
    /// The word used in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Bank => "bank",
        }
    }

    /// The mode that [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Window, Self::Bank].into_iter().find(|mode| mode.as_str() == word)
    }
}

/// The readings before a window that it was compared with: the newest ones before its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankFacts {
    /// How many.
    pub readings: u32,
    /// The oldest so many of them set the scale and the usual distance.
    pub anchor_readings: u32,
}

/// How a threshold was taken from past scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMethod {
    /// As the score that at most the wanted share of past windows exceeded.
    #[default]
    Conformal,
    /// From a distribution of extreme values fitted to few windows that overlap: until there are enough others.
    ExtremeValue,
}

/// A threshold that comes from a sensor's own past.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationFacts {
    /// Past windows that it was set from.
    pub windows: u32,
    /// The share of windows like those that may be called abnormal.
    pub false_alarm_rate: f64,
    /// How the threshold was taken from them.
    #[serde(default)]
    pub method: CalibrationMethod,
    /// What that share comes to in 30 days of the schedule: at most so many false alarms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_alarms_per_month: Option<f64>,
}

/// Everything needed to recompute a verdict.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Score of the window, if one was computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The bound that the score, or the last value, was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The rule or the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// Where it was computed: `cpu`, `vulkan:…`, `wgpu:…`, `rule`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowFacts>,
    /// Why there is no verdict, or what degraded on the way to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What an abnormal window looks like, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// A verdict about to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewResult {
    /// The registration it is about.
    pub sensor_key: SensorKey,
    /// The sensor's id at that time.
    pub sensor_id: SensorId,
    /// The verdict.
    pub verdict: Verdict,
    /// The instant that was asked about: the window ends at or before it.
    pub as_of: Timestamp,
    /// When it was decided.
    pub inference_time: Timestamp,
    /// The scheduled run it belongs to; `None` for a request. One sensor has one result per run.
    pub run_at: Option<Timestamp>,
    /// What it rests on.
    pub provenance: Provenance,
}

/// A stored verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRecord {
    /// Its id.
    pub id: i64,
    /// The verdict.
    pub result: NewResult,
}

/// A bound that the last value of a window has crossed.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The rule in words.
    pub rule: String,
    /// The bound.
    pub threshold: f64,
    /// Whether it is the low bound.
    pub low: bool,
}

impl Thresholds {
    /// The rule that makes `last_value` abnormal at once, if any.
    #[must_use]
    pub fn judge(&self, last_value: f64) -> Option<Judgement> {
        let low = self.low.filter(|low| last_value <= *low);
        let high = self.high.filter(|high| last_value >= *high);
        let crossed = |threshold: f64, low: bool| {
            let side = if low { "<= low" } else { ">= high" };
            Judgement { rule: format!("last value {last_value} {side} {threshold}"), threshold, low }
        };
        low.map(|t| crossed(t, true)).or_else(|| high.map(|t| crossed(t, false)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive() {
        let bounds = Thresholds { low: Some(3.0), high: Some(12.0), score: None };
        assert_eq!(bounds.judge(3.0).expect("low").threshold, 3.0);
        assert_eq!(bounds.judge(12.0).expect("high").rule, "last value 12 >= high 12");
        assert_eq!(bounds.judge(3.1), None);
        assert_eq!(Thresholds::default().judge(-1e9), None);
    }

    #[test]
    fn words_round_trip() {
        for verdict in [Verdict::Normal, Verdict::Abnormal, Verdict::InsufficientData, Verdict::Unscored] {
            assert_eq!(Verdict::from_word(verdict.as_str()), Some(verdict));
            assert_eq!(serde_json::to_value(verdict).expect("json"), verdict.as_str());
        }
        assert_eq!(Verdict::from_word("fine"), None);
    }
}
