//! The shadow: has windows that the live model judged scored by the model that is tried, and keeps what it says apart.
//!
//! Owned by the `sensing` supervisor. Works from the store: it takes up the results that came after the last one it looked
//! at, asks the sensor for the same window again, and scores it with what others leave of the devices; its verdicts journal
//! nothing and alert nobody. Its place is stored with its verdicts, so that a restart loses and repeats nothing. It stops for
//! a while whenever somebody else's window waits, and leaves out the oldest results when it falls too far behind. Sensors
//! that name a model are judged by that one and not compared.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use nightshift_domain::sensing::{Basis, ResultRecord};
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_store::sensing::{self as store, ShadowResult};
use nightshift_store::system::{setting_get, setting_set};
use serde::{Deserialize, Serialize};

use super::error::SensingError;
use super::judge::{ask_window, past_of, scored_opinion, takes_bank};
use super::sensor::WindowAnswer;
use super::shared::{BACKGROUND_WRITE, Shared};
use crate::inference::{BankWindow, InferenceError, ScoredWindow};

/// Time between two looks for new results.
const ROUND_INTERVAL: Duration = Duration::from_secs(1);
/// Results taken up at once, and stored in one unit of work.
const PAGE: u32 = 64;
/// Pages of one round.
const PAGES_PER_ROUND: usize = 32;
/// Windows of a page that are under way at once.
const AT_ONCE: usize = 16;
/// Results that it may be behind; of more the oldest are left out.
const BEHIND_MAX: i64 = 50_000;
/// Times that one window may fail before it is passed over.
const FAILURES_MAX: u32 = 3;
/// The setting under which its place is kept.
const KEPT: &str = "sensing.shadow";

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The weights that are tried.
    digest: String,
    /// The last result that it has looked at.
    after: i64,
}

/// What comes of one result.
enum Said {
    Verdict(ShadowResult),
    /// There is nothing to compare: why.
    Passed(&'static str),
    /// It could not be scored now.
    NotNow,
}

/// What the shadow takes.
pub(crate) enum ShadowMessage {
    /// Look for new results.
    Round,
}

/// The actor.
pub(super) struct Shadow {
    shared: Arc<Shared>,
    place: Option<Place>,
    /// The result at which it was stopped last, and how often.
    stopped: (i64, u32),
}

impl Shadow {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, place: None, stopped: (0, 0) }
    }

    async fn round(&mut self, ctx: &Context<ShadowMessage>) -> Result<(), SensingError> {
        let lineup = self.shared.lineup.get();
        let Some(model) = &lineup.shadow else {
            self.place = None;
            return Ok(());
        };
        let digest = self.shared.inference.digest(model)?;
        for _ in 0..PAGES_PER_ROUND {
            let mut place = self.place(&digest).await?;
            if !self.shared.inference.has_spare() {
                break;
            }
            let page = store::results_to_shadow(&self.shared.db, place.after, PAGE).await?;
            let Some(last) = page.last() else { break };
            let (whole, last) = (page.len() == PAGE as usize, last.id);
            let (shared, digest) = (&self.shared, &*digest);
            let said: Vec<(ResultRecord, Said)> = stream::iter(page)
                .map(|record| async move {
                    let said = consider(shared, model, digest, &record).await;
                    (record, said)
                })
                .buffered(AT_ONCE)
                .collect()
                .await;
            ctx.progress();
            let (kept, reached) = self.gather(said, place.after);
            if reached == place.after {
                break;
            }
            place.after = reached;
            self.keep(kept, place).await?;
            if !whole || reached < last {
                break;
            }
        }
        Ok(())
    }

    /// Where it goes on: with the next result from now on, for weights that were never tried.
    async fn place(&mut self, digest: &str) -> Result<Place, SensingError> {
        let db = &self.shared.db;
        let newest = store::result_newest_id(db).await?;
        let known = match self.place.take() {
            Some(place) => Some(place),
            None => setting_get::<Place>(db, KEPT).await?,
        };
        let known = known.filter(|place| place.digest == digest && place.after <= newest);
        let mut place = match known {
            Some(place) => place,
            None => {
                let begin = Place { digest: digest.to_owned(), after: newest };
                self.keep(Vec::new(), begin.clone()).await?;
                begin
            }
        };
        let behind = newest - place.after;
        if behind > BEHIND_MAX {
            let skipped = behind - BEHIND_MAX;
            tracing::warn!(skipped, "the shadow fell too far behind; the oldest results are left out");
            count("skipped", u64::try_from(skipped).unwrap_or(0));
            place.after += skipped;
        }
        metrics::gauge!("nightshift_sensing_shadow_behind_results").set((newest - place.after) as f64);
        self.place = Some(place.clone());
        Ok(place)
    }

    /// The verdicts up to the first result that could not be scored now, and how far that is.
    fn gather(&mut self, said: Vec<(ResultRecord, Said)>, after: i64) -> (Vec<ShadowResult>, i64) {
        let (mut kept, mut reached) = (Vec::with_capacity(said.len()), after);
        for (record, said) in said {
            match said {
                Said::Verdict(verdict) => {
                    let same = verdict.verdict == record.result.verdict;
                    count(if same { "agree" } else { "disagree" }, 1);
                    kept.push(verdict);
                }
                Said::Passed(reason) => self.pass(&record, reason),
                Said::NotNow => {
                    let times = if self.stopped.0 == record.id { self.stopped.1 + 1 } else { 1 };
                    self.stopped = (record.id, times);
                    if times < FAILURES_MAX {
                        break;
                    }
                    self.pass(&record, "it could not be scored again and again");
                }
            }
            reached = record.id;
        }
        (kept, reached)
    }

    fn pass(&self, record: &ResultRecord, reason: &'static str) {
        tracing::debug!(result = record.id, reason, "a window is not compared");
        count("passed", 1);
    }

    async fn keep(&mut self, kept: Vec<ShadowResult>, place: Place) -> Result<(), SensingError> {
        let at = place.clone();
        let written = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
            Box::pin(async move {
                store::shadow_results_insert(tx, &kept).await?;
                setting_set(tx, KEPT, &at).await
            })
        });
        // Where it is not known whether it was committed, the store is asked again.
        self.place = None;
        written.await?;
        self.place = Some(place);
        Ok(())
    }
}

fn count(outcome: &'static str, n: u64) {
    metrics::counter!("nightshift_sensing_shadow_verdicts_total", "outcome" => outcome).increment(n);
}

/// What the shadow says of a result's window.
async fn consider(shared: &Shared, model: &str, digest: &str, record: &ResultRecord) -> Said {
    let result = &record.result;
    match &result.provenance.basis {
        Some(Basis::Model { digest: live, .. }) if live != digest => {}
        _ => return Said::Passed("it is no other model's verdict"),
    }
    let Some(seat) = shared.roster.get(&result.sensor_id).filter(|seat| seat.key == result.sensor_key) else {
        return Said::Passed("its sensor is gone");
    };
    if seat.registration.get().spec.model.is_some() {
        return Said::Passed("its sensor names a model");
    }
    let Ok(answer) = ask_window(shared, &seat, result.as_of).await else { return Said::NotNow };
    match answer.window.as_ref().map(|window| window.facts) {
        Ok(facts) if result.provenance.window == Some(facts) => {}
        _ => return Said::Passed("its window is not what it was"),
    }
    match score(shared, model, digest, &answer).await {
        Ok(scored) => Said::Verdict(verdict(shared, digest, record.id, &answer, scored)),
        Err(error) => {
            tracing::debug!(result = record.id, error = %error, "the shadow could not score a window now");
            Said::NotNow
        }
    }
}

/// The window's score, as the model would give it if it were live.
async fn score(
    shared: &Shared,
    model: &str,
    digest: &str,
    answer: &WindowAnswer,
) -> Result<ScoredWindow, InferenceError> {
    let gone = || InferenceError::Unavailable { reason: "there is no window".to_owned() };
    let window = answer.window.as_ref().map_err(|_| gone())?;
    let (sensor, usual) = (&answer.sensor, answer.usual.under(digest));
    if takes_bank(shared, model, &sensor.spec.thresholds, usual)
        && let Some(first) = window.times.first()
    {
        let past = Some(past_of(shared, sensor, *first).await?);
        let (values, times) = (window.values.clone(), window.times.clone());
        let window = BankWindow { sensor: sensor.key, values, times, past };
        if let Some(scored) = shared.inference.score_spare_with_bank(model, window).await? {
            return Ok(scored);
        }
    }
    shared.inference.score_spare(model, window.values.clone()).await
}

fn verdict(
    shared: &Shared,
    digest: &str,
    result_id: i64,
    answer: &WindowAnswer,
    scored: ScoredWindow,
) -> ShadowResult {
    let (mode, score, model_id) = (scored.mode(), scored.score, scored.model_id.to_string());
    let thresholds = &answer.sensor.spec.thresholds;
    let opinion = scored_opinion(shared, thresholds, answer.usual.under(digest), scored);
    let own = matches!(&opinion.provenance.basis, Some(Basis::Model { calibration: Some(_), .. }));
    ShadowResult {
        result_id,
        model_id,
        model_digest: digest.to_owned(),
        verdict: opinion.verdict,
        score,
        threshold: opinion.provenance.threshold,
        mode,
        calibrated: own,
        decided_at: shared.now(),
    }
}

impl Actor for Shadow {
    type Message = ShadowMessage;

    async fn start(&mut self, ctx: &Context<ShadowMessage>) -> Result<(), Fault> {
        // At once: what is judged from now on is looked at.
        ctx.send_after(Duration::ZERO, ShadowMessage::Round)?;
        ctx.send_every(ROUND_INTERVAL, || ShadowMessage::Round)
    }

    async fn handle(
        &mut self,
        ctx: &Context<ShadowMessage>,
        ShadowMessage::Round: ShadowMessage,
    ) -> Result<(), Fault> {
        if let Err(error) = self.round(ctx).await {
            tracing::warn!(error = %error, "a round of the shadow failed; the next one goes on");
        }
        Ok(())
    }
}
