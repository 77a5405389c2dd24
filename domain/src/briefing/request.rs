//! A request for briefings: how often, until when, and whether it still runs.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::production::Calendar;
use crate::time::US_PER_S;

/// Longest interval, seconds: a day.
pub const INTERVAL_S_MAX: u32 = 86_400;
/// Longest name of who asks, characters.
const ASKER_CHARS_MAX: usize = 50;
/// Longest text of an end time that is looked at, bytes.
const END_BYTES_MAX: usize = 40;

/// A request's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub i64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a person who asks for briefings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AskerId(pub i64);

impl fmt::Display for AskerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a request got wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The name is empty, too long or holds control characters.
    #[error("username must be 1 to {ASKER_CHARS_MAX} characters without control characters")]
    Asker,
    /// The interval is out of range or no whole number.
    #[error("interval must be a whole number of seconds, 1 to {INTERVAL_S_MAX}")]
    Interval,
    /// The end time has another form.
    #[error("endtime must be `h:mm AM`, `h:mm PM` or `HH:MM`, in the plant's time")]
    End,
}

/// The name of who asks. Any script, as people write it; two names that differ in case alone are the same person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AskerName(Box<str>);

impl AskerName {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two names of one person have in common.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl FromStr for AskerName {
    type Err = RequestError;
    fn from_str(s: &str) -> Result<Self, RequestError> {
        let text = s.trim();
        let formed =
            (1..=ASKER_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if formed { Ok(Self(text.into())) } else { Err(RequestError::Asker) }
    }
}

impl TryFrom<String> for AskerName {
    type Error = RequestError;
    fn try_from(s: String) -> Result<Self, RequestError> {
        s.parse()
    }
}

impl From<AskerName> for String {
    fn from(name: AskerName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for AskerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Seconds between two briefings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Interval(u32);

impl Interval {
    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// As time.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

impl TryFrom<u32> for Interval {
    type Error = RequestError;
    fn try_from(seconds: u32) -> Result<Self, RequestError> {
        if (1..=INTERVAL_S_MAX).contains(&seconds) { Ok(Self(seconds)) } else { Err(RequestError::Interval) }
    }
}

impl From<Interval> for u32 {
    fn from(interval: Interval) -> Self {
        interval.0
    }
}

impl FromStr for Interval {
    type Err = RequestError;
    fn from_str(s: &str) -> Result<Self, RequestError> {
        let text = s.trim();
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let seconds = text.parse::<u32>().ok().filter(|_| digits);
        seconds.ok_or(RequestError::Interval)?.try_into()
    }
}

/// The time of day at which a request ends, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndTime {
    time: Time,
    text: Box<str>,
}

impl EndTime {
    /// As it was written, with single spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The instant that is meant at `now`: today's, or tomorrow's when that is past.
    #[must_use]
    pub fn after(&self, now: Timestamp, calendar: &Calendar) -> Timestamp {
        let today = calendar.date(now);
        let at = calendar.at_time(today, self.time);
        if at > now { at } else { calendar.at_time(today.tomorrow().unwrap_or(today), self.time) }
    }
}

impl FromStr for EndTime {
    type Err = RequestError;

    /// Reads `h:mm AM|PM` in any case, with or without the space, and `HH:MM`. A space that was encoded twice, or came as a
    /// `+`, is a space.
    fn from_str(s: &str) -> Result<Self, RequestError> {
        if s.len() > END_BYTES_MAX {
            return Err(RequestError::End);
        }
        let spaced = s.replace("%20", " ").replace('+', " ");
        let text = spaced.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
        let half =
            ["AM", "PM"].into_iter().find_map(|half| Some((text.strip_suffix(half)?.trim_end(), half)));
        let (clock, half) = half.map_or((text.as_str(), None), |(clock, half)| (clock, Some(half)));
        let (hour, minute) = clock.split_once(':').ok_or(RequestError::End)?;
        let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
            let formed = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<i8>().ok().filter(|_| formed)
        };
        let (hour, minute) =
            (number(hour, 1..=2).ok_or(RequestError::End)?, number(minute, 2..=2).ok_or(RequestError::End)?);
        let hour = match half {
            None => hour,
            Some(_) if !(1..=12).contains(&hour) => return Err(RequestError::End),
            Some("AM") => hour % 12,
            Some(_) => hour % 12 + 12,
        };
        let time = Time::new(hour, minute, 0, 0).map_err(|_| RequestError::End)?;
        let text = half.map_or_else(|| clock.to_owned(), |half| format!("{clock} {half}"));
        Ok(Self { time, text: text.into() })
    }
}

/// Why a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its end time came.
    Time,
    /// Its person ended it.
    Asked,
    /// Its person asked for another one.
    Replaced,
}

impl EndReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Time, Self::Asked, Self::Replaced];

    /// The word in the store, in events and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Asked => "asked",
            Self::Replaced => "replaced",
        }
    }

    /// What [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// Where a request is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum RequestState {
    /// Texts come.
    Running,
    /// It is history.
    Ended {
        /// When.
        at: Timestamp,
        /// Why.
        reason: EndReason,
    },
}

/// The request has ended already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request has ended already")]
pub struct AlreadyEnded;

impl RequestState {
    /// Running → Ended.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn end(self, at: Timestamp, reason: EndReason) -> Result<Self, AlreadyEnded> {
        match self {
            Self::Running => Ok(Self::Ended { at, reason }),
            Self::Ended { .. } => Err(AlreadyEnded),
        }
    }

    /// Whether texts still come.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Running)
    }
}

/// A request about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// Who asked.
    pub asker_id: AskerId,
    /// How often.
    pub interval: Interval,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ends by itself.
    pub ends_at: Timestamp,
    /// The end time as it was written.
    pub end_text: String,
}

/// A stored request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// What was asked.
    pub request: NewRequest,
    /// Where it is in its life.
    pub state: RequestState,
}

impl NewRequest {
    /// What today's clients show as its name: its start in plant time, `YYYY-MM-DD HH:MM:SS`.
    #[must_use]
    pub fn name(&self, calendar: &Calendar) -> String {
        calendar.local(self.started_at).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn interval_us(&self) -> i64 {
        i64::from(self.interval.seconds()) * US_PER_S
    }

    /// The last instant at or before `now` at which a text was due; none before the first interval is over.
    #[must_use]
    pub fn latest_due(&self, now: Timestamp) -> Option<Timestamp> {
        let since_us = now.min(self.ends_at).us_since(self.started_at);
        let nth = since_us / self.interval_us();
        (nth > 0).then(|| Timestamp::from_us(self.started_at.us() + nth * self.interval_us()))
    }

    /// The text to send now, given when the last one was due. Of several that were missed only the newest is made up for: it
    /// covers the whole time.
    #[must_use]
    pub fn owed(&self, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        self.latest_due(now).filter(|due| last.is_none_or(|last| *due > last))
    }

    /// When there is something to do next after `now`: the next text, or the end.
    #[must_use]
    pub fn next_look(&self, now: Timestamp) -> Timestamp {
        let last = self.latest_due(now).unwrap_or(self.started_at);
        (last + self.interval.duration()).min(self.ends_at)
    }

    /// Whether its end time has come.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.ends_at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seoul() -> Calendar {
        Calendar::default()
    }

    /// 2026-11-26 in Seoul, at that hour and minute.
    fn at(hour: i64, minute: i64) -> Timestamp {
        let midnight: Timestamp = "2026-11-26T00:00:00+09:00".parse().expect("a time");
        midnight + Duration::from_secs((hour * 3_600 + minute * 60).unsigned_abs())
    }

    #[test]
    fn end_times_are_read_as_clients_write_them() {
        for (text, now, end) in [
            ("10:30 PM", at(9, 0), at(22, 30)),
            ("10:30%20PM", at(9, 0), at(22, 30)),
            ("10:30+pm", at(9, 0), at(22, 30)),
            ("10:30pm", at(9, 0), at(22, 30)),
            ("12:00 AM", at(9, 0), at(24, 0)),
            ("12:05 PM", at(9, 0), at(12, 5)),
            ("9:05", at(9, 0), at(9, 5)),
            ("23:59", at(9, 0), at(23, 59)),
            // A time that is past means tomorrow, and so does this very minute.
            ("8:59 AM", at(9, 0), at(24 + 8, 59)),
            ("9:00 AM", at(9, 0), at(24 + 9, 0)),
        ] {
            let read: EndTime = text.parse().expect(text);
            assert_eq!(read.after(now, &seoul()), end, "{text}");
        }
        assert_eq!("10:30%20pm".parse::<EndTime>().expect("read").as_str(), "10:30 PM");
        for text in
            ["", "10", "10:3", "13:00 PM", "0:10 AM", "24:00", "10:60", "-1:00", "10:30 XM", "１０:30"]
        {
            assert_eq!(text.parse::<EndTime>(), Err(RequestError::End), "{text}");
        }
    }

    #[test]
    fn an_end_in_the_hour_that_spring_leaves_out_comes_after_it() {
        let berlin: Calendar = "Europe/Berlin".parse().expect("a zone");
        let now: Timestamp = "2026-03-29T00:30:00+01:00".parse().expect("a time");
        let end = "2:30".parse::<EndTime>().expect("read").after(now, &berlin);
        assert_eq!(end.to_string(), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn intervals_are_whole_seconds_of_a_day() {
        assert_eq!(" 100 ".parse::<Interval>().map(Interval::seconds), Ok(100));
        for text in ["0", "86401", "1.5", "-1", "+5", "", "ten", "99999999999"] {
            assert_eq!(text.parse::<Interval>(), Err(RequestError::Interval), "{text}");
        }
    }

    #[test]
    fn names_of_any_script_are_taken() {
        assert_eq!(" 야간반장 ".parse::<AskerName>().expect("a name").as_str(), "야간반장");
        assert_eq!("Kim".parse::<AskerName>().expect("a name").key(), "kim");
        for text in ["", "  ", "a\nb", "a\0", &"이".repeat(51)] {
            assert_eq!(text.parse::<AskerName>(), Err(RequestError::Asker), "{text}");
        }
    }

    fn request(interval_s: u32, runs_s: u64) -> NewRequest {
        NewRequest {
            asker_id: AskerId(1),
            interval: interval_s.try_into().expect("an interval"),
            started_at: at(9, 0),
            ends_at: at(9, 0) + Duration::from_secs(runs_s),
            end_text: "10:00 AM".to_owned(),
        }
    }

    #[test]
    fn texts_come_after_each_interval_until_the_end() {
        let request = request(10, 35);
        let s = |n| at(9, 0) + Duration::from_secs(n);
        assert_eq!(request.owed(None, s(9)), None);
        assert_eq!(request.owed(None, s(10)), Some(s(10)));
        assert_eq!(request.owed(Some(s(10)), s(19)), None);
        assert_eq!(
            request.owed(Some(s(10)), s(500)),
            Some(s(30)),
            "missed ones become one, and none after the end"
        );
        assert_eq!(request.owed(Some(s(30)), s(500)), None);
        assert_eq!(
            (request.next_look(s(0)), request.next_look(s(10)), request.next_look(s(31))),
            (s(10), s(20), s(35))
        );
        assert!(!request.is_over(s(34)) && request.is_over(s(35)));
        assert_eq!(request.name(&seoul()), "2026-11-26 09:00:00");
    }

    #[test]
    fn what_has_ended_does_not_end_again() {
        let ended = RequestState::Running.end(at(9, 0), EndReason::Asked).expect("ends");
        assert!(!ended.is_running());
        assert_eq!(ended.end(at(9, 1), EndReason::Time), Err(AlreadyEnded));
        for reason in EndReason::ALL {
            assert_eq!(EndReason::from_word(reason.as_str()), Some(reason));
        }
    }

    proptest! {
        #[test]
        fn each_due_is_owed_once(interval in 1u32..200, runs in 1u64..2_000, steps in prop::collection::vec(0u64..50, 1..80)) {
            let request = request(interval, runs);
            let (mut now, mut last, mut owed) = (at(9, 0), None, 0u64);
            for step in steps {
                now = now + Duration::from_secs(step);
                if let Some(due) = request.owed(last, now) {
                    prop_assert!(due <= now && due <= request.ends_at && last.is_none_or(|l| due > l));
                    last = Some(due);
                    owed += 1;
                }
                prop_assert_eq!(request.owed(last, now), None);
            }
            prop_assert!(owed <= runs / u64::from(interval));
        }

        #[test]
        fn no_end_time_panics(text in ".{0,50}") {
            let _ = text.parse::<EndTime>();
        }
    }
}
