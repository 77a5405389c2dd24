//! Trees of files: copied, flushed, compared.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Deepest folder that is walked.
const DEPTH_MAX: usize = 32;

/// A folder that only its owner may enter: it holds keys.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Copies one file with its permissions, and flushes it.
pub(super) fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

/// Copies a tree but for the paths in `left_out`. A file that goes away meanwhile is no failure; links are not followed.
pub(super) fn copy_tree(from: &Path, to: &Path, left_out: &[PathBuf]) -> io::Result<()> {
    make_private(to)?;
    for path in walk(from, left_out)? {
        let below = path.strip_prefix(from).map_err(io::Error::other)?;
        match copy_file(&path, &to.join(below)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => {}
            copied => copied?,
        }
    }
    Ok(())
}

/// Every file below, but for those in `left_out` and what is below them.
pub(super) fn walk(root: &Path, left_out: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![(root.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        if !folder.exists() || depth > DEPTH_MAX {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if left_out.contains(&path) {
                continue;
            }
            if kind.is_dir() {
                folders.push((path, depth + 1));
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Flushes every file and folder, so that a rename makes all of it durable.
pub(super) fn sync_tree(root: &Path) -> io::Result<()> {
    for path in walk(root, &[])? {
        File::open(&path)?.sync_all()?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
    }
    File::open(root)?.sync_all()
}

/// The first file of `of` that `in_place` has too.
pub(super) fn first_in_the_way(of: &Path, in_place: &Path) -> io::Result<Option<PathBuf>> {
    let below = walk(of, &[])?;
    let mut paths =
        below.iter().filter_map(|path| path.strip_prefix(of).ok()).map(|path| in_place.join(path));
    Ok(paths.find(|path| path.exists()))
}
