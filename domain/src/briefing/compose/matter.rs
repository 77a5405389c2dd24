//! What there is to tell of a span of time, the worst first, without a word of any language.

use crate::Timestamp;
use crate::alerts::{AlertType, Severity};
use crate::briefing::digest::{AlertDigest, Digest, SensorDigest, excess};
use crate::briefing::name::Name;
use crate::briefing::standing::{Open, Standing};
use crate::briefing::tally::Tally;

/// Failed runs from which a high share is urgent.
const FAILED_URGENT_MIN: u64 = 3;
/// Share of failed runs that is urgent, percent.
const FAILED_URGENT_PERCENT: u64 = 20;

/// How much a matter presses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Nobody need do anything.
    Low,
    /// Somebody should look today.
    Middle,
    /// Somebody must look now.
    High,
}

/// One of several that are alike.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    pub(super) name: &'a Name,
    pub(super) since: Timestamp,
    pub(super) seq: i64,
    /// The sensor that says so, of equipment.
    pub(super) sensor: Option<&'a Name>,
    /// What a sensor has said meanwhile.
    pub(super) digest: Option<&'a SensorDigest>,
}

/// Those that are alike: new ones, and ones that last.
#[derive(Debug, Clone, Default)]
pub(super) struct Group<'a> {
    pub(super) fresh: Vec<Item<'a>>,
    pub(super) lasting: Vec<Item<'a>>,
}

/// What groups are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Equipment on which nothing may be started.
    Held,
    /// Equipment that is abnormal.
    Equipment,
    /// Parts of the program that are parked.
    Parked,
    /// Vehicles that are gone.
    Away,
    /// Sensors whose last verdict is abnormal.
    Sensor,
    /// Sensors without a window.
    Silent,
}

/// What a line is supplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Supply {
    /// Labels, by printer.
    Labels,
    /// Firmware, by station.
    Firmware,
    /// Firmware for many stations, by roll-out.
    Rollout,
}

/// Something to tell.
#[derive(Debug, Clone)]
pub(super) enum Matter<'a> {
    /// Things in a state.
    Open(Kind, Group<'a>),
    /// Vehicles that broke down.
    Broken(Vec<(&'a Name, &'a Tally)>),
    /// Runs that failed.
    Fails {
        failed: &'a Tally,
        of: Tally,
        worst: Option<(i64, &'a Tally)>,
        code: Option<(&'a Name, &'a Tally)>,
    },
    /// An alert that somebody wrote, or that no other matter covers.
    Alert(&'a AlertDigest),
    /// A day's target was missed.
    Target(&'a AlertDigest),
    /// Runs that take too long.
    Delayed(Vec<&'a AlertDigest>),
    /// Diagnosis sessions that broke off.
    Sessions(Vec<(&'a Name, &'a Tally)>),
    /// Labels or firmware that did not get where they should: printers, stations or roll-outs.
    Supply(Supply, Vec<(&'a Name, &'a Tally)>),
    /// Sensors that were abnormal for a while.
    Flicker(Vec<(&'a Name, &'a Tally)>),
    /// Verdicts that wait for a scorer.
    Unscored(&'a Tally),
    /// Parts of the program that failed and went on.
    Failures(Tally, Vec<&'a Name>),
}

impl Group<'_> {
    fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.lasting.is_empty()
    }
}

/// The number of items, with their events.
pub(super) fn tally(items: &[Item<'_>]) -> Tally {
    let mut tally = Tally::default();
    items.iter().for_each(|item| tally.add(item.seq));
    tally
}

impl Matter<'_> {
    pub(super) fn urgency(&self) -> Urgency {
        match self {
            Self::Open(Kind::Held | Kind::Equipment | Kind::Sensor, group) if !group.fresh.is_empty() => {
                Urgency::High
            }
            Self::Open(Kind::Held, _) | Self::Broken(_) => Urgency::High,
            Self::Open(..) | Self::Target(_) | Self::Delayed(_) | Self::Sessions(_) | Self::Supply(..) => {
                Urgency::Middle
            }
            Self::Fails { failed, of, .. } => {
                let many = failed.count.saturating_mul(100) >= of.count.saturating_mul(FAILED_URGENT_PERCENT);
                if many && failed.count >= FAILED_URGENT_MIN { Urgency::High } else { Urgency::Middle }
            }
            Self::Alert(alert) => match alert.severity {
                Severity::High => Urgency::High,
                Severity::Medium => Urgency::Middle,
                Severity::Low => Urgency::Low,
            },
            Self::Flicker(_) | Self::Unscored(_) | Self::Failures(..) => Urgency::Low,
        }
    }
}

/// Everything there is to tell, the worst first; of two that press alike, the one further up here.
pub(super) fn matters<'a>(before: &'a Standing, now: &'a Standing, digest: &'a Digest) -> Vec<Matter<'a>> {
    let mut found = Vec::new();
    let mut open = |kind, group: Group<'a>| {
        if !group.is_empty() {
            found.push(Matter::Open(kind, group));
        }
    };
    open(Kind::Held, equipment(before, now, true));
    open(Kind::Equipment, equipment(before, now, false));
    open(Kind::Sensor, sensors(before, now, digest));
    open(Kind::Parked, group(&before.parked, &now.parked));
    open(Kind::Away, group(&before.away, &now.away));
    if !digest.broken.is_empty() {
        found.push(Matter::Broken(digest.broken.iter().collect()));
    }
    found.extend(fails(digest));
    found.extend(alerts(digest));
    let silent = group(&before.silent, &now.silent);
    if !silent.is_empty() {
        found.push(Matter::Open(Kind::Silent, silent));
    }
    if !digest.sessions_broken.is_empty() {
        found.push(Matter::Sessions(digest.sessions_broken.iter().collect()));
    }
    for (supply, named) in [
        (Supply::Rollout, &digest.rollouts_stopped),
        (Supply::Firmware, &digest.installs_failed),
        (Supply::Labels, &digest.prints_failed),
    ] {
        if !named.is_empty() {
            found.push(Matter::Supply(supply, named.iter().collect()));
        }
    }
    found.extend(flicker(before, now, digest));
    if !digest.unscored.is_empty() {
        found.push(Matter::Unscored(&digest.unscored));
    }
    found.extend(failures(now, digest));
    found.sort_by_key(|matter| std::cmp::Reverse(matter.urgency()));
    found
}

type Opens = std::collections::BTreeMap<Name, Open>;

fn group<'a>(before: &'a Opens, now: &'a Opens) -> Group<'a> {
    let mut group = Group::default();
    for (name, open) in now {
        let item = Item { name, since: open.since, seq: open.seq, sensor: None, digest: None };
        // One that ended and began again is new.
        let lasts = before.get(name).is_some_and(|known| known.seq == open.seq);
        if lasts { group.lasting.push(item) } else { group.fresh.push(item) }
    }
    group
}

fn equipment<'a>(before: &'a Standing, now: &'a Standing, held: bool) -> Group<'a> {
    let mut group = Group::default();
    for (name, open) in now.equipment.iter().filter(|(_, open)| open.hold == held) {
        let sensor = Some(&open.sensor).filter(|sensor| !sensor.is_empty());
        let item = Item { name, since: open.since, seq: open.seq, sensor, digest: None };
        let lasts = before.equipment.get(name).is_some_and(|known| known.seq == open.seq);
        if lasts { group.lasting.push(item) } else { group.fresh.push(item) }
    }
    group
}

/// Abnormal sensors that no equipment speaks for, those furthest over their bound first.
fn sensors<'a>(before: &'a Standing, now: &'a Standing, digest: &'a Digest) -> Group<'a> {
    let mut found = group(&before.abnormal, &now.abnormal);
    let told = |item: &Item<'_>| now.equipment.values().any(|open| open.sensor == *item.name);
    for items in [&mut found.fresh, &mut found.lasting] {
        items.retain(|item| !told(item));
        items.iter_mut().for_each(|item| item.digest = digest.sensors.get(item.name));
        items.sort_by(|a, b| by_excess(b).total_cmp(&by_excess(a)));
    }
    found
}

fn by_excess(item: &Item<'_>) -> f64 {
    let worst = item.digest.and_then(|digest| digest.worst);
    worst.map_or(0.0, |(score, bound, _)| excess(score, bound))
}

fn fails(digest: &Digest) -> Option<Matter<'_>> {
    if digest.figures.failed.is_empty() {
        return None;
    }
    let most = |a: &(i64, &Tally), b: &(i64, &Tally)| a.1.count.cmp(&b.1.count).then(b.0.cmp(&a.0));
    let processes = digest.processes.iter().map(|(number, process)| (*number, &process.failed));
    let worst = processes.filter(|(_, failed)| !failed.is_empty()).max_by(most);
    let code = worst.and_then(|(number, _)| {
        let defects = digest.processes.get(&number)?.defects.iter();
        defects.max_by(|a, b| a.1.count.cmp(&b.1.count).then(b.0.cmp(a.0)))
    });
    Some(Matter::Fails { failed: &digest.figures.failed, of: digest.runs(), worst, code })
}

/// Alerts that say what no other matter says.
fn alerts(digest: &Digest) -> Vec<Matter<'_>> {
    let mut found = Vec::new();
    let mut delayed = Vec::new();
    for alert in digest.alerts.values() {
        match alert.kind {
            // Told with the runs, the equipment and the lots themselves.
            Some(AlertType::DefectDetected | AlertType::EquipmentAbnormal | AlertType::LotCompleted) => {}
            Some(AlertType::TargetNotMet) => found.push(Matter::Target(alert)),
            Some(AlertType::ProcessDelayed) => delayed.push(alert),
            Some(_) | None => found.push(Matter::Alert(alert)),
        }
    }
    if !delayed.is_empty() {
        found.push(Matter::Delayed(delayed));
    }
    found
}

fn flicker<'a>(before: &'a Standing, now: &'a Standing, digest: &'a Digest) -> Option<Matter<'a>> {
    let passed = |name: &Name| !before.abnormal.contains_key(name) && !now.abnormal.contains_key(name);
    let told = |name: &Name| now.equipment.values().any(|open| open.sensor == *name);
    let abnormal = digest
        .sensors
        .iter()
        .filter(|(name, sensor)| !sensor.abnormal.is_empty() && passed(name) && !told(name));
    let found: Vec<_> = abnormal.map(|(name, sensor)| (name, &sensor.abnormal)).collect();
    (!found.is_empty()).then_some(Matter::Flicker(found))
}

fn failures<'a>(now: &'a Standing, digest: &'a Digest) -> Option<Matter<'a>> {
    let mut tally = Tally::default();
    let mut names = Vec::new();
    for (name, failed) in digest.failures.iter().filter(|(name, _)| !now.parked.contains_key(*name)) {
        tally.merge(failed);
        names.push(name);
    }
    (!names.is_empty()).then_some(Matter::Failures(tally, names))
}

/// What was open and is not any more: names and their kind.
pub(super) fn recovered<'a>(before: &'a Standing, now: &'a Standing) -> Vec<(Kind, Vec<&'a Name>)> {
    fn gone<'a, T, U>(
        before: &'a std::collections::BTreeMap<Name, T>,
        now: &std::collections::BTreeMap<Name, U>,
    ) -> Vec<&'a Name> {
        before.keys().filter(|name| !now.contains_key(*name)).collect()
    }
    let told: Vec<&Name> = before.equipment.values().map(|open| &open.sensor).collect();
    let mut sensors = gone(&before.abnormal, &now.abnormal);
    let equipment = gone(&before.equipment, &now.equipment);
    if !equipment.is_empty() {
        sensors.retain(|name| !told.contains(name));
    }
    [
        (Kind::Equipment, equipment),
        (Kind::Sensor, sensors),
        (Kind::Parked, gone(&before.parked, &now.parked)),
        (Kind::Away, gone(&before.away, &now.away)),
        (Kind::Silent, gone(&before.silent, &now.silent)),
    ]
    .into_iter()
    .filter(|(_, names)| !names.is_empty())
    .collect()
}
