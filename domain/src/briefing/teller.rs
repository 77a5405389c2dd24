//! Who tells one listener: keeps what was told last, takes in what happens, and makes the next text of it.

use serde::{Deserialize, Serialize};

use super::compose::{Brief, Composition, compose, summarise};
use super::custom::Style;
use super::digest::{Digest, Figures};
use super::note::Note;
use super::standing::Standing;
use super::watched::Watched;
use crate::Timestamp;
use crate::production::Calendar;

/// What goes from one text to the next, and through a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Carry {
    /// What held at the end of the last text.
    pub standing: Standing,
    /// What the last text counted; none before the first.
    pub last: Option<Figures>,
    /// What all texts counted.
    pub total: Figures,
    /// How many texts there were.
    pub texts: u64,
}

/// Who tells one listener.
#[derive(Debug, Clone)]
pub struct Teller {
    carry: Carry,
    /// From when on the next text tells.
    from: Timestamp,
    now: Standing,
    digest: Digest,
    gaps: bool,
}

impl Teller {
    /// Goes on after a text that told everything until `from`.
    #[must_use]
    pub fn new(carry: Carry, from: Timestamp) -> Self {
        Self { now: carry.standing.clone(), carry, from, digest: Digest::default(), gaps: false }
    }

    /// Takes in what happened.
    pub fn take(&mut self, note: &Note) {
        self.now.take(note);
        self.digest.take(note);
    }

    /// Some of what happened is not known any more.
    pub fn missed(&mut self) {
        self.gaps = true;
    }

    fn brief<'a>(
        &'a self,
        from: Timestamp,
        until: Timestamp,
        watched: &'a Watched,
        calendar: &'a Calendar,
    ) -> Brief<'a> {
        Brief {
            from,
            until,
            before: &self.carry.standing,
            now: &self.now,
            digest: &self.digest,
            last: self.carry.last.as_ref(),
            watched,
            gaps: self.gaps,
            calendar,
        }
    }

    /// The text that tells everything until `until`.
    #[must_use]
    pub fn text(
        &self,
        until: Timestamp,
        watched: &Watched,
        calendar: &Calendar,
        style: Style,
    ) -> Composition {
        compose(&self.brief(self.from, until, watched, calendar), style)
    }

    /// Three lines over everything since `began`.
    #[must_use]
    pub fn summary(
        &self,
        began: Timestamp,
        until: Timestamp,
        watched: &Watched,
        calendar: &Calendar,
        style: Style,
    ) -> Composition {
        let mut total = self.carry.total.clone();
        total.add(&self.digest.figures);
        summarise(&self.brief(began, until, watched, calendar), &total, self.carry.texts, style)
    }

    /// What goes on once that text is sent.
    #[must_use]
    pub fn next(&self) -> Carry {
        let mut total = self.carry.total.clone();
        total.add(&self.digest.figures);
        let last = Some(self.digest.figures.clone());
        Carry { standing: self.now.clone(), last, total, texts: self.carry.texts + 1 }
    }
}
