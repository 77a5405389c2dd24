//! Objects that belong to nothing: what was stored before a row that never came, what outlived its row, and files of uploads
//! that a kill cut off.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use nightshift_domain::Timestamp;

use super::{BlobError, BlobKey, Blobs};

/// Objects removed in one sweep; more wait for the next.
const REMOVED_MAX: usize = 500;
/// So many that belong to nothing are plausible in any case.
const PLAUSIBLE_ORPHANS: u64 = 20;
/// Folders below the swept one that are looked into for files of uploads that were cut off.
const DEPTH_MAX: usize = 4;

/// What a sweep found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects there are.
    pub objects: u64,
    /// Objects that belonged to nothing and are removed, with files of uploads that were cut off.
    pub removed: u64,
    /// Objects that belong to nothing and are left: they are more than half of all, which looks like the wrong database for
    /// these objects, or more than one sweep removes.
    pub left: u64,
}

impl Blobs {
    /// Removes what lies below `prefix`, was written before `before` and does not `belong` to anything. `before` must leave
    /// time for a row that is still to be committed.
    ///
    /// Where most objects seem to belong to nothing, none is removed: a person must look.
    ///
    /// # Errors
    /// [`BlobError::Failed`]; what was removed until then is.
    pub async fn sweep(
        &self,
        prefix: &BlobKey,
        before: Timestamp,
        belongs: impl Fn(&BlobKey) -> bool + Send,
    ) -> Result<Swept, BlobError> {
        let mut swept = Swept { removed: self.sweep_cut_off(prefix, before).await?, ..Swept::default() };
        let (mut orphans, mut found) = (Vec::new(), 0_u64);
        let mut all = self.each(prefix);
        while let Some(object) = all.next().await {
            let (key, info) = object?;
            swept.objects += 1;
            if info.written_at < before && !belongs(&key) {
                found += 1;
                if orphans.len() < REMOVED_MAX {
                    orphans.push(key);
                }
            }
        }
        if found > PLAUSIBLE_ORPHANS && found * 2 > swept.objects {
            swept.left = found;
            return Ok(swept);
        }
        for key in &orphans {
            self.delete(key).await?;
            swept.removed += 1;
        }
        swept.left = found - orphans.len() as u64;
        Ok(swept)
    }

    /// Removes files of uploads that were cut off by a kill. A bucket has rules of its own for them.
    async fn sweep_cut_off(&self, prefix: &BlobKey, before: Timestamp) -> Result<u64, BlobError> {
        let Some(folder) = self.folder.as_ref().map(|folder| folder.join(prefix.as_str())) else {
            return Ok(0);
        };
        let before = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(before.us()).unwrap_or(0));
        let swept = tokio::task::spawn_blocking(move || cut_off(&folder, before, DEPTH_MAX)).await;
        Ok(swept.unwrap_or_else(|error| {
            tracing::warn!(error = %error, "files of uploads that were cut off could not be looked for");
            0
        }))
    }
}

/// Removes the files that a writer stages beside their place and that nobody has touched since `before`.
fn cut_off(folder: &Path, before: SystemTime, depth: usize) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let mut removed = 0;
    for path in paths {
        let Ok(meta) = path.symlink_metadata() else { continue };
        if meta.is_dir() && depth > 0 {
            removed += cut_off(&path, before, depth - 1);
        } else if meta.is_file()
            && is_staged(&path)
            && meta.modified().is_ok_and(|written| written < before)
            && std::fs::remove_file(&path).is_ok()
        {
            removed += 1;
        }
    }
    removed
}

/// `NAME#7`: no key of an object can be that, and no list shows it.
fn is_staged(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.rsplit_once('#').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}
