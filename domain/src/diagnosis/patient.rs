//! Patients: a name that no log shows, and the code under which a headset connects.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::Timestamp;
use crate::identity::UserId;

/// Highest number of an automatic code.
pub const CODE_NUMBER_MAX: u16 = 999;
/// Longest name, characters.
const NAME_CHARS_MAX: usize = 100;
/// Longest code, characters.
const CODE_CHARS_MAX: usize = 32;

/// Why a patient or an order for a session cannot be what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatientError {
    /// The name.
    #[error("must be 1 to 100 visible characters")]
    Name,
    /// The code.
    #[error("must be 1 to 32 letters, digits, `-`, `_` or `.`, and begin with a letter or a digit")]
    Code,
    /// The kind of exercise.
    #[error("must be one of NONE, BALANCEBALL, FITBOX, TENNISBALL")]
    Kind,
    /// The level.
    #[error("must be 1, 2 or 3")]
    Level,
}

/// A patient's number. It is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PatientId(pub i64);

impl fmt::Display for PatientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A patient's name. `Debug`, `Display` and JSON show it masked, so that no log and no line of the audit has it; who is to
/// see it asks for [`PatientName::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub struct PatientName(Box<str>);

impl PatientName {
    /// The name itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for PatientName {
    type Err = PatientError;
    fn from_str(s: &str) -> Result<Self, PatientError> {
        // A person's name follows the same rules as a user's.
        let name: crate::identity::FullName = s.parse().map_err(|_| PatientError::Name)?;
        let fits = name.as_str().chars().count() <= NAME_CHARS_MAX;
        if fits { Ok(Self(name.as_str().into())) } else { Err(PatientError::Name) }
    }
}

impl fmt::Display for PatientName {
    /// The first letter, and as many stars as always: the length of a name says something too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}**", self.0.chars().next().unwrap_or('*'))
    }
}

impl fmt::Debug for PatientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PatientName({self})")
    }
}

impl Serialize for PatientName {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// The code under which a patient's headset connects.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub struct PatientCode(Box<str>);

impl PatientCode {
    /// The automatic code `number` of a doctor: `007-000`.
    #[must_use]
    pub fn automatic(doctor: UserId, number: u16) -> Self {
        Self(format!("{}{number:03}", Self::prefix(doctor)).into())
    }

    /// What the automatic codes of a doctor begin with.
    #[must_use]
    pub fn prefix(doctor: UserId) -> String {
        format!("{:03}-", doctor.0)
    }

    /// The number, if this is an automatic code of the doctor.
    #[must_use]
    pub fn number(&self, doctor: UserId) -> Option<u16> {
        let number = self.0.strip_prefix(&Self::prefix(doctor))?;
        (number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit())).then(|| number.parse().ok())?
    }

    /// The doctor whose automatic code this is, whoever has the patient now.
    #[must_use]
    pub fn doctor(&self) -> Option<UserId> {
        let doctor = UserId(self.0.split_once('-')?.0.parse().ok()?);
        self.number(doctor).map(|_| doctor)
    }

    /// The next automatic code of a doctor: the lowest number that none of `taken` has, whoever has it, removed patients
    /// included. Nothing when all are taken.
    #[must_use]
    pub fn next<'a>(doctor: UserId, taken: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut used = vec![false; usize::from(CODE_NUMBER_MAX) + 1];
        for number in taken.into_iter().filter_map(|code| code.number(doctor)) {
            used[usize::from(number)] = true;
        }
        let free = used.iter().position(|used| !used)?;
        Some(Self::automatic(doctor, u16::try_from(free).ok()?))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PatientCode {
    type Err = PatientError;
    fn from_str(s: &str) -> Result<Self, PatientError> {
        let formed = s.len() <= CODE_CHARS_MAX
            && s.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if formed { Ok(Self(s.into())) } else { Err(PatientError::Code) }
    }
}

impl From<PatientCode> for String {
    fn from(code: PatientCode) -> Self {
        code.0.into()
    }
}

impl fmt::Display for PatientCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A patient about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPatient {
    /// The name.
    pub name: PatientName,
    /// The code; the doctor's next automatic one when absent.
    pub code: Option<PatientCode>,
}

/// What may be changed of a patient. An absent field stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatientChange {
    /// A new name.
    pub name: Option<PatientName>,
    /// A new code.
    pub code: Option<PatientCode>,
}

/// A patient as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Patient {
    /// The number.
    pub id: PatientId,
    /// Whose patient it is.
    pub doctor_id: UserId,
    /// The code for headsets.
    pub code: PatientCode,
    /// The name.
    pub name: PatientName,
    /// Whether a headset needs a token beside the code, where tokens are asked for: whether one was made.
    pub has_device_token: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was removed from the doctor's list; its records are still there until they are erased.
    pub removed_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOCTOR: UserId = UserId(7);

    fn code(text: &str) -> PatientCode {
        text.parse().expect("a code")
    }

    #[test]
    fn a_name_shows_itself_only_when_asked() {
        let name: PatientName = " 김서연 ".parse().expect("a name");
        assert_eq!(name.reveal(), "김서연");
        let shown = format!("{name} {name:?} {}", serde_json::to_string(&name).expect("json"));
        assert_eq!(shown, "김** PatientName(김**) \"김**\"");
        for bad in ["", "  ", "a\u{202e}b", "a\nb"] {
            assert_eq!(bad.parse::<PatientName>(), Err(PatientError::Name), "{bad:?}");
        }
        assert!("x".repeat(101).parse::<PatientName>().is_err());
    }

    #[test]
    fn automatic_codes_are_the_doctors_own_and_never_given_twice() {
        assert_eq!(PatientCode::automatic(DOCTOR, 0), code("007-000"));
        assert_eq!(PatientCode::automatic(UserId(1_234), 42), code("1234-042"));
        assert_eq!(PatientCode::next(DOCTOR, []), Some(code("007-000")));
        let taken = [code("007-000"), code("007-002"), code("008-001"), code("x"), code("007-1")];
        assert_eq!(PatientCode::next(DOCTOR, &taken), Some(code("007-001")));
        let all: Vec<_> = (0..=CODE_NUMBER_MAX).map(|n| PatientCode::automatic(DOCTOR, n)).collect();
        assert_eq!(PatientCode::next(DOCTOR, &all), None);
        assert_eq!(PatientCode::next(DOCTOR, &all[..999]), Some(code("007-999")));
    }

    #[test]
    fn codes_fit_a_path() {
        for bad in ["", "-1", "a b", "a/b", "a%2f", "é", &"a".repeat(33), "a\0"] {
            assert_eq!(bad.parse::<PatientCode>(), Err(PatientError::Code), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn the_next_code_is_free(numbers in prop::collection::btree_set(0u16..=999, 0..50)) {
            let taken: Vec<_> = numbers.iter().map(|n| PatientCode::automatic(DOCTOR, *n)).collect();
            let next = PatientCode::next(DOCTOR, &taken).expect("fifty of a thousand are taken");
            prop_assert!(!taken.contains(&next));
            let number = next.number(DOCTOR).expect("automatic");
            prop_assert!((0..number).all(|n| numbers.contains(&n)), "the lowest");
        }
    }
}
