//! Consequences of what sensors say: abnormal verdicts open an alert on the equipment, hold it if the rule says so, and mark
//! the runs that were made meanwhile. One event id links all of it.
//!
//! Owned by `production`. Reads verdicts from the journal, from where it left off: the place is stored together with what
//! follows, so that no verdict is missed and nothing is done twice, whenever the plant stops. What a verdict means is
//! decided by the domain from the sensor's stored results, not from memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::production::{
    AbnormalSpan, Consequence, Equipment, Sighting, WINDOW_MAX, decide_consequence,
};
use nightshift_domain::sensing::{ResultRecord, SensorId, Verdict};
use nightshift_domain::{Event, NewEvent, Timestamp};
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_store::production as store;
use nightshift_store::sensing::{ResultQuery, results_list};
use nightshift_store::{Slice, StoreError, Tx, system};
use serde_json::json;

use super::shared::{BACKGROUND_WRITE, Shared};
use crate::sensing::SensingShared;
use crate::writer::WriteError;

/// Kind of the events that are read.
const VERDICT_KIND: &str = "sensing.verdict";
/// Where the place in the journal is kept.
const PLACE_SETTING: &str = "production.verdicts_read";
/// Verdicts read at once.
const PAGE: u32 = 500;
/// Pages read in one look; the rest is the next look's work.
const PAGES_MAX: usize = 20;
/// Events after which the place is stored although nothing followed.
const PLACE_EVERY: i64 = 1_000;
/// Equipment of one line that a sensor of the whole line stands for.
const LINE_EQUIPMENT_MAX: u32 = 500;
/// Sensors of one piece of equipment that are looked at before it counts as normal again.
const SENSORS_MAX: usize = 200;
/// Registered sensors looked through at once.
const ROSTER_PAGE: usize = 1_024;

/// What the sentry takes.
pub(super) enum SentryMessage {
    Look,
}

/// The actor.
pub(super) struct Sentry {
    shared: Arc<Shared>,
    sensing: Arc<SensingShared>,
    /// The last event that was read; read from the store with the first look.
    place: Option<i64>,
    /// The place that is stored.
    stored: i64,
}

/// What follows from a page of verdicts.
#[derive(Default)]
struct Follows {
    begun: Vec<(Equipment, Consequence)>,
    ended: Vec<(Equipment, AbnormalSpan)>,
}

impl Sentry {
    pub(super) fn new(shared: Arc<Shared>, sensing: Arc<SensingShared>) -> Self {
        Self { shared, sensing, place: None, stored: 0 }
    }

    /// Reads what was journalled since the last look, and does what follows.
    pub(super) async fn look(&mut self, now: Timestamp) -> Result<(), WriteError> {
        for _ in 0..PAGES_MAX {
            let after = self.place().await?;
            // The end is asked for first: what comes meanwhile is read with the next look.
            let (_, newest) = system::events_bounds(&self.shared.db).await?;
            let newest = newest.unwrap_or(0);
            if newest <= after {
                return Ok(());
            }
            let page = system::events_after(&self.shared.db, after, Some(VERDICT_KIND), PAGE).await?;
            let full = page.len() == PAGE as usize;
            let last = page.last().map_or(newest, |event| event.seq);
            let reached = if full { last } else { newest.max(last) };
            let follows = self.follow(&page, now).await?;
            self.keep(follows, reached, now).await?;
            if !full {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Where to read on. A plant that has never looked starts now: what is past has no consequences any more.
    async fn place(&mut self) -> Result<i64, StoreError> {
        if let Some(place) = self.place {
            return Ok(place);
        }
        let kept: Option<i64> = system::setting_get(&self.shared.db, PLACE_SETTING).await?;
        let (_, newest) = system::events_bounds(&self.shared.db).await?;
        let newest = newest.unwrap_or(0);
        // A place beyond the end belongs to another journal.
        let place = kept.filter(|place| *place <= newest).unwrap_or(newest);
        (self.place, self.stored) = (Some(place), kept.unwrap_or(-PLACE_EVERY));
        Ok(place)
    }

    /// What the verdicts of a page lead to. Each sensor is looked at once, with everything that is stored of it by now.
    async fn follow(&self, page: &[Event], now: Timestamp) -> Result<Follows, StoreError> {
        let mut sensors: BTreeMap<SensorId, bool> = BTreeMap::new();
        for event in page {
            let Ok(id) = event.event.subject.parse::<SensorId>() else { continue };
            let abnormal = event.event.data["verdict"] == Verdict::Abnormal.as_str();
            *sensors.entry(id).or_default() |= abnormal;
        }
        let mut follows = Follows::default();
        for (id, abnormal) in sensors {
            for (equipment, line) in self.equipment_of(&id).await? {
                if follows.begun.iter().any(|(known, _)| known.id == equipment.id) {
                    continue;
                }
                let line = line.as_deref();
                let newest = store::span_list(&self.shared.db, equipment.id, 1).await?.into_iter().next();
                let (current, ended_at) = match newest {
                    Some(span) if span.ended_at.is_none() => (Some(span.span), None),
                    Some(span) => (None, span.ended_at),
                    None => (None, None),
                };
                if let Some(span) = current {
                    if !abnormal && self.is_calm(&equipment, line).await? {
                        follows.ended.push((equipment, span));
                    }
                } else if abnormal {
                    let results = self.results(&id).await?;
                    let (seen, told) = (sightings(&results), told(&results));
                    let rules = &self.shared.config.rules;
                    let told = told.as_deref();
                    let follow = decide_consequence(
                        rules,
                        &equipment,
                        line,
                        id.as_str(),
                        &seen,
                        told,
                        None,
                        ended_at,
                        now,
                    );
                    follows.begun.extend(follow.map(|consequence| (equipment, consequence)));
                }
            }
        }
        Ok(follows)
    }

    /// The equipment that a sensor stands at, with its line's code; all of its line's when it stands at none.
    async fn equipment_of(&self, id: &SensorId) -> Result<Vec<(Equipment, Option<String>)>, StoreError> {
        let Some(seat) = self.sensing.roster.get(id) else { return Ok(Vec::new()) };
        let registration = seat.registration.get();
        let (line, equipment) = (&registration.spec.line, &registration.spec.equipment);
        let db = &self.shared.db;
        if let Some(code) = equipment {
            let found = store::equipment_find_code(db, code).await?;
            return Ok(found.map(|equipment| (equipment, line.clone())).into_iter().collect());
        }
        let Some(code) = line else { return Ok(Vec::new()) };
        let Some(found) = store::line_find_code(db, code).await? else { return Ok(Vec::new()) };
        let query = store::EquipmentQuery {
            production_line_id: Some(found.id),
            is_active: Some(true),
            ..store::EquipmentQuery::default()
        };
        let page = store::equipment_list(db, &query, Slice::first(LINE_EQUIPMENT_MAX)).await?;
        Ok(page.items.into_iter().map(|equipment| (equipment, Some(code.clone()))).collect())
    }

    /// A sensor's last verdicts, oldest first.
    async fn results(&self, id: &SensorId) -> Result<Vec<ResultRecord>, StoreError> {
        let query = ResultQuery {
            sensor_id: Some(id.clone()),
            start: Timestamp::Y2000,
            end: Timestamp::MAX,
            verdict: None,
            skip: 0,
            limit: u32::try_from(WINDOW_MAX).unwrap_or(u32::MAX),
        };
        let mut seen = results_list(&self.shared.db, &query).await?.results;
        seen.reverse();
        Ok(seen)
    }

    /// Whether every sensor of the equipment has been normal for as long as its rules look back.
    async fn is_calm(&self, equipment: &Equipment, line: Option<&str>) -> Result<bool, StoreError> {
        let code = &equipment.spec.equipment_code;
        let rules = self.shared.config.rules.iter().filter(|rule| rule.covers(code, line));
        let look_back = rules.map(|rule| rule.of).max().unwrap_or(1);
        for id in self.sensors_at(code, line) {
            let seen = sightings(&self.results(&id).await?);
            let said = seen.iter().rev().filter(|s| matches!(s.verdict, Verdict::Normal | Verdict::Abnormal));
            if said.take(look_back).any(|s| s.verdict == Verdict::Abnormal) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The enabled sensors that stand for a piece of equipment.
    fn sensors_at(&self, code: &str, line: Option<&str>) -> Vec<SensorId> {
        let mut found = Vec::new();
        let mut after: Option<SensorId> = None;
        loop {
            let page = self.sensing.roster.page_after(after.as_ref(), ROSTER_PAGE);
            let Some((last, _)) = page.last() else { return found };
            after = Some(last.clone());
            let stands = |place: &crate::sensing::Seat| {
                let registration = place.registration.get();
                let spec = &registration.spec;
                let at = spec.equipment.as_deref().map(|own| own == code);
                spec.enabled && at.unwrap_or_else(|| line.is_some() && spec.line.as_deref() == line)
            };
            found.extend(page.iter().filter(|(_, seat)| stands(seat)).map(|(id, _)| id.clone()));
            if found.len() >= SENSORS_MAX {
                found.truncate(SENSORS_MAX);
                return found;
            }
        }
    }

    /// Stores what follows together with the place, in one unit of work.
    async fn keep(&mut self, follows: Follows, reached: i64, now: Timestamp) -> Result<(), WriteError> {
        let nothing = follows.begun.is_empty() && follows.ended.is_empty();
        if nothing && reached < self.stored + PLACE_EVERY {
            self.place = Some(reached);
            return Ok(());
        }
        let begun = follows.begun.len() as u64;
        let write = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
            Box::pin(async move {
                for (equipment, consequence) in follows.begun {
                    begin(tx, &equipment, consequence, now).await?;
                }
                for (equipment, span) in follows.ended {
                    end(tx, &equipment, &span, now).await?;
                }
                system::setting_set(tx, PLACE_SETTING, &reached).await
            })
        });
        write.await?;
        metrics::counter!("nightshift_production_abnormal_spans_total").increment(begun);
        (self.place, self.stored) = (Some(reached), reached);
        Ok(())
    }
}

fn sightings(results: &[ResultRecord]) -> Vec<Sighting> {
    let sighting =
        |r: &ResultRecord| Sighting { result_id: r.id, at: r.result.as_of, verdict: r.result.verdict };
    results.iter().map(sighting).collect()
}

/// What the newest abnormal verdict says its window looks like, in both languages.
fn told(results: &[ResultRecord]) -> Option<String> {
    let abnormal = results.iter().rev().find(|r| r.result.verdict == Verdict::Abnormal)?;
    let text = &abnormal.result.provenance.explanation.as_ref()?.text;
    Some(format!("{} / {}", text.en, text.ko))
}

async fn begin(
    tx: &mut Tx,
    equipment: &Equipment,
    consequence: Consequence,
    now: Timestamp,
) -> Result<(), StoreError> {
    let span = &consequence.span;
    if store::span_begin(tx, equipment.id, span).await? != span.event_id {
        // Somebody else was first: what follows is linked to that event.
        return Ok(());
    }
    if let Some(hold) = &consequence.hold {
        store::hold_place(tx, hold).await?;
    }
    let marked = store::runs_mark(tx, equipment.id, &span.event_id, span.from, now).await?;
    tracing::warn!(
        equipment = %equipment.spec.equipment_code, event = %span.event_id, rule = %span.rule,
        runs = marked.len(), held = consequence.hold.is_some(), "equipment is abnormal"
    );
    tx.journal_many(consequence.events).await?;
    crate::alerts::raise(tx, vec![consequence.alert], now).await.map(|_| ())
}

async fn end(
    tx: &mut Tx,
    equipment: &Equipment,
    span: &AbnormalSpan,
    now: Timestamp,
) -> Result<(), StoreError> {
    // A hold waits for a person, whatever the sensors say meanwhile.
    if !store::holds_active_of(tx, &[equipment.id]).await?.is_empty() {
        return Ok(());
    }
    let Some(ended) = store::span_end(tx, equipment.id, now).await? else { return Ok(()) };
    store::runs_mark(tx, equipment.id, &span.event_id, ended.span.from, now).await?;
    let data = json!({ "event_id": span.event_id, "equipment_id": equipment.id });
    let code = &equipment.spec.equipment_code;
    tx.journal(NewEvent::new(now, "production.equipment_normal", code, data)).await.map(|_| ())
}

impl Actor for Sentry {
    type Message = SentryMessage;

    async fn start(&mut self, ctx: &Context<SentryMessage>) -> Result<(), Fault> {
        ctx.send_after(Duration::ZERO, SentryMessage::Look)?;
        ctx.send_every(self.shared.config.look_interval, || SentryMessage::Look)
    }

    async fn handle(
        &mut self,
        ctx: &Context<SentryMessage>,
        SentryMessage::Look: SentryMessage,
    ) -> Result<(), Fault> {
        let now = Timestamp::from_us(ctx.clock().now_us());
        if let Err(error) = self.look(now).await {
            tracing::warn!(error = %error, "verdicts were not followed up; the next look makes up for it");
        }
        Ok(())
    }
}
