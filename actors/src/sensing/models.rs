//! The line-up of models: which one judges, how the one that is tried compares, and an administrator's word on it.

use std::time::Duration;

use nightshift_domain::audit::{Action, Actor};
use nightshift_domain::sensing::{Configured, Lineup, ModelRole, Promotion, SensorId, Tally, Verdict};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_store::sensing::{self as store, ShadowQuery};
use nightshift_store::{Db, StoreError};
use serde::Serialize;
use serde_json::json;

use super::register::to_its_end;
use super::shared::{LineupBoard, Shared};
use super::{Sensing, SensingError};
use crate::config::SensingConfig;
use crate::identity::By;
use crate::inference::{Inference, ModelView};

/// How long a change of the line-up may wait for its commit.
const CHANGE_DEADLINE: Duration = Duration::from_secs(10);
/// Promotions that are shown.
const PROMOTIONS_SHOWN: u32 = 20;

/// The models and what each does.
#[derive(Debug, Clone, Serialize)]
pub struct ModelsView {
    /// Judges sensors that name no model.
    pub live: String,
    /// Is tried on the same windows.
    pub shadow: Option<String>,
    /// Why a promotion that was never taken back does not stand.
    pub note: Option<String>,
    /// The models that are loaded.
    pub models: Vec<ModelEntry>,
    /// The newest promotions, at most 20.
    pub promotions: Vec<Promotion>,
}

/// A model and what it does.
#[derive(Debug, Clone, Serialize)]
pub struct ModelEntry {
    /// The model.
    #[serde(flatten)]
    pub model: ModelView,
    /// What it does.
    pub role: ModelRole,
}

/// How a model's verdicts as a shadow compare with those that counted.
#[derive(Debug, Clone, Serialize)]
pub struct ComparisonView {
    /// The model.
    pub model_id: String,
    /// SHA-256 of its weights: verdicts of other weights under the same name do not count.
    pub digest: String,
    /// What it does now.
    pub role: ModelRole,
    /// Verdicts decided from here on are compared.
    pub since: Timestamp,
    /// When the first of them was decided.
    pub first: Option<Timestamp>,
    /// When the last one was.
    pub last: Option<Timestamp>,
    /// Windows that both judged.
    pub windows: u64,
    /// Sensors that they are of.
    pub sensors: u64,
    /// Normal, said both.
    pub both_normal: u64,
    /// Abnormal, said both.
    pub both_abnormal: u64,
    /// Abnormal, said the live model alone.
    pub live_only: u64,
    /// Abnormal, said the shadow alone.
    pub shadow_only: u64,
    /// Share of windows on which both said the same.
    pub agreement: Option<f64>,
    /// Agreement beyond chance, from −1 to 1.
    pub kappa: Option<f64>,
    /// Share of windows that the live model called abnormal.
    pub live_abnormal: Option<f64>,
    /// Share of windows that the shadow called abnormal.
    pub shadow_abnormal: Option<f64>,
    /// The newest windows on which they disagree.
    pub examples: Vec<DisagreementView>,
}

/// A window on which they disagree.
#[derive(Debug, Clone, Serialize)]
pub struct DisagreementView {
    /// The result that counted.
    pub result_id: i64,
    /// The sensor.
    pub sensor_id: SensorId,
    /// The instant that was judged.
    pub as_of: Timestamp,
    /// What the live model said.
    pub live: ComparedVerdict,
    /// What the shadow said.
    pub shadow: ComparedVerdict,
}

/// A verdict in a comparison.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ComparedVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// The score.
    pub score: Option<f64>,
    /// What it was compared with.
    pub threshold: Option<f64>,
}

/// The line-up at the start.
pub(crate) async fn lineup(
    db: &Db,
    config: &SensingConfig,
    inference: &Inference,
) -> Result<LineupBoard, StoreError> {
    let lineup = read(db, config, inference).await?;
    if let Some(note) = &lineup.note {
        tracing::warn!(live = lineup.live, "{note}: the configured model judges");
    }
    Ok(LineupBoard::new(lineup))
}

async fn read(db: &Db, config: &SensingConfig, inference: &Inference) -> Result<Lineup, StoreError> {
    let configured = Configured { live: config.default_model.clone(), shadow: config.shadow_model.clone() };
    let standing = store::promotion_standing(db).await?;
    Ok(Lineup::new(&configured, standing, |id| inference.digest_of(id)))
}

impl Sensing {
    /// The models and what each does.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn models(&self) -> Result<ModelsView, SensingError> {
        let lineup = self.shared.lineup.get();
        let promotions = store::promotions_latest(&self.shared.db, PROMOTIONS_SHOWN).await?;
        let models = self.shared.inference.view().models.into_iter();
        Ok(ModelsView {
            live: lineup.live.clone(),
            shadow: lineup.shadow.clone(),
            note: lineup.note.clone(),
            models: models.map(|model| ModelEntry { role: lineup.role(&model.id), model }).collect(),
            promotions,
        })
    }

    /// How the verdicts that `id` gave as a shadow within `past` compare with those that counted, with up to `examples`
    /// windows on which they disagree.
    ///
    /// # Errors
    /// `UnknownModel`, or the database is away.
    pub async fn compare(
        &self,
        id: &str,
        past: Duration,
        examples: u32,
    ) -> Result<ComparisonView, SensingError> {
        let shared = &self.shared;
        let digest = known(shared, id)?;
        let since = shared.now() - past;
        let query = ShadowQuery { model_id: id.to_owned(), model_digest: digest.clone(), since };
        let figures = store::shadow_figures(&shared.db, &query).await?;
        let apart = store::shadow_disagreements(&shared.db, &query, examples).await?;
        let examples = apart.into_iter().map(|apart| {
            let ((verdict, score, threshold), (shadow, shadow_score, shadow_threshold)) =
                (apart.live, apart.shadow);
            DisagreementView {
                result_id: apart.result_id,
                sensor_id: apart.sensor_id,
                as_of: apart.as_of,
                live: ComparedVerdict { verdict, score, threshold },
                shadow: ComparedVerdict {
                    verdict: shadow,
                    score: Some(shadow_score),
                    threshold: shadow_threshold,
                },
            }
        });
        let tally: Tally = figures.tally;
        Ok(ComparisonView {
            model_id: id.to_owned(),
            digest,
            role: shared.lineup.get().role(id),
            since,
            first: figures.first,
            last: figures.last,
            windows: tally.windows(),
            sensors: figures.sensors,
            both_normal: tally.both_normal,
            both_abnormal: tally.both_abnormal,
            live_only: tally.live_only,
            shadow_only: tally.shadow_only,
            agreement: tally.agreement(),
            kappa: tally.kappa(),
            live_abnormal: tally.live_abnormal(),
            shadow_abnormal: tally.shadow_abnormal(),
            examples: examples.collect(),
        })
    }

    /// Puts the shadow in the place of the live model, which is the shadow then. Audited.
    ///
    /// # Errors
    /// `UnknownModel`, `Lineup`, or a part is away. After `Deadline` it may be promoted or not: [`Sensing::models`] tells.
    pub async fn promote(&self, by: &By, id: &str) -> Result<ModelsView, SensingError> {
        let (own, by, id) = (self.clone(), by.clone(), id.to_owned());
        to_its_end(async move { own.put_in_place(by, &id).await }).await?;
        self.models().await
    }

    /// Takes the standing promotion back. Audited.
    ///
    /// # Errors
    /// `Lineup`, or a part is away. After `Deadline` it may be taken back or not: [`Sensing::models`] tells.
    pub async fn roll_back(&self, by: &By) -> Result<ModelsView, SensingError> {
        let (own, by) = (self.clone(), by.clone());
        to_its_end(async move { own.take_back(by).await }).await?;
        self.models().await
    }

    async fn put_in_place(&self, by: By, id: &str) -> Result<(), SensingError> {
        let shared = &self.shared;
        let _alone = shared.lineup.changing().await;
        let (digest, lineup) = (known(shared, id)?, shared.lineup.get());
        lineup.may_promote(id)?;
        let now = shared.now();
        let promotion = Promotion {
            id: 0,
            model_id: id.to_owned(),
            model_digest: digest,
            replaced_id: lineup.live.clone(),
            promoted_at: now,
            promoted_by: name_of(&by.actor),
            undone_at: None,
            undone_by: None,
        };
        let written = shared.writer.run(CHANGE_DEADLINE, move |tx| {
            Box::pin(async move {
                let kept = store::promotion_insert(tx, &promotion).await?;
                let (before, after) = (json!({ "live": kept.replaced_id }), json!({ "live": kept.model_id }));
                let entry = by.entry(now, Action::Update, "model").on(&kept.model_id);
                tx.audit(entry.before(&before).after(&after))?;
                tx.journal(NewEvent::new(now, "sensing.promoted", &kept.model_id, json!(kept))).await
            })
        });
        self.settle(written.await).await
    }

    async fn take_back(&self, by: By) -> Result<(), SensingError> {
        let shared = &self.shared;
        let _alone = shared.lineup.changing().await;
        let lineup = shared.lineup.get();
        let standing = lineup.may_roll_back()?.clone();
        let now = shared.now();
        let written = shared.writer.run(CHANGE_DEADLINE, move |tx| {
            Box::pin(async move {
                store::promotion_undo(tx, standing.id, now, &name_of(&by.actor)).await?;
                let before = json!({ "live": standing.model_id });
                let entry = by.entry(now, Action::Update, "model").on(&standing.model_id);
                tx.audit(entry.before(&before).after(&json!({ "live": standing.replaced_id })))?;
                let data = json!({ "model_id": standing.model_id, "replaced_id": standing.replaced_id });
                tx.journal(NewEvent::new(now, "sensing.rolled_back", &standing.model_id, data)).await
            })
        });
        self.settle(written.await).await
    }

    /// Reads the line-up back: after a write whose end is not known, the store is the one that knows.
    async fn settle<T>(&self, written: Result<T, crate::writer::WriteError>) -> Result<(), SensingError> {
        let shared = &self.shared;
        match read(&shared.db, &shared.config, &shared.inference).await {
            Ok(lineup) => shared.lineup.set(lineup),
            Err(error) => {
                written?;
                return Err(error.into());
            }
        }
        written.map(|_| ()).map_err(SensingError::from)
    }
}

/// The digest of a model that is loaded.
fn known(shared: &Shared, id: &str) -> Result<String, SensingError> {
    let short = || SensingError::UnknownModel(id.chars().take(100).collect());
    shared.inference.digest_of(id).map(str::to_owned).ok_or_else(short)
}

fn name_of(actor: &Actor) -> String {
    match actor {
        Actor::User { name, .. } | Actor::Machine { name, .. } => name.clone(),
        Actor::System | Actor::Anonymous => actor.kind().to_owned(),
    }
}
