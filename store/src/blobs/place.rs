//! The folders that objects will lie in, made before the objects come.
//!
//! A new folder has to be synced with the ones above it, which takes longer than to keep a small object. Where it is known
//! beforehand that objects will come, that is done before anybody waits for them. A bucket has no folders: there it is nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{BlobError, BlobKey, Blobs};

impl Blobs {
    /// Makes folders, each the beginning of keys to come. Once it has returned they are there for good; called again it changes nothing.
    ///
    /// # Errors
    /// [`BlobError::Failed`]: call it again before objects are put into them, because some may be there that are not synced.
    pub async fn make_room(&self, folders: &[BlobKey]) -> Result<(), BlobError> {
        let (Some(first), Some(root)) = (folders.first(), self.folder.clone()) else { return Ok(()) };
        let paths = paths_of(&root, folders);
        let made = tokio::task::spawn_blocking(move || make_durable(&root, &paths)).await;
        made.unwrap_or_else(|ended| Err(io::Error::other(ended))).map_err(|error| {
            let source = object_store::Error::Generic { store: "folder", source: Box::new(error) };
            BlobError::of("room", first, source)
        })
    }

    /// Removes folders and the ones above them, as far as they are empty.
    pub async fn give_room_back(&self, folders: &[BlobKey]) {
        let Some(root) = self.folder.clone() else { return };
        let paths = paths_of(&root, folders);
        let removed = tokio::task::spawn_blocking(move || remove_empty(&root, &paths)).await;
        if let Err(ended) = removed {
            tracing::warn!(error = %ended, "empty folders of objects were not removed");
        }
    }
}

fn paths_of(root: &Arc<PathBuf>, folders: &[BlobKey]) -> Vec<PathBuf> {
    folders.iter().map(|key| root.join(key.as_str())).collect()
}

/// The folders between `root`, which is not among them, and `path`, the innermost first.
fn below<'a>(root: &'a Path, path: &'a Path) -> impl Iterator<Item = &'a Path> {
    path.ancestors().take_while(move |folder| folder != &root)
}

/// Makes folders and syncs every one that leads to them: who finds them there may rely on it.
fn make_durable(root: &Path, paths: &[PathBuf]) -> io::Result<()> {
    let mut above = BTreeSet::from([root]);
    for path in paths {
        fs::create_dir_all(path)?;
        above.extend(below(root, path).skip(1));
    }
    // Elsewhere a folder cannot be opened as a file, and its entries are as safe as the file system makes them.
    if !cfg!(unix) {
        return Ok(());
    }
    above.into_iter().try_for_each(|folder| fs::File::open(folder)?.sync_all())
}

fn remove_empty(root: &Path, paths: &[PathBuf]) {
    for path in paths {
        // Only an empty folder can be removed so: the first that is not ends the way up.
        let _ = below(root, path).map(fs::remove_dir).find(Result::is_err);
    }
}
