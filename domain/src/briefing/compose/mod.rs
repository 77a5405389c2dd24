//! The composer: makes a shift leader's note of what happened. It needs no network and no chance: the same events give the
//! same text, and every number in it leaves the events that it rests on.
//!
//! The worst comes first, then what has become better, what was made, what cameras see, and what to do.

mod en;
mod ko;
mod matter;
mod page;
mod summary;
mod supply;

use std::time::Duration;

use jiff::civil::DateTime;

use super::custom::{Language, Length, Style};
use super::digest::{Digest, Figures};
use super::name::Name;
use super::standing::Standing;
use super::tally::Evidence;
use super::watched::Watched;
use crate::Timestamp;
use crate::production::Calendar;
use matter::{Kind, Matter, Urgency};
use page::Page;

pub(super) use page::mark;
pub use summary::{SUMMARY_LINES, summarise};

/// What a text is made of.
#[derive(Debug, Clone, Copy)]
pub struct Brief<'a> {
    /// The instant from which on it tells.
    pub from: Timestamp,
    /// The instant until which it tells.
    pub until: Timestamp,
    /// What held at its beginning.
    pub before: &'a Standing,
    /// What holds at its end.
    pub now: &'a Standing,
    /// What happened.
    pub digest: &'a Digest,
    /// What was counted in the span before, if there is one.
    pub last: Option<&'a Figures>,
    /// How much is watched.
    pub watched: &'a Watched,
    /// Whether events of the span are gone from the journal, or were too many to look at.
    pub gaps: bool,
    /// The plant's clocks.
    pub calendar: &'a Calendar,
}

/// A text with what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Composition {
    /// The text with marks where others' words belong.
    pub(super) draft: String,
    /// Others' words.
    pub(super) quotes: Vec<Name>,
    /// Names that no rewording may leave out: what is worst.
    pub(super) musts: Vec<Name>,
    /// In which language it is.
    pub language: Language,
    /// Whether all is well.
    pub calm: bool,
    /// What its numbers rest on.
    pub evidence: Vec<Evidence>,
}

impl Composition {
    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        self.fill(&self.draft)
    }

    /// Puts others' words where their marks are.
    pub(super) fn fill(&self, draft: &str) -> String {
        let (open, close) = match self.language {
            Language::Ko => ("「", "」"),
            Language::En => ("“", "”"),
        };
        let mut text = draft.to_owned();
        for (i, quote) in self.quotes.iter().enumerate() {
            text = text.replace(&mark(i + 1), &format!("{open}{quote}{close}"));
        }
        text
    }
}

/// How much a text of a length says.
#[derive(Debug, Clone, Copy)]
struct Room {
    matters: usize,
    details: bool,
    advice: usize,
    names: usize,
    scenes: usize,
    compares: bool,
    captions: bool,
}

impl Room {
    fn of(length: Length) -> Self {
        let (details, compares, captions) = (true, true, true);
        match length {
            Length::Sentence => Self {
                matters: 1,
                details: false,
                advice: 0,
                names: 2,
                scenes: 0,
                compares: false,
                captions: false,
            },
            Length::Short => {
                Self { matters: 2, details: false, advice: 1, names: 3, scenes: 1, compares, captions: false }
            }
            Length::Usual => Self { matters: 4, details, advice: 2, names: 3, scenes: 3, compares, captions },
            Length::Long => {
                Self { matters: 12, details, advice: 5, names: 10, scenes: 10, compares, captions }
            }
        }
    }
}

/// What a language must know how to say.
trait Tongue {
    /// All is well, and how much was watched.
    fn calm(&self, page: &mut Page) -> Vec<String>;
    /// That there are several matters.
    fn lead(&self, matters: usize, worst: Urgency) -> String;
    /// A matter: its sentence first, then its details.
    fn matter(&self, page: &mut Page, matter: &Matter<'_>) -> Vec<String>;
    /// That there are more matters than were told.
    fn more(&self, matters: usize) -> String;
    /// The same, within a sentence.
    fn and_more(&self, sentence: &str, matters: usize) -> String;
    /// What has become well again.
    fn recovered(&self, kind: Kind, names: &[&Name]) -> String;
    /// What was made.
    fn progress(&self, page: &mut Page) -> Vec<String>;
    /// What a source sees.
    fn scene(&self, page: &mut Page, source: &Name) -> Vec<String>;
    /// What is to be done about a matter.
    fn advice(&self, matter: &Matter<'_>) -> Option<String>;
    /// That events are missing.
    fn gaps(&self) -> String;
}

/// What both languages write from.
#[derive(Clone, Copy)]
struct Pen<'a> {
    brief: Brief<'a>,
    style: Style,
    room: Room,
}

impl Pen<'_> {
    fn local(&self, at: Timestamp) -> DateTime {
        self.brief.calendar.local(at)
    }

    /// Whether both instants lie on one date.
    fn same_date(&self, at: Timestamp) -> bool {
        self.brief.calendar.date(at) == self.brief.calendar.date(self.brief.until)
    }

    /// The span in the largest unit that fits: number and unit.
    fn span(&self) -> (u64, Unit) {
        let span: Duration = self.brief.until.since(self.brief.from);
        let seconds = (span.as_secs_f64().round() as u64).max(1);
        match seconds {
            s if s >= 7_200 => ((s + 1_800) / 3_600, Unit::Hours),
            s if s >= 120 => ((s + 30) / 60, Unit::Minutes),
            s => (s, Unit::Seconds),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Minutes,
    Hours,
}

/// Makes the text.
#[must_use]
pub fn compose(brief: &Brief<'_>, style: Style) -> Composition {
    let pen = Pen { brief: *brief, style, room: Room::of(style.length) };
    match style.language {
        Language::Ko => write(&pen, &ko::Korean(pen)),
        Language::En => write(&pen, &en::English(pen)),
    }
}

fn write(pen: &Pen<'_>, tongue: &impl Tongue) -> Composition {
    let brief = &pen.brief;
    let matters = matter::matters(brief.before, brief.now, brief.digest);
    let mut page = Page::default();
    let told = &matters[..matters.len().min(pen.room.matters)];
    let more = matters.len() - told.len();
    if pen.style.length == Length::Sentence {
        one_sentence(tongue, &mut page, &matters, more);
    } else {
        if brief.gaps {
            page.say(tongue.gaps());
        }
        tell_matters(pen, tongue, &mut page, &matters, told, more);
        tell_rest(pen, tongue, &mut page);
        tell_advice(pen, tongue, &mut page, told);
    }
    let musts = told.iter().filter_map(must).collect();
    let draft = page.text();
    Composition {
        draft,
        quotes: page.quotes,
        musts,
        language: pen.style.language,
        calm: matters.is_empty(),
        evidence: page.evidence,
    }
}

fn one_sentence(tongue: &impl Tongue, page: &mut Page, matters: &[Matter<'_>], more: usize) {
    let sentence = match matters.first() {
        Some(worst) => tongue.matter(page, worst).into_iter().next().unwrap_or_default(),
        None => tongue.calm(page).into_iter().next().unwrap_or_default(),
    };
    let sentence = if more > 0 { tongue.and_more(&sentence, more) } else { sentence };
    page.say(sentence);
}

fn tell_matters(
    pen: &Pen<'_>,
    tongue: &impl Tongue,
    page: &mut Page,
    matters: &[Matter<'_>],
    told: &[Matter<'_>],
    more: usize,
) {
    let Some(worst) = matters.first() else {
        let sentences = tongue.calm(page);
        return sentences.into_iter().for_each(|sentence| page.say(sentence));
    };
    if matters.len() > 1 || worst.urgency() == Urgency::Low {
        page.say(tongue.lead(matters.len(), worst.urgency()));
    }
    for matter in told {
        let sentences = tongue.matter(page, matter);
        let kept = if pen.room.details { usize::MAX } else { 1 };
        // A group has a sentence for what is new and one for what lasts: both are the matter itself.
        let own = if matches!(matter, Matter::Open(..)) { 2 } else { 1 };
        sentences.into_iter().take(kept.max(own)).for_each(|sentence| page.say(sentence));
    }
    if more > 0 {
        page.say(tongue.more(more));
    }
}

fn tell_rest(pen: &Pen<'_>, tongue: &impl Tongue, page: &mut Page) {
    page.paragraph();
    for (kind, names) in matter::recovered(pen.brief.before, pen.brief.now) {
        let sentence = tongue.recovered(kind, &names);
        page.say(sentence);
    }
    let sentences = tongue.progress(page);
    sentences.into_iter().for_each(|sentence| page.say(sentence));
    for source in pen.brief.digest.sources.keys().take(pen.room.scenes) {
        let sentences = tongue.scene(page, source);
        sentences.into_iter().for_each(|sentence| page.say(sentence));
    }
}

fn tell_advice(pen: &Pen<'_>, tongue: &impl Tongue, page: &mut Page, told: &[Matter<'_>]) {
    page.paragraph();
    let advice = told.iter().filter_map(|matter| tongue.advice(matter)).take(pen.room.advice);
    for sentence in advice {
        page.say(sentence);
    }
}

/// The name that a rewording must keep, of a matter that presses.
fn must(matter: &Matter<'_>) -> Option<Name> {
    if matter.urgency() == Urgency::Low {
        return None;
    }
    match matter {
        Matter::Open(_, group) => group.fresh.first().or(group.lasting.first()).map(|item| item.name.clone()),
        Matter::Broken(named) | Matter::Sessions(named) | Matter::Supply(_, named) => {
            named.first().map(|(name, _)| (*name).clone())
        }
        Matter::Fails { failed, .. } => Some(Name::from(failed.count.to_string())),
        _ => None,
    }
}

#[cfg(test)]
#[path = "scenario_tests.rs"]
mod tests;
