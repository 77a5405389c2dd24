//! The page that a text is written on: every number that is put on it leaves its evidence, and free text of others stands
//! behind a mark, so that nobody who rewords the text can be talked to by it.

use crate::briefing::name::Name;
use crate::briefing::tally::{Evidence, Tally};

/// Most pieces of evidence of one text.
const EVIDENCE_MAX: usize = 200;

/// A text being written.
#[derive(Debug, Default)]
pub(super) struct Page {
    sentences: Vec<String>,
    /// Where a new paragraph begins.
    breaks: Vec<usize>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) quotes: Vec<Name>,
}

impl Page {
    /// A counted number.
    pub(super) fn n(&mut self, what: &str, tally: &Tally) -> u64 {
        // That there was none rests on no event.
        if !tally.is_empty() {
            self.leave(Evidence::count(what, tally));
        }
        tally.count
    }

    /// A measured number, as it is written.
    pub(super) fn value(&mut self, what: &str, value: f64, seq: i64) -> String {
        self.leave(Evidence::value(what, value, seq));
        decimal(value)
    }

    /// A name whose digits are no number of ours: the event that names it is the evidence.
    pub(super) fn leave(&mut self, evidence: Evidence) {
        if self.evidence.len() < EVIDENCE_MAX && !self.evidence.contains(&evidence) {
            self.evidence.push(evidence);
        }
    }

    /// Free text: the mark that stands for it.
    pub(super) fn quote(&mut self, text: &Name) -> String {
        self.quotes.push(text.clone());
        mark(self.quotes.len())
    }

    pub(super) fn say(&mut self, sentence: String) {
        self.sentences.push(sentence);
    }

    /// What follows is another matter.
    pub(super) fn paragraph(&mut self) {
        self.breaks.push(self.sentences.len());
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (i, sentence) in self.sentences.iter().enumerate() {
            if i > 0 {
                text.push(if self.breaks.contains(&i) { '\n' } else { ' ' });
            }
            text.push_str(sentence);
        }
        text
    }
}

/// The mark of the `n`th free text.
pub(crate) fn mark(n: usize) -> String {
    format!("⟦{n}⟧")
}

/// A decimal number of a length that people read.
pub(super) fn decimal(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The first names, and whether there are more.
pub(super) fn names<'a>(all: impl IntoIterator<Item = &'a Name>, most: usize) -> (String, bool) {
    let mut all = all.into_iter();
    let first: Vec<&str> = all.by_ref().take(most).map(|name| &**name).collect();
    (first.join(", "), all.next().is_some())
}
