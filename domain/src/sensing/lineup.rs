//! Which model judges, and which one only looks over its shoulder.
//!
//! The configuration names both. An administrator may put the shadow in the place of the live model (a *promotion*) and
//! take that back; the newest promotion that was not taken back stands, for as long as exactly those weights are loaded.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A model that was put in the place of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// Its number.
    pub id: i64,
    /// The model that judges since.
    pub model_id: String,
    /// SHA-256 of that model's weights, hexadecimal: another file of the same name was not what was promoted.
    pub model_digest: String,
    /// The model that judged before.
    pub replaced_id: String,
    /// When.
    pub promoted_at: Timestamp,
    /// By whom.
    pub promoted_by: String,
    /// When it was taken back; nothing while it stands.
    pub undone_at: Option<Timestamp>,
    /// By whom.
    pub undone_by: Option<String>,
}

/// What the configuration says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configured {
    /// The model of sensors that name none.
    pub live: String,
    /// The model that is tried beside it, if any.
    pub shadow: Option<String>,
}

/// Which model does what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineup {
    /// Judges sensors that name no model.
    pub live: String,
    /// Scores the same windows; its verdicts have no consequences.
    pub shadow: Option<String>,
    /// The promotion by which `live` is live; nothing where it is so by configuration.
    pub promotion: Option<Promotion>,
    /// Why a promotion that was never taken back does not stand.
    pub note: Option<String>,
}

/// Why the line-up was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineupError {
    /// The model judges already.
    #[error("model `{0}` is live already")]
    Live(String),
    /// The model is not the one that is being tried.
    #[error("model `{0}` is not the shadow: only a model whose verdicts were compared can be promoted")]
    NotShadow(String),
    /// Nothing was promoted.
    #[error("no promotion stands: the live model is the configured one")]
    NothingToUndo,
}

impl Lineup {
    /// The line-up that follows from configuration and standing promotion; `digest_of` knows the weights of each model
    /// that is loaded.
    pub fn new<'m>(
        configured: &Configured,
        standing: Option<Promotion>,
        digest_of: impl Fn(&str) -> Option<&'m str>,
    ) -> Self {
        let note = standing.as_ref().and_then(|promotion| {
            let id = &promotion.model_id;
            match digest_of(id) {
                None => Some(format!("model `{id}` was promoted and is not loaded any more")),
                Some(digest) if digest != promotion.model_digest => {
                    Some(format!("model `{id}` was promoted with other weights than are loaded now"))
                }
                Some(_) => None,
            }
        });
        let promotion = standing.filter(|_| note.is_none());
        let live = promotion.as_ref().map_or(&configured.live, |promotion| &promotion.model_id).clone();
        let replaced = promotion.as_ref().map(|promotion| &promotion.replaced_id);
        // The one that was replaced goes on as the shadow: taking the promotion back stays an informed choice.
        let shadow = configured.shadow.iter().chain(replaced);
        let shadow = shadow.into_iter().find(|id| **id != live && digest_of(id).is_some()).cloned();
        Self { live, shadow, promotion, note }
    }

    /// Whether `id` may take the live model's place.
    ///
    /// # Errors
    /// [`LineupError::Live`], [`LineupError::NotShadow`].
    pub fn may_promote(&self, id: &str) -> Result<(), LineupError> {
        if self.live == id {
            return Err(LineupError::Live(id.to_owned()));
        }
        match &self.shadow {
            Some(shadow) if shadow == id => Ok(()),
            _ => Err(LineupError::NotShadow(id.to_owned())),
        }
    }

    /// The promotion that would be taken back.
    ///
    /// # Errors
    /// [`LineupError::NothingToUndo`].
    pub fn may_roll_back(&self) -> Result<&Promotion, LineupError> {
        self.promotion.as_ref().ok_or(LineupError::NothingToUndo)
    }

    /// What `id` does in it: `live`, `shadow` or `spare`.
    #[must_use]
    pub fn role(&self, id: &str) -> ModelRole {
        if self.live == id {
            ModelRole::Live
        } else if self.shadow.as_deref() == Some(id) {
            ModelRole::Shadow
        } else {
            ModelRole::Spare
        }
    }
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRole {
    /// It judges sensors that name no model.
    Live,
    /// It scores the same windows without consequences.
    Shadow,
    /// It judges the sensors that name it, if any.
    Spare,
}

/// How often two models said what about the same windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Normal, said both.
    pub both_normal: u64,
    /// Abnormal, said both.
    pub both_abnormal: u64,
    /// Abnormal, said the live model alone.
    pub live_only: u64,
    /// Abnormal, said the shadow alone.
    pub shadow_only: u64,
}

impl Tally {
    /// Windows that both judged.
    #[must_use]
    pub fn windows(self) -> u64 {
        self.both_normal + self.both_abnormal + self.live_only + self.shadow_only
    }

    /// Share of windows on which both said the same; nothing without a window.
    #[must_use]
    pub fn agreement(self) -> Option<f64> {
        self.share(self.both_normal + self.both_abnormal)
    }

    /// Share of windows that the live model calls abnormal.
    #[must_use]
    pub fn live_abnormal(self) -> Option<f64> {
        self.share(self.both_abnormal + self.live_only)
    }

    /// Share of windows that the shadow calls abnormal.
    #[must_use]
    pub fn shadow_abnormal(self) -> Option<f64> {
        self.share(self.both_abnormal + self.shadow_only)
    }

    /// Cohen's kappa: the agreement beyond that of two who call as many windows abnormal by chance; 1 is complete, 0 is
    /// chance. Nothing where one of them always says the same. Where abnormal windows are rare, agreement alone says little.
    #[must_use]
    pub fn kappa(self) -> Option<f64> {
        let (agreement, live, shadow) = (self.agreement()?, self.live_abnormal()?, self.shadow_abnormal()?);
        let chance = live * shadow + (1.0 - live) * (1.0 - shadow);
        (chance < 1.0).then(|| (agreement - chance) / (1.0 - chance))
    }

    fn share(self, of: u64) -> Option<f64> {
        let all = self.windows();
        #[expect(clippy::cast_precision_loss, reason = "counts of windows are far below 2^52")]
        (all > 0).then(|| of as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn promotion(model: &str, replaced: &str) -> Promotion {
        Promotion {
            id: 1,
            model_id: model.to_owned(),
            model_digest: format!("digest of {model}"),
            replaced_id: replaced.to_owned(),
            promoted_at: Timestamp::from_s(1),
            promoted_by: "admin".to_owned(),
            undone_at: None,
            undone_by: None,
        }
    }

    fn lineup(shadow: Option<&str>, standing: Option<Promotion>, loaded: &[&str]) -> Lineup {
        let configured = Configured { live: "a".to_owned(), shadow: shadow.map(str::to_owned) };
        let digests: Vec<(String, String)> =
            loaded.iter().map(|id| ((*id).to_owned(), format!("digest of {id}"))).collect();
        Lineup::new(&configured, standing, |id| {
            digests.iter().find(|(known, _)| known == id).map(|(_, digest)| digest.as_str())
        })
    }

    #[test]
    fn a_promoted_model_judges_and_the_one_before_looks_on() {
        let before = lineup(Some("b"), None, &["a", "b"]);
        assert_eq!((before.live.as_str(), before.shadow.as_deref()), ("a", Some("b")));
        assert_eq!(before.may_promote("b"), Ok(()));
        assert_eq!(before.may_roll_back(), Err(LineupError::NothingToUndo));
        let after = lineup(Some("b"), Some(promotion("b", "a")), &["a", "b"]);
        assert_eq!((after.live.as_str(), after.shadow.as_deref()), ("b", Some("a")));
        assert_eq!(after.may_roll_back().map(|p| p.id), Ok(1));
        assert_eq!((after.role("b"), after.role("a")), (ModelRole::Live, ModelRole::Shadow));
        // A third one that is configured meanwhile is tried next.
        let third = lineup(Some("c"), Some(promotion("b", "a")), &["a", "b", "c"]);
        assert_eq!((third.shadow.as_deref(), third.role("a")), (Some("c"), ModelRole::Spare));
    }

    #[test]
    fn weights_that_nobody_promoted_never_judge() {
        let gone = lineup(Some("b"), Some(promotion("b", "a")), &["a"]);
        assert_eq!((gone.live.as_str(), gone.shadow.as_deref()), ("a", None));
        assert!(gone.note.as_deref().is_some_and(|note| note.contains("not loaded")));
        let changed = Promotion { model_digest: "another".to_owned(), ..promotion("b", "a") };
        let changed = lineup(Some("b"), Some(changed), &["a", "b"]);
        assert_eq!((changed.live.as_str(), changed.shadow.as_deref()), ("a", Some("b")));
        assert!(changed.note.as_deref().is_some_and(|note| note.contains("other weights")));
        assert_eq!(changed.promotion, None);
    }

    #[test]
    fn only_the_shadow_can_be_promoted() {
        let all = lineup(Some("b"), None, &["a", "b", "c"]);
        assert_eq!(all.may_promote("a"), Err(LineupError::Live("a".to_owned())));
        assert_eq!(all.may_promote("c"), Err(LineupError::NotShadow("c".to_owned())));
        assert_eq!(lineup(None, None, &["a"]).may_promote("b"), Err(LineupError::NotShadow("b".to_owned())));
        // A shadow that is the live model is none.
        assert_eq!(lineup(Some("a"), None, &["a"]).shadow, None);
    }

    #[test]
    fn agreement_by_chance_is_none() {
        let chance = Tally { both_normal: 81, both_abnormal: 1, live_only: 9, shadow_only: 9 };
        assert!(chance.kappa().is_some_and(|kappa| kappa.abs() < 1e-9));
        assert_eq!(chance.agreement(), Some(0.82));
        let same = Tally { both_normal: 90, both_abnormal: 10, ..Tally::default() };
        assert_eq!((same.kappa(), same.agreement()), (Some(1.0), Some(1.0)));
        assert_eq!(Tally { both_normal: 5, ..Tally::default() }.kappa(), None);
        assert_eq!(Tally::default().agreement(), None);
    }

    proptest! {
        #[test]
        fn the_live_model_and_the_shadow_are_never_the_same_and_always_loaded(
            shadow in proptest::option::of("[abc]"),
            promoted in proptest::option::of(("[abc]", "[abc]")),
            loaded in proptest::sample::subsequence(vec!["a", "b", "c"], 0..=3),
        ) {
            let standing = promoted.map(|(model, replaced)| promotion(&model, &replaced));
            let found = lineup(shadow.as_deref(), standing, &loaded);
            prop_assert!(found.shadow.as_ref() != Some(&found.live));
            prop_assert!(found.live == "a" || loaded.contains(&found.live.as_str()));
            prop_assert!(found.shadow.as_deref().is_none_or(|shadow| loaded.contains(&shadow)));
        }

        #[test]
        fn shares_are_shares(a in 0_u64..50, b in 0_u64..50, c in 0_u64..50, d in 0_u64..50) {
            let tally = Tally { both_normal: a, both_abnormal: b, live_only: c, shadow_only: d };
            let shares = [tally.agreement(), tally.live_abnormal(), tally.shadow_abnormal()];
            prop_assert!(shares.into_iter().flatten().all(|share| (0.0..=1.0).contains(&share)));
            prop_assert!(tally.kappa().is_none_or(|kappa| (-1.0 - 1e-9..=1.0 + 1e-9).contains(&kappa)));
        }
    }
}
