//! An alert, its life, and how repeats of the same thing become one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::production::{EquipmentId, FieldFault, LotId, OperatorId, ProcessId, SerialId};

/// Longest title, characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest message, characters.
pub const MESSAGE_CHARS_MAX: usize = 1_000;
/// Days after which a read alert is archived by itself.
pub const ARCHIVE_DAYS_DEFAULT: u32 = 30;

/// An alert's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertId(pub i64);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in JSON and in the store.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What [`Self::as_str`] writes.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.as_str() == word)
            }
        }
    };
}

words! {
    /// What an alert is about.
    AlertType {
        /// A process found a defect.
        DefectDetected = "DEFECT_DETECTED",
        /// A day's target is missed.
        TargetNotMet = "TARGET_NOT_MET",
        /// A run takes much longer than planned.
        ProcessDelayed = "PROCESS_DELAYED",
        /// Every unit of a lot passed or was scrapped.
        LotCompleted = "LOT_COMPLETED",
        /// There is a new firmware.
        FirmwareUpdate = "FIRMWARE_UPDATE",
        /// A person wrote it.
        Manual = "MANUAL",
        /// The sensors of a piece of equipment are abnormal.
        EquipmentAbnormal = "EQUIPMENT_ABNORMAL",
        /// A printer does not print, and labels wait for it.
        PrinterTrouble = "PRINTER_TROUBLE",
        /// A station's agent cannot help itself.
        StationTrouble = "STATION_TROUBLE",
        /// There is no room left, or objects cannot be kept.
        StorageTrouble = "STORAGE_TROUBLE",
    }
}

words! {
    /// How much it matters.
    Severity {
        /// For information.
        Low = "LOW",
        /// Somebody should look today.
        Medium = "MEDIUM",
        /// Somebody must look now.
        High = "HIGH",
    }
}

words! {
    /// An alert's state without its data: the word that clients read and send.
    AlertStatus {
        /// Nobody has read it, or it happened again since.
        Unread = "UNREAD",
        /// Somebody has read it.
        Read = "READ",
        /// It is history.
        Archived = "ARCHIVED",
    }
}

impl AlertType {
    /// The documented severity.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::DefectDetected | Self::EquipmentAbnormal | Self::StorageTrouble => Severity::High,
            Self::TargetNotMet
            | Self::ProcessDelayed
            | Self::Manual
            | Self::PrinterTrouble
            | Self::StationTrouble => Severity::Medium,
            Self::LotCompleted | Self::FirmwareUpdate => Severity::Low,
        }
    }
}

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertState {
    /// Nobody has read it, or it happened again since.
    Unread,
    /// Somebody has read it.
    Read {
        /// When.
        at: Timestamp,
        /// Who.
        by: OperatorId,
    },
    /// It is history: the next of its kind is a new alert.
    Archived {
        /// When.
        at: Timestamp,
        /// Who; the plant itself when absent.
        by: Option<OperatorId>,
    },
}

/// What repeats of the same thing do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// They count up in the open alert; after it was archived, a new one is opened.
    Count,
    /// There is one alert of this subject, ever.
    Once,
}

/// An alert about to be raised.
#[derive(Debug, Clone, PartialEq)]
pub struct Raise {
    /// What it is about.
    pub alert_type: AlertType,
    /// What it happened to: repeats of (type, subject) are one alert. At most 200 characters.
    pub subject: String,
    /// What repeats do.
    pub repeat: Repeat,
    /// How much it matters.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// The rest.
    pub message: String,
    /// The lot it is about.
    pub lot_id: Option<LotId>,
    /// The unit.
    pub serial_id: Option<SerialId>,
    /// The process.
    pub process_id: Option<ProcessId>,
    /// The equipment.
    pub equipment_id: Option<EquipmentId>,
    /// Whose work raised it; absent when it is about nobody's in particular.
    pub operator_id: Option<OperatorId>,
    /// The event that it shares with what else follows from the same cause.
    pub event_id: Option<String>,
    /// When it happened.
    pub at: Timestamp,
}

/// An alert's row without its id.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAlert {
    /// The newest thing that raised it.
    pub raise: Raise,
    /// Where it is in its life.
    pub state: AlertState,
    /// How often it was raised.
    pub count: i64,
    /// When it was first raised.
    pub first_at: Timestamp,
}

/// A stored alert. `alert.raise.at` is when it was last raised.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// Its row.
    pub alert: NewAlert,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What raising an alert comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A row to insert.
    New(NewAlert),
    /// The open row to replace.
    Again(Alert),
    /// Nothing: it was said before.
    Known,
}

/// The numbers that badges show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlertCounts {
    /// Alerts that the filters let through.
    pub total: u64,
    /// Unread ones among all.
    pub unread: u64,
    /// Unread ones of severity HIGH among all.
    pub unread_high: u64,
}

impl AlertState {
    /// The state without its data.
    #[must_use]
    pub fn status(&self) -> AlertStatus {
        match self {
            Self::Unread => AlertStatus::Unread,
            Self::Read { .. } => AlertStatus::Read,
            Self::Archived { .. } => AlertStatus::Archived,
        }
    }

    /// Somebody reads it. One that was read, or is history, stays as it is: reading twice is no mistake.
    #[must_use]
    pub fn read(self, by: OperatorId, at: Timestamp) -> Self {
        match self {
            Self::Unread => Self::Read { at, by },
            Self::Read { .. } | Self::Archived { .. } => self,
        }
    }

    /// It becomes history.
    #[must_use]
    pub fn archive(self, by: Option<OperatorId>, at: Timestamp) -> Self {
        match self {
            Self::Unread | Self::Read { .. } => Self::Archived { at, by },
            Self::Archived { .. } => self,
        }
    }
}

impl Raise {
    /// Refuses what no alert can be. Texts that the plant itself makes always pass.
    ///
    /// # Errors
    /// Every field that is out of its range.
    pub fn validated(self) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Vec::new();
        for (field, text, max) in
            [("title", &self.title, TITLE_CHARS_MAX), ("message", &self.message, MESSAGE_CHARS_MAX)]
        {
            let chars = text.chars().count();
            let empty = field == "title" && text.trim().is_empty();
            if empty || chars > max || text.chars().any(|c| c.is_control() && !"\t\n\r".contains(c)) {
                let from = u8::from(field == "title");
                faults.push(FieldFault::new(field, format!("must be {from} to {max} characters")));
            }
        }
        if faults.is_empty() { Ok(self) } else { Err(faults) }
    }

    /// What follows, given the newest alert of the same type and subject.
    #[must_use]
    pub fn meet(self, newest: Option<&Alert>) -> Outcome {
        match newest {
            Some(_) if self.repeat == Repeat::Once => Outcome::Known,
            Some(open) if open.alert.state.status() != AlertStatus::Archived => {
                Outcome::Again(open.again(self))
            }
            Some(_) | None => {
                let first_at = self.at;
                Outcome::New(NewAlert { raise: self, state: AlertState::Unread, count: 1, first_at })
            }
        }
    }
}

impl Alert {
    /// The same thing happened again: counted, unread again, told in the newest words.
    fn again(&self, raise: Raise) -> Self {
        let (severity, at) =
            (raise.severity.max(self.alert.raise.severity), raise.at.max(self.alert.raise.at));
        let alert = NewAlert {
            raise: Raise { severity, at, ..raise },
            state: AlertState::Unread,
            count: self.alert.count.saturating_add(1),
            first_at: self.alert.first_at,
        };
        Self { id: self.id, alert, updated_at: at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{firmware_update, manual, poll_after_s};

    fn raised(repeat: Repeat, at: i64) -> Raise {
        Raise { repeat, ..firmware_update("WF", "v1.2.3", Timestamp::from_s(at)) }
    }

    fn stored(outcome: Outcome) -> Alert {
        match outcome {
            Outcome::New(alert) => Alert { id: AlertId(1), updated_at: alert.first_at, alert },
            Outcome::Again(alert) => alert,
            Outcome::Known => panic!("nothing was raised"),
        }
    }

    #[test]
    fn repeats_count_up_until_it_is_archived() {
        let first = stored(raised(Repeat::Count, 10).meet(None));
        assert_eq!((first.alert.count, first.alert.state.status()), (1, AlertStatus::Unread));
        let read = Alert {
            alert: NewAlert {
                state: first.alert.state.read(OperatorId(3), Timestamp::from_s(11)),
                ..first.alert.clone()
            },
            ..first
        };
        assert_eq!(read.alert.state.status(), AlertStatus::Read);
        let again = stored(raised(Repeat::Count, 12).meet(Some(&read)));
        assert_eq!((again.alert.count, again.alert.state.status()), (2, AlertStatus::Unread));
        assert_eq!(
            (again.alert.first_at, again.alert.raise.at),
            (Timestamp::from_s(10), Timestamp::from_s(12))
        );
        let mut old = again;
        old.alert.state = old.alert.state.archive(None, Timestamp::from_s(13));
        assert!(matches!(raised(Repeat::Count, 14).meet(Some(&old)), Outcome::New(_)));
        assert_eq!(raised(Repeat::Once, 14).meet(Some(&old)), Outcome::Known);
        assert_eq!(
            old.alert.state.read(OperatorId(3), Timestamp::from_s(15)),
            old.alert.state,
            "history stays"
        );
    }

    #[test]
    fn a_persons_alert_has_its_limits() {
        let at = Timestamp::from_s(0);
        assert!(manual("1", "title", "", at).validated().is_ok());
        assert!(manual("1", " ", "", at).validated().is_err());
        assert!(manual("1", &"알".repeat(200), &"림".repeat(1_000), at).validated().is_ok());
        assert_eq!(
            manual("1", &"a".repeat(201), &"a".repeat(1_001), at).validated().expect_err("long").len(),
            2
        );
    }

    #[test]
    fn words_round_trip() {
        for kind in AlertType::ALL {
            assert_eq!(AlertType::from_word(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).expect("json"), kind.as_str());
        }
        assert!(Severity::High > Severity::Medium && Severity::Medium > Severity::Low);
    }

    #[test]
    fn a_high_alert_makes_clients_ask_often_for_five_minutes() {
        let high = Timestamp::from_s(1_000);
        let at = |s| poll_after_s(true, Some(high), Timestamp::from_s(s));
        assert_eq!((at(1_000), at(1_299), at(1_300)), (10, 10, 30));
        assert_eq!(poll_after_s(false, None, high), 60);
        assert_eq!(poll_after_s(false, Some(high), high), 10);
    }
}
