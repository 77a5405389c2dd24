//! What an outside pipeline has seen: a camera with a detector posts how many of each class.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::production::FieldFault;
use crate::{NewEvent, Timestamp};

/// Kind of the event that an observation becomes.
pub const OBSERVED_KIND: &str = "briefing.observed";
/// Longest name of a source and of a class, characters.
const NAME_CHARS_MAX: usize = 64;
/// Most classes in one observation.
const CLASSES_MAX: usize = 100;
/// Largest count of one class.
const COUNT_MAX: u32 = 1_000_000;
/// Longest caption, characters.
const CAPTION_CHARS_MAX: usize = 500;
/// An observation may be dated so far ahead, seconds: clocks differ.
const AHEAD_S_MAX: u64 = 300;

/// One look of an outside pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Who looked, for example `gate-camera`.
    pub source: String,
    /// When.
    pub observed_at: Timestamp,
    /// How many of each class.
    pub counts: BTreeMap<String, u32>,
    /// What it looked like, in words. Nobody here wrote them: they are quoted, and never obeyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
}

/// A name that may stand in a sentence: letters and digits of any script, and `-_. `.
fn is_name(text: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&text.chars().count())
        && text.chars().all(|c| c.is_alphanumeric() || "-_. ".contains(c))
        && text.chars().any(char::is_alphanumeric)
        && text.trim().len() == text.len()
}

impl Observation {
    /// Refuses what no observation can be.
    ///
    /// # Errors
    /// Every field that is out of its range.
    pub fn validated(self, now: Timestamp) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Vec::new();
        let mut unless = |holds: bool, field: &str, message: String| {
            if !holds {
                faults.push(FieldFault::new(field, message));
            }
        };
        let letters = "letters, digits, '-', '_', '.' and single spaces";
        unless(
            is_name(&self.source),
            "source",
            format!("must be 1 to {NAME_CHARS_MAX} characters: {letters}"),
        );
        let ahead = now + std::time::Duration::from_secs(AHEAD_S_MAX);
        let dated = self.observed_at >= Timestamp::Y2000 && self.observed_at <= ahead;
        unless(dated, "observed_at", format!("must lie between 2000 and {AHEAD_S_MAX} s from now"));
        let classes = self.counts.len() <= CLASSES_MAX;
        unless(classes, "counts", format!("must name at most {CLASSES_MAX} classes"));
        let named = self.counts.keys().all(|class| is_name(class));
        unless(named, "counts", format!("must have names of 1 to {NAME_CHARS_MAX} characters: {letters}"));
        let counted = self.counts.values().all(|n| *n <= COUNT_MAX);
        unless(counted, "counts", format!("must be at most {COUNT_MAX} each"));
        let caption = self.caption.as_deref().unwrap_or_default();
        let worded = caption.chars().count() <= CAPTION_CHARS_MAX
            && !caption.chars().any(|c| c.is_control() && !"\t\n\r".contains(c));
        unless(worded, "caption", format!("must be at most {CAPTION_CHARS_MAX} characters"));
        if faults.is_empty() { Ok(self) } else { Err(faults) }
    }

    /// The event that it becomes.
    #[must_use]
    pub fn event(&self) -> NewEvent {
        let data = json!({ "source": self.source, "counts": self.counts, "caption": self.caption });
        NewEvent::new(self.observed_at, OBSERVED_KIND, &self.source, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(counts: &[(&str, u32)]) -> Observation {
        Observation {
            source: "gate-camera".to_owned(),
            observed_at: Timestamp::from_s(1_800_000_000),
            counts: counts.iter().map(|(class, n)| ((*class).to_owned(), *n)).collect(),
            caption: None,
        }
    }

    const NOW: Timestamp = Timestamp::from_s(1_800_000_000);

    #[test]
    fn what_a_detector_sends_is_taken_and_becomes_an_event() {
        let given: Observation = serde_json::from_value(json!({
            "source": "gate-camera", "observed_at": "2027-01-15T08:00:00Z", "counts": { "person": 3, "traffic light": 1 },
            "caption": "a man at the gate",
        }))
        .expect("an observation");
        let event = given.validated(NOW).expect("valid").event();
        assert_eq!((event.kind.as_str(), event.subject.as_str()), ("briefing.observed", "gate-camera"));
        assert_eq!(event.data["counts"]["person"], 3);
        assert!(seen(&[]).validated(NOW).is_ok(), "an empty scene is an observation");
        assert!(seen(&[("사람", 1)]).validated(NOW).is_ok());
    }

    #[test]
    fn the_impossible_is_refused_by_field() {
        let fields = |given: Observation| -> Vec<String> {
            let faults = given.validated(NOW).expect_err("refused");
            faults.into_iter().map(|fault| fault.field).collect()
        };
        assert_eq!(fields(Observation { source: "a\nb".to_owned(), ..seen(&[]) }), ["source"]);
        assert_eq!(fields(Observation { source: " a".to_owned(), ..seen(&[]) }), ["source"]);
        assert_eq!(fields(Observation { source: "<b>".to_owned(), ..seen(&[]) }), ["source"]);
        assert_eq!(
            fields(Observation { observed_at: Timestamp::from_s(1_800_000_301), ..seen(&[]) }),
            ["observed_at"]
        );
        assert_eq!(fields(seen(&[("person", COUNT_MAX + 1)])), ["counts"]);
        assert_eq!(fields(seen(&[("per\"son", 1)])), ["counts"]);
        assert_eq!(fields(Observation { caption: Some("x".repeat(501)), ..seen(&[]) }), ["caption"]);
        let many: Vec<String> = (0..101).map(|n| format!("c{n}")).collect();
        let many: Vec<(&str, u32)> = many.iter().map(|class| (class.as_str(), 1)).collect();
        assert_eq!(fields(seen(&many)), ["counts"]);
    }
}
