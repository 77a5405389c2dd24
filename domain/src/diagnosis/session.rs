//! A session and its states.
//!
//! ```text
//! READY ──▶ STARTED ──▶ COMPLETED
//!   │          ├──────▶ FAILED ──(kept nowhere because the object store was away, sent again)──▶ COMPLETED
//!   └──────────┴──────▶ CANCELLED, EXPIRED
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Kind, Level, PatientId};
use crate::Timestamp;
use crate::identity::UserId;

/// How long a session may take from its start to its upload.
pub const SESSION_LASTS: Duration = Duration::from_secs(30 * 60);
/// Characters of a session's code: none that look like others.
const CODE_ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Characters of a session's code.
const CODE_CHARS: usize = 6;
/// Longest reason of a failure, characters.
const REASON_CHARS_MAX: usize = 500;

/// A session's number: `diagnosis_id` in the clients' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiagnosisId(pub i64);

impl fmt::Display for DiagnosisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What people read a session out by: six upper-case characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct SessionCode(Box<str>);

impl SessionCode {
    /// Of random bytes.
    #[must_use]
    pub fn of(random: &[u8; CODE_CHARS]) -> Self {
        // 256 is a multiple of 32: every character is as likely as any other.
        let letters = random.iter().map(|b| char::from(CODE_ALPHABET[usize::from(*b) % CODE_ALPHABET.len()]));
        Self(letters.collect::<String>().into())
    }

    /// From what is stored; `None` when it is no code.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        let formed = text.len() == CODE_CHARS && text.bytes().all(|b| CODE_ALPHABET.contains(&b));
        formed.then(|| Self(text.into()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<SessionCode> for String {
    fn from(code: SessionCode) -> Self {
        code.0.into()
    }
}

/// Why a session failed: what may be done about it depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailCause {
    /// The headset said so.
    Headset,
    /// The file cannot be a result.
    File,
    /// The file could not be kept: it may be sent again.
    Storage,
}

impl FailCause {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Headset => "headset",
            Self::File => "file",
            Self::Storage => "storage",
        }
    }

    /// The cause that [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Headset, Self::File, Self::Storage].into_iter().find(|c| c.as_str() == word)
    }
}

/// Why a session failed, for the doctor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What kind of failure.
    pub cause: FailCause,
    /// In words, Korean first.
    pub reason: String,
}

impl Failure {
    /// A failure; a reason that is too long is cut.
    #[must_use]
    pub fn new(cause: FailCause, reason: impl fmt::Display) -> Self {
        let reason = reason.to_string();
        let clean = reason.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect();
        Self { cause, reason: clean }
    }
}

/// Where a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The headset was told; it has not begun.
    Ready,
    /// The headset has begun.
    Started {
        /// When.
        at: Timestamp,
    },
    /// Both files and the record are kept.
    Completed {
        /// When.
        at: Timestamp,
    },
    /// There will be no record.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        failure: Failure,
    },
    /// The doctor stopped it.
    Cancelled {
        /// When.
        at: Timestamp,
    },
    /// It took too long.
    Expired {
        /// When.
        at: Timestamp,
    },
}

/// A state's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StateKind {
    /// See [`State::Ready`].
    Ready,
    /// See [`State::Started`].
    Started,
    /// See [`State::Completed`].
    Completed,
    /// See [`State::Failed`].
    Failed,
    /// See [`State::Cancelled`].
    Cancelled,
    /// See [`State::Expired`].
    Expired,
}

impl StateKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Ready, Self::Started, Self::Completed, Self::Failed, Self::Cancelled, Self::Expired];

    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Started => "STARTED",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Whether streams end with it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Ready | Self::Started)
    }
}

impl FromStr for StateKind {
    type Err = ();
    fn from_str(s: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == s).ok_or(())
    }
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A state that was entered: what a stream sends, under the journal's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateEvent {
    /// The journal's number.
    pub seq: i64,
    /// The state.
    pub state: StateKind,
    /// When.
    pub at: Timestamp,
    /// Why, for a failure.
    pub reason: Option<String>,
}

/// What was asked for is not possible in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session is {}", .0.as_str())]
pub struct WrongState(pub StateKind);

impl State {
    /// Its name.
    #[must_use]
    pub const fn kind(&self) -> StateKind {
        match self {
            Self::Ready => StateKind::Ready,
            Self::Started { .. } => StateKind::Started,
            Self::Completed { .. } => StateKind::Completed,
            Self::Failed { .. } => StateKind::Failed,
            Self::Cancelled { .. } => StateKind::Cancelled,
            Self::Expired { .. } => StateKind::Expired,
        }
    }

    /// When it was entered, if that is known beside the session's making.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Ready => None,
            Self::Started { at }
            | Self::Completed { at }
            | Self::Failed { at, .. }
            | Self::Cancelled { at }
            | Self::Expired { at } => Some(*at),
        }
    }

    /// The headset has begun.
    ///
    /// # Errors
    /// [`WrongState`] when it had begun already, or the session is over.
    pub fn start(self, at: Timestamp) -> Result<Self, WrongState> {
        match self {
            Self::Ready => Ok(Self::Started { at }),
            other => Err(WrongState(other.kind())),
        }
    }

    /// Both files and the record are being kept. A headset that never said it began has begun nevertheless. A session
    /// whose file could not be kept is completed by sending it again.
    ///
    /// # Errors
    /// [`WrongState`] when the session is over.
    pub fn complete(self, at: Timestamp) -> Result<Self, WrongState> {
        if self.takes_upload() { Ok(Self::Completed { at }) } else { Err(WrongState(self.kind())) }
    }

    /// There will be no record.
    ///
    /// # Errors
    /// [`WrongState`] when the session is over.
    pub fn fail(self, at: Timestamp, failure: Failure) -> Result<Self, WrongState> {
        if self.is_active() { Ok(Self::Failed { at, failure }) } else { Err(WrongState(self.kind())) }
    }

    /// The doctor stops it.
    ///
    /// # Errors
    /// [`WrongState`] when the session is over.
    pub fn cancel(self, at: Timestamp) -> Result<Self, WrongState> {
        if self.is_active() { Ok(Self::Cancelled { at }) } else { Err(WrongState(self.kind())) }
    }

    /// Its time is over.
    ///
    /// # Errors
    /// [`WrongState`] when the session is over.
    pub fn expire(self, at: Timestamp) -> Result<Self, WrongState> {
        if self.is_active() { Ok(Self::Expired { at }) } else { Err(WrongState(self.kind())) }
    }

    /// Whether it keeps its doctor from starting another one.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.kind().is_final()
    }

    /// Whether a result may be uploaded.
    #[must_use]
    pub fn takes_upload(&self) -> bool {
        let again = matches!(self, Self::Failed { failure, .. } if failure.cause == FailCause::Storage);
        self.is_active() || again
    }
}

/// A session about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Who starts it.
    pub doctor_id: UserId,
    /// For whom.
    pub patient_id: PatientId,
    /// What is played.
    pub kind: Kind,
    /// How hard.
    pub level: Level,
    /// What people read it out by.
    pub code: SessionCode,
    /// When it is made.
    pub at: Timestamp,
}

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The number.
    pub id: DiagnosisId,
    /// Who started it.
    pub doctor_id: UserId,
    /// For whom.
    pub patient_id: PatientId,
    /// What is played.
    pub kind: Kind,
    /// How hard.
    pub level: Level,
    /// What people read it out by.
    pub code: SessionCode,
    /// Where it is.
    pub state: State,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_s(s)
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Start,
        Complete,
        Fail(FailCause),
        Cancel,
        Expire,
    }

    fn take(state: State, step: Step, now: Timestamp) -> Result<State, WrongState> {
        match step {
            Step::Start => state.start(now),
            Step::Complete => state.complete(now),
            Step::Fail(cause) => state.fail(now, Failure::new(cause, "because")),
            Step::Cancel => state.cancel(now),
            Step::Expire => state.expire(now),
        }
    }

    #[test]
    fn the_ordinary_way_leads_to_a_record() {
        let state = State::Ready.start(at(1)).expect("ready").complete(at(2)).expect("started");
        assert_eq!(state, State::Completed { at: at(2) });
        assert_eq!(state.clone().cancel(at(3)), Err(WrongState(StateKind::Completed)));
        assert_eq!(State::Started { at: at(1) }.start(at(2)), Err(WrongState(StateKind::Started)));
    }

    #[test]
    fn only_what_could_not_be_kept_may_come_again() {
        for cause in [FailCause::Headset, FailCause::File, FailCause::Storage] {
            let failed = State::Ready.fail(at(1), Failure::new(cause, "x")).expect("ready");
            assert!(!failed.is_active());
            assert_eq!(failed.clone().complete(at(2)).is_ok(), cause == FailCause::Storage);
            assert!(failed.cancel(at(2)).is_err());
            assert_eq!(FailCause::from_word(cause.as_str()), Some(cause));
        }
    }

    #[test]
    fn codes_are_six_characters_that_are_not_mistaken() {
        let code = SessionCode::of(&[0, 31, 32, 255, 100, 7]);
        assert_eq!(SessionCode::stored(code.as_str()), Some(code.clone()));
        assert!(!code.as_str().contains(['0', 'O', '1', 'I']));
        assert_eq!(SessionCode::stored("ABCDE"), None);
        assert_eq!(SessionCode::stored("ABCDE0"), None);
        for kind in StateKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }

    #[test]
    fn a_reason_is_one_short_line() {
        let failure = Failure::new(FailCause::File, format!("a\nb{}", "x".repeat(1_000)));
        assert!(failure.reason.starts_with("abx") && failure.reason.len() == REASON_CHARS_MAX);
    }

    proptest! {
        #[test]
        fn whatever_happens_a_session_ends_once(
            steps in prop::collection::vec(
                prop_oneof![
                    Just(Step::Start), Just(Step::Complete), Just(Step::Cancel), Just(Step::Expire),
                    Just(Step::Fail(FailCause::Headset)), Just(Step::Fail(FailCause::Storage)),
                ],
                0..12,
            )
        ) {
            let mut state = State::Ready;
            let mut ends = 0;
            for (n, step) in (0_i64..).zip(steps) {
                let before = state.clone();
                match take(state.clone(), step, at(n)) {
                    Ok(next) => {
                        ends += i32::from(before.is_active() && !next.is_active());
                        // Nothing leads back, and nothing but a file that comes again leads out of an end.
                        prop_assert!(next.kind() > before.kind() || next.kind() == StateKind::Completed);
                        prop_assert!(before.is_active() || next.kind() == StateKind::Completed);
                        state = next;
                    }
                    Err(wrong) => prop_assert_eq!(wrong, WrongState(before.kind())),
                }
            }
            prop_assert!(ends <= 1);
        }
    }
}
