//! What the commands about people, tokens and the audit work with: the database, beside a plant that may be running.

use nightshift_actors::Identity;
use nightshift_kernel::Clock;
use nightshift_store::Db;

use super::{CommandError, runtime};
use crate::config::{Config, identity_config};
use crate::serve::{chain, open_database};

/// Runs `work` with the identity and the database of `config`.
pub(super) fn at_desk<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Identity, &Db) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    std::fs::create_dir_all(&config.data_dir)
        .map_err(|e| CommandError::Failed(format!("{}: {e}", config.data_dir.display())))?;
    runtime()?.block_on(async {
        let db = open_database(config).await.map_err(CommandError::failed)?;
        let identity = Identity::offline(identity_config(config), db.clone(), Clock::system())
            .map_err(|e| CommandError::Failed(chain(&e)))?;
        let done = work(&identity, &db).await;
        db.close().await;
        done
    })
}
