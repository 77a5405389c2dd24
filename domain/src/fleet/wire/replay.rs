//! Version 2's defence against replays: which stamps are taken, and which are given.
//!
//! A vehicle registers in session 0, whose counter rises over the vehicle's whole life (seconds since 1970 will do, or a count of
//! starts). The answer names a new session. In it both sides count from 1, each for itself. Sessions only rise, so that
//! frames of an old session are never taken again, not even after the plant was restarted.

use serde::{Deserialize, Serialize};

use super::Stamp;

/// The session in which registrations are sent.
pub const REGISTERING: u32 = 0;

/// Why a stamp is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Replay {
    /// No session is open: the vehicle must register, and is told so with a NACK.
    #[error("no session is open")]
    NoSession,
    /// The frame is of a session that is over or never was.
    #[error("session {got} is not the open one, {open}")]
    OtherSession {
        /// The session that is open.
        open: u32,
        /// The frame's.
        got: u32,
    },
    /// The counter did not rise: the frame is a copy, or came too late.
    #[error("counter {got} does not rise above {last}")]
    NotRising {
        /// The highest counter taken so far.
        last: u32,
        /// The frame's.
        got: u32,
    },
    /// No number is left for another session.
    #[error("no session number is left")]
    Exhausted,
}

/// What the plant knows of one vehicle's stamps. Kept across restarts, as the two numbers that it serialises to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Guard {
    /// Counter of the last registration taken; 0 for none.
    registered: u32,
    /// The last session given out; 0 for none.
    session: u32,
    /// Not kept: a frame between the last commit and a crash could come again, so a restart opens no session.
    #[serde(skip)]
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Closed,
    Open {
        /// Highest counter taken in the open session.
        last: u32,
    },
}

impl Guard {
    /// Takes a registration and opens the next session, which is returned too.
    ///
    /// # Errors
    /// When the stamp is not of session 0, is no newer than the last one, or no session is left.
    pub fn register(self, stamp: Stamp) -> Result<(Self, u32), Replay> {
        if stamp.session != REGISTERING {
            return Err(Replay::OtherSession { open: REGISTERING, got: stamp.session });
        }
        rising(self.registered, stamp.counter)?;
        let session = self.session.checked_add(1).ok_or(Replay::Exhausted)?;
        let guard = Self { registered: stamp.counter, session, state: State::Open { last: 0 } };
        Ok((guard, session))
    }

    /// Takes the stamp of any other frame.
    ///
    /// # Errors
    /// When no session is open, the frame is of another one, or its counter does not rise.
    pub fn accept(self, stamp: Stamp) -> Result<Self, Replay> {
        let State::Open { last } = self.state else { return Err(Replay::NoSession) };
        if stamp.session != self.session {
            return Err(Replay::OtherSession { open: self.session, got: stamp.session });
        }
        rising(last, stamp.counter)?;
        Ok(Self { state: State::Open { last: stamp.counter }, ..self })
    }

    /// The open session.
    #[must_use]
    pub fn open_session(&self) -> Option<u32> {
        matches!(self.state, State::Open { .. }).then_some(self.session)
    }
}

fn rising(last: u32, got: u32) -> Result<(), Replay> {
    if got > last { Ok(()) } else { Err(Replay::NotRising { last, got }) }
}

/// The stamps of one sender in one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbox {
    session: u32,
    last: u32,
}

impl Outbox {
    /// The first stamp will be counter 1 of `session`.
    #[must_use]
    pub fn new(session: u32) -> Self {
        Self { session, last: 0 }
    }

    /// The next stamp; `None` when the session has no counter left and the vehicle must register again.
    pub fn next_stamp(&mut self) -> Option<Stamp> {
        self.last = self.last.checked_add(1)?;
        Some(Stamp { session: self.session, counter: self.last })
    }

    /// The stamp of an answer outside any session (a registration response, or a NACK where no session is open): it repeats the
    /// question's counter, so that the vehicle knows that this is no recording of an earlier answer.
    #[must_use]
    pub fn answer(question: Stamp) -> Stamp {
        Stamp { session: REGISTERING, counter: question.counter }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn stamp(session: u32, counter: u32) -> Stamp {
        Stamp { session, counter }
    }

    #[test]
    fn a_vehicles_life() {
        let guard = Guard::default();
        assert_eq!(guard.accept(stamp(0, 1)), Err(Replay::NoSession));
        let (guard, session) = guard.register(stamp(0, 100)).expect("first");
        assert_eq!((session, guard.open_session()), (1, Some(1)));
        let guard = guard.accept(stamp(1, 1)).expect("counts from 1");
        let guard = guard.accept(stamp(1, 5)).expect("gaps are losses, not attacks");
        assert_eq!(guard.accept(stamp(1, 5)), Err(Replay::NotRising { last: 5, got: 5 }));
        assert_eq!(guard.accept(stamp(1, 4)), Err(Replay::NotRising { last: 5, got: 4 }));
        assert_eq!(guard.register(stamp(0, 100)), Err(Replay::NotRising { last: 100, got: 100 }));
        let (guard, session) = guard.register(stamp(0, 101)).expect("restarted");
        assert_eq!(session, 2);
        assert_eq!(guard.accept(stamp(1, 6)), Err(Replay::OtherSession { open: 2, got: 1 }));
        assert_eq!(guard.register(stamp(2, 102)), Err(Replay::OtherSession { open: 0, got: 2 }));
    }

    #[test]
    fn a_restart_of_the_plant_keeps_what_forbids_replays() {
        let (guard, _) = Guard::default().register(stamp(0, 7)).expect("first");
        let json = serde_json::to_string(&guard.accept(stamp(1, 3)).expect("one")).expect("json");
        assert_eq!(json, r#"{"registered":7,"session":1}"#);
        let back: Guard = serde_json::from_str(&json).expect("back");
        assert_eq!(back.accept(stamp(1, 4)), Err(Replay::NoSession));
        assert!(back.register(stamp(0, 7)).is_err());
        assert_eq!(back.register(stamp(0, 8)).expect("newer").1, 2);
    }

    #[test]
    fn numbers_run_out_loudly() {
        let mut out = Outbox { session: 1, last: u32::MAX - 1 };
        assert_eq!(out.next_stamp(), Some(stamp(1, u32::MAX)));
        assert_eq!(out.next_stamp(), None);
        let full: Guard = serde_json::from_str(r#"{"registered":1,"session":4294967295}"#).expect("json");
        assert_eq!(full.register(stamp(0, 2)), Err(Replay::Exhausted));
    }

    proptest! {
        #[test]
        fn nothing_is_taken_twice(frames in prop::collection::vec((any::<bool>(), 0u32..6, 0u32..12), 0..200)) {
            let (mut guard, mut taken) = (Guard::default(), HashSet::new());
            for (registers, session, counter) in frames {
                let stamp = stamp(session, counter);
                let next = if registers { guard.register(stamp).map(|(g, _)| g) } else { guard.accept(stamp) };
                if let Ok(next) = next {
                    prop_assert!(taken.insert((registers, session, counter)));
                    guard = next;
                }
            }
        }
    }
}
