//! An operator's commands on a child anywhere below, named by its path.

use std::sync::Arc;

use crate::child::{Child, Nature, Stage};
use crate::random::Random;
use crate::stop::StopReport;
use crate::supervisor::{ControlError, Supervisor};
use crate::sync::lock;

impl Supervisor {
    /// [`Self::restart`] of the child at `path`, however deep.
    ///
    /// # Errors
    /// When nothing below has the path, or its supervisor is stopping.
    pub async fn restart_at(&self, path: &str) -> Result<StopReport, ControlError> {
        let (keeper, name) = self.keeper_of(path).ok_or(ControlError::NotFound)?;
        keeper.restart(&name).await
    }

    /// [`Self::release`] of the child at `path`, however deep.
    ///
    /// # Errors
    /// When nothing below has the path, or it is not in quarantine.
    pub fn release_at(&self, path: &str) -> Result<(), ControlError> {
        let (keeper, name) = self.keeper_of(path).ok_or(ControlError::NotFound)?;
        keeper.release(&name)
    }

    /// Kills the actor at `path`, as a failure that its supervisor hears of and mends: a drill. What its mailbox holds dies
    /// with it, as in any failure.
    ///
    /// # Errors
    /// When nothing below has the path, or it is no actor that runs and may fail alone.
    pub fn kill_at(&self, path: &str) -> Result<(), ControlError> {
        let (keeper, name) = self.keeper_of(path).ok_or(ControlError::NotFound)?;
        let child = lock(&keeper.inner.table).named(&name).ok_or(ControlError::NotFound)?;
        let life = lock(&child.life);
        match (&child.nature, life.stage(), &life.cell) {
            (Nature::Actor(_), Stage::Running, Some(cell)) if !child.rules.essential => {
                cell.kill();
                Ok(())
            }
            _ => Err(ControlError::NotFound),
        }
    }

    /// One of the running actors below that may fail alone, by chance: first among domains, then among their parts, so that
    /// a domain of thousands is not drawn more often than one of three. Whatever `spare` names is left out with all below.
    #[must_use]
    pub fn draw(&self, random: &Random, spare: &[&str]) -> Option<String> {
        let mut candidates: Vec<_> = {
            let table = lock(&self.inner.table);
            let fit = |child: &&Arc<Child>| {
                !child.rules.essential
                    && !spare.contains(&&*child.path)
                    && lock(&child.life).stage() == Stage::Running
            };
            table.children.values().filter(fit).cloned().collect()
        };
        while !candidates.is_empty() {
            let at = (random.fraction() * candidates.len() as f64) as usize;
            let child = candidates.swap_remove(at.min(candidates.len() - 1));
            match &child.nature {
                Nature::Actor(_) => return Some(child.path.to_string()),
                Nature::Supervisor(below) => {
                    if let Some(path) = below.draw(random, spare) {
                        return Some(path);
                    }
                }
            }
        }
        None
    }

    /// The supervisor of the child at `path`, and the child's name there.
    fn keeper_of(&self, path: &str) -> Option<(Self, String)> {
        let rest = path.strip_prefix(self.path())?.strip_prefix('/')?;
        // A name may contain slashes: each beginning of the rest may be a child's, or a supervisor's on the way.
        let ends = rest.match_indices('/').map(|(at, _)| at).chain([rest.len()]);
        let found: Vec<_> = {
            let table = lock(&self.inner.table);
            ends.filter_map(|end| table.named(&rest[..end])).collect()
        };
        found.into_iter().rev().find_map(|child| {
            if &*child.path == path {
                return Some((self.clone(), child.name().to_owned()));
            }
            match &child.nature {
                Nature::Supervisor(below) => below.keeper_of(path),
                Nature::Actor(_) => None,
            }
        })
    }
}
