//! The note in English.

use super::matter::{Group, Item, Kind, Matter, Urgency, tally};
use super::page::{Page, names};
use super::{Pen, Tongue, Unit};
use crate::Timestamp;
use crate::alerts::Severity;
use crate::briefing::custom::{Length, Tone};
use crate::briefing::digest::AlertDigest;
use crate::briefing::name::Name;
use crate::briefing::standing::Scene;
use crate::briefing::tally::{Evidence, Tally};
use crate::briefing::watched::WATCHED_HOURS;

/// Most classes of a scene that are told.
const CLASSES_MAX: usize = 5;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

pub(super) struct English<'a>(pub(super) Pen<'a>);

/// What a kind of thing is called, what it is when it is open, and when it is over.
struct Words {
    one: &'static str,
    many: &'static str,
    open: &'static str,
    over: &'static str,
}

fn words(kind: Kind) -> Words {
    let (one, many, open, over) = match kind {
        Kind::Held => ("equipment", "pieces of equipment", "on hold", "released"),
        Kind::Equipment => ("equipment", "pieces of equipment", "abnormal", "back to normal"),
        Kind::Parked => {
            ("the program's part", "parts of the program", "parked after repeated failures", "running again")
        }
        Kind::Away => ("vehicle", "vehicles", "out of contact", "back in contact"),
        Kind::Sensor => ("sensor", "sensors", "abnormal", "back to normal"),
        Kind::Silent => ("sensor", "sensors", "without enough readings to judge", "sending readings again"),
    };
    Words { one, many, open, over }
}

/// `1 run`, `3 runs`.
pub(super) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The name of a class as it is counted.
fn plural(n: u64, class: &str) -> String {
    match class {
        _ if n == 1 => class.to_owned(),
        "person" => "people".to_owned(),
        _ if class.ends_with(['s', 'x']) || class.ends_with("ch") => format!("{class}es"),
        _ => format!("{class}s"),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl English<'_> {
    /// The span: `in the last 10 minutes`.
    pub(super) fn span(&self) -> String {
        let (n, unit) = self.0.span();
        let unit = match unit {
            Unit::Seconds => "second",
            Unit::Minutes => "minute",
            Unit::Hours => "hour",
        };
        if n == 1 { format!("in the last {unit}") } else { format!("in the last {n} {unit}s") }
    }

    /// An instant: `09:41`, with its date when that is another one.
    pub(super) fn time(&self, at: Timestamp) -> String {
        let local = self.0.local(at);
        let clock = format!("{:02}:{:02}", local.hour(), local.minute());
        let month = MONTHS[usize::try_from(local.month() - 1).unwrap_or(0)];
        if self.0.same_date(at) { clock } else { format!("{clock} on {} {month}", local.day()) }
    }

    pub(super) fn list<'n>(&self, all: impl IntoIterator<Item = &'n Name>) -> String {
        let (first, more) = names(all, self.0.room.names);
        if more { format!("{first} and others") } else { first }
    }

    /// A request in the tone that is wanted.
    pub(super) fn please(&self, what: &str) -> String {
        match self.0.style.tone {
            Tone::Formal => format!("Please {what}."),
            Tone::Friendly => format!("Could you {what}?"),
            Tone::Plain => format!("{}.", capital(what)),
        }
    }

    fn since(&self, page: &mut Page, item: &Item<'_>) -> String {
        page.leave(Evidence::count("briefing.since", &Tally::of(item.seq)));
        format!("since {}", self.time(item.since))
    }

    fn group(&self, page: &mut Page, kind: Kind, group: &Group<'_>) -> Vec<String> {
        let words = words(kind);
        let one = capital(words.one);
        let mut sentences = Vec::new();
        match group.fresh.as_slice() {
            [] => {}
            [item] => {
                let since = self.since(page, item);
                sentences.push(format!("{one} {} has been {} {since}.", item.name, words.open));
            }
            many => {
                let n = page.n("briefing.begun", &tally(many));
                let listed = self.list(many.iter().map(|item| item.name));
                sentences.push(format!("{n} {} are newly {}: {listed}.", words.many, words.open));
            }
        }
        match group.lasting.as_slice() {
            [] => {}
            [item] => {
                let since = self.since(page, item);
                sentences.push(format!("{one} {} is still {}, {since}.", item.name, words.open));
            }
            many => {
                let n = page.n("briefing.lasting", &tally(many));
                let listed = self.list(many.iter().map(|item| item.name));
                sentences.push(format!("{n} {} are still {}: {listed}.", words.many, words.open));
            }
        }
        match kind {
            Kind::Held | Kind::Equipment => {
                let sensor = group.fresh.first().and_then(|item| item.sensor);
                sentences.extend(sensor.map(|sensor| format!("Sensor {sensor} reported it.")));
            }
            Kind::Sensor => sentences.extend(self.worst(page, group)),
            Kind::Parked | Kind::Away | Kind::Silent => {}
        }
        sentences
    }

    fn worst(&self, page: &mut Page, group: &Group<'_>) -> Option<String> {
        let item = group.fresh.first().or(group.lasting.first())?;
        let digest = item.digest?;
        let alone = group.fresh.len() + group.lasting.len() == 1;
        let who = if alone { "Its".to_owned() } else { format!("The worst is {}: its", item.name) };
        if let Some((score, bound, seq)) = digest.worst {
            let (score, bound) =
                (page.value("sensing.score", score, seq), page.value("sensing.threshold", bound, seq));
            return Some(format!("{who} score reached {score} against a threshold of {bound}."));
        }
        let (bound, seq) = digest.crossed?;
        let bound = page.value("sensing.threshold", bound, seq);
        Some(format!("{who} value crossed the bound of {bound}."))
    }

    fn before(&self, page: &mut Page, what: &str, last: Option<&Tally>, now: u64) -> String {
        match last.filter(|last| self.0.room.compares && last.count != now) {
            Some(last) => format!(" ({} the time before)", page.n(what, last)),
            None => String::new(),
        }
    }

    fn fails(&self, page: &mut Page, matter: &Matter<'_>) -> Vec<String> {
        let Matter::Fails { failed, of, worst, code } = matter else { return Vec::new() };
        let n = page.n("production.failed", failed);
        let last = self.0.brief.last.map(|last| &last.failed);
        let before = self.before(page, "production.failed", last, n);
        let of = page.n("production.runs", of);
        let mut sentences = vec![match (of > n, n) {
            (true, _) => format!("{n} of {} failed{before}.", counted(of, "run", "runs")),
            (false, 1) => format!("The only run failed{before}."),
            (false, _) => format!("All {n} runs failed{before}."),
        }];
        if let Some((process, failed)) = worst {
            let m = page.n("production.failed_at", failed);
            let at = if m == n {
                format!("{} at process {process}", if n == 1 { "It was" } else { "All were" })
            } else {
                format!("Most were at process {process} ({m})")
            };
            let code = code.map(|(code, tally)| {
                format!(", mainly for defect {code} ({})", page.n("production.defect", tally))
            });
            sentences.push(format!("{at}{}.", code.unwrap_or_default()));
        }
        let scrapped = &self.0.brief.digest.figures.scrapped;
        if !scrapped.is_empty() {
            let m = page.n("production.scrapped", scrapped);
            sentences.push(format!("{} scrapped.", counted(m, "unit was", "units were")));
        }
        sentences
    }

    fn alert(&self, page: &mut Page, alert: &AlertDigest) -> Vec<String> {
        let title = page.quote(&alert.title);
        let times = page.n("alerts.raised", &alert.raised);
        let what = if alert.severity == Severity::High { "urgent alert" } else { "alert" };
        let mut sentences = vec![if times > 1 {
            format!("The {what} {title} was raised {times} times.")
        } else {
            format!("There is the {what} {title}.")
        }];
        if !alert.message.is_empty() {
            sentences.push(format!("It says {}.", page.quote(&alert.message)));
        }
        sentences
    }

    fn scene_words(&self, page: &mut Page, scene: &Scene) -> String {
        let mut counts: Vec<_> = scene.counts.iter().filter(|(_, n)| **n > 0).collect();
        counts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let told: Vec<String> = counts
            .into_iter()
            .take(CLASSES_MAX)
            .map(|(class, n)| {
                page.leave(Evidence::value(&format!("observation.{class}"), *n as f64, scene.seq));
                format!("{n} {}", plural(*n, class))
            })
            .collect();
        joined(&told)
    }

    /// `24 sensors and 3 processes`.
    pub(super) fn watched(&self, page: &mut Page) -> String {
        let watched = self.0.brief.watched;
        let kinds = [
            ("sensing.watched", &watched.sensors, "sensor", "sensors"),
            ("production.watched", &watched.processes, "process", "processes"),
            ("fleet.watched", &watched.vehicles, "vehicle", "vehicles"),
            ("observation.watched", &watched.sources, "camera", "cameras"),
        ];
        let told: Vec<String> = kinds
            .into_iter()
            .filter(|(_, tally, ..)| !tally.is_empty())
            .map(|(what, tally, one, many)| counted(page.n(what, tally), one, many))
            .collect();
        joined(&told)
    }

    fn by_process(&self, page: &mut Page) -> Option<String> {
        let processes = &self.0.brief.digest.processes;
        if processes.len() < 2 {
            return None;
        }
        let told: Vec<String> = processes
            .iter()
            .take(self.0.room.names)
            .map(|(number, process)| {
                let passed = page.n("production.passed_at", &process.passed);
                let failed = &process.failed;
                let bad = if failed.is_empty() {
                    String::new()
                } else {
                    format!(", {} failed", page.n("production.failed_at", failed))
                };
                format!("process {number}: {passed} passed{bad}")
            })
            .collect();
        Some(format!("By process: {}.", told.join("; ")))
    }
}

impl Tongue for English<'_> {
    fn calm(&self, page: &mut Page) -> Vec<String> {
        let brief = &self.0.brief;
        let watched = self.watched(page);
        if watched.is_empty() {
            return vec![
                "There is nothing to watch yet.".to_owned(),
                format!(
                    "No sensor, process, vehicle or camera has reported in the last {WATCHED_HOURS} hours."
                ),
                self.please("check that they are connected"),
            ];
        }
        if self.0.style.length == Length::Sentence {
            return vec![format!("All is well with {watched}.")];
        }
        let alone = brief.watched.count() == 1;
        let (are, were) = if alone { ("is", "was") } else { ("are", "were") };
        let mut sentences = vec!["All is well.".to_owned()];
        let verdicts = &brief.digest.figures.verdicts;
        let span = self.span();
        if !verdicts.is_empty() {
            let n = page.n("sensing.verdicts", verdicts);
            let normal = if n == 1 {
                format!("The one verdict {span} is normal; {watched} {are} being watched.")
            } else {
                format!("All {n} verdicts {span} are normal; {watched} {are} being watched.")
            };
            sentences.push(normal);
        } else if !brief.digest.has_news() {
            sentences.push(format!("Nothing new came in {span}; {watched} {are} being watched."));
        } else {
            sentences.push(format!("{} {watched} {were} watched.", capital(&span)));
        }
        sentences
    }

    fn lead(&self, matters: usize, worst: Urgency) -> String {
        match worst {
            Urgency::High => format!("{matters} matters need attention, the first of them now."),
            Urgency::Middle => format!("{matters} matters need a look today."),
            Urgency::Low => "There is nothing serious.".to_owned(),
        }
    }

    fn matter(&self, page: &mut Page, matter: &Matter<'_>) -> Vec<String> {
        match matter {
            Matter::Open(kind, group) => self.group(page, *kind, group),
            Matter::Fails { .. } => self.fails(page, matter),
            Matter::Alert(alert) => self.alert(page, alert),
            Matter::Target(alert) => {
                page.leave(Evidence::count("alerts.raised", &alert.raised));
                let (about, message) = (page.quote(&alert.about()), page.quote(&alert.message));
                vec![
                    "A day's target was missed.".to_owned(),
                    format!("It is that of {about}; made were {message}."),
                ]
            }
            Matter::Delayed(alerts) => {
                let mut all = Tally::default();
                alerts.iter().for_each(|alert| all.merge(&alert.raised));
                let n = page.n("alerts.delayed", &all);
                let mut sentences =
                    vec![format!("{} longer than planned.", counted(n, "run takes", "runs take"))];
                if let Some(first) = alerts.first() {
                    sentences.push(format!("The first is {}.", page.quote(&first.about())));
                }
                sentences
            }
            Matter::Broken(named) => {
                named.iter().for_each(|(_, tally)| page.leave(Evidence::count("fleet.broken", tally)));
                let listed = self.list(named.iter().map(|(name, _)| *name));
                vec![format!(
                    "{} {listed} broke down.",
                    if named.len() == 1 { "Vehicle" } else { "Vehicles" }
                )]
            }
            Matter::Sessions(named) => {
                named.iter().for_each(|(_, tally)| page.leave(Evidence::count("diagnosis.broken", tally)));
                let listed = self.list(named.iter().map(|(name, _)| *name));
                let noun = if named.len() == 1 { "session" } else { "sessions" };
                vec![format!("Diagnosis {noun} {listed} broke off.")]
            }
            Matter::Supply(supply, named) => vec![self.supply(page, *supply, named)],
            Matter::Flicker(named) => {
                let mut all = Tally::default();
                named.iter().for_each(|(_, tally)| all.merge(tally));
                let n = page.n("sensing.abnormal", &all);
                let listed = self.list(named.iter().map(|(name, _)| *name));
                let (noun, verb) = if named.len() == 1 { ("Sensor", "is") } else { ("Sensors", "are") };
                let verdicts = counted(n, "abnormal verdict", "abnormal verdicts");
                vec![format!("{noun} {listed} had {verdicts} and {verb} normal again.")]
            }
            Matter::Unscored(tally) => {
                let n = page.n("sensing.unscored", tally);
                vec![format!("{} for a scorer.", counted(n, "verdict waits", "verdicts wait"))]
            }
            Matter::Failures(tally, parts) => {
                let n = page.n("system.failed", tally);
                let listed = self.list(parts.iter().copied());
                vec![format!(
                    "The program recovered from {} by itself: {listed}.",
                    counted(n, "failure", "failures")
                )]
            }
        }
    }

    fn more(&self, matters: usize) -> String {
        format!(
            "Besides these there {} more.",
            if matters == 1 { "is 1".to_owned() } else { format!("are {matters}") }
        )
    }

    fn and_more(&self, sentence: &str, matters: usize) -> String {
        format!("{} (and {matters} more).", sentence.trim_end_matches('.'))
    }

    fn recovered(&self, kind: Kind, names: &[&Name]) -> String {
        let words = words(kind);
        let listed = self.list(names.iter().copied());
        match names.len() {
            1 => format!("{} {listed} is {}.", capital(words.one), words.over),
            _ => format!("These {} are {}: {listed}.", words.many, words.over),
        }
    }

    fn progress(&self, page: &mut Page) -> Vec<String> {
        let digest = self.0.brief.digest;
        let figures = &digest.figures;
        let mut sentences = Vec::new();
        if !figures.passed.is_empty() && figures.failed.is_empty() {
            let n = page.n("production.passed", &figures.passed);
            let last = self.0.brief.last.map(|last| &last.passed);
            let before = self.before(page, "production.passed", last, n);
            sentences.push(if n == 1 {
                format!("The one run that ended passed{before}.")
            } else {
                format!("All {n} runs passed{before}.")
            });
        }
        if !figures.units.is_empty() {
            let n = page.n("production.units", &figures.units);
            sentences.push(format!("{} the whole line.", counted(n, "unit passed", "units passed")));
        }
        if !figures.lots.is_empty() {
            let n = page.n("production.lots", &figures.lots);
            let listed = self.list(digest.lots_done.keys());
            sentences.push(if n == 1 {
                format!("Lot {listed} is finished.")
            } else {
                format!("{n} lots are finished: {listed}.")
            });
        }
        if !digest.caught.is_empty() {
            let n = page.n("fleet.caught", &digest.caught);
            sentences.push(format!("{} ended.", counted(n, "chase", "chases")));
        }
        if !figures.sessions.is_empty() {
            let n = page.n("diagnosis.done", &figures.sessions);
            sentences.push(format!(
                "{} completed.",
                counted(n, "diagnosis session was", "diagnosis sessions were")
            ));
        }
        sentences.extend(self.supplied(page));
        if self.0.style.length == Length::Long {
            sentences.extend(self.by_process(page));
        }
        sentences
    }

    fn scene(&self, page: &mut Page, source: &Name) -> Vec<String> {
        let brief = &self.0.brief;
        let Some(scene) = brief.now.scenes.get(source) else { return Vec::new() };
        let now = self.scene_words(page, scene);
        let mut sentences = Vec::new();
        if now.is_empty() {
            sentences.push(format!("Camera {source} sees nothing now."));
        } else {
            let known = brief.before.scenes.get(source).filter(|known| known.counts != scene.counts);
            let was = known.filter(|_| self.0.room.compares).map(|known| self.scene_words(page, known));
            let was =
                was.filter(|was| !was.is_empty()).map_or_else(String::new, |was| format!(", after {was}"));
            sentences.push(format!("Camera {source} sees {now}{was}."));
        }
        let digest = brief.digest.sources.get(source);
        if let Some(caption) = digest.and_then(|d| d.caption.as_ref()).filter(|_| self.0.room.captions) {
            sentences.push(format!("Its own words: {}.", page.quote(caption)));
        }
        sentences
    }

    fn advice(&self, matter: &Matter<'_>) -> Option<String> {
        let first =
            |group: &Group<'_>| group.fresh.first().or(group.lasting.first()).map(|item| item.name.clone());
        Some(match matter {
            Matter::Open(kind, group) => {
                let name = first(group)?;
                self.please(&match kind {
                    Kind::Held => format!("inspect {name} and acknowledge it before work starts there again"),
                    Kind::Equipment => format!("inspect {name} first"),
                    Kind::Sensor => format!("have a look at {name} on site"),
                    Kind::Parked => format!("look up on the system page why {name} fails"),
                    Kind::Away => format!("check power and link of vehicle {name}"),
                    Kind::Silent => format!("check power and link of {name}"),
                })
            }
            Matter::Broken(named) => self.please(&format!("see to vehicle {}", named.first()?.0)),
            Matter::Fails { worst, .. } => self.please(&format!("check process {} first", worst.as_ref()?.0)),
            Matter::Alert(alert) if alert.severity == Severity::Low => return None,
            Matter::Alert(_) => self.please("see to the alert"),
            Matter::Target(_) => self.please("decide when the missing units are made"),
            Matter::Delayed(_) => self.please("ask at the stations what holds the late runs up"),
            Matter::Sessions(_) => self.please("decide whether to repeat the diagnosis"),
            Matter::Supply(supply, named) => self.see_to_supply(*supply, named.first()?.0),
            Matter::Flicker(_) | Matter::Unscored(_) | Matter::Failures(..) => return None,
        })
    }

    fn gaps(&self) -> String {
        "Some of this time's records are gone, so this covers what is left.".to_owned()
    }
}
