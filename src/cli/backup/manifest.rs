//! What a backup holds: every file with its length and SHA-256.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use nightshift_domain::Timestamp;
use nightshift_store::Engine;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::walk;

/// The manifest's own name.
const NAME: &str = "manifest.json";
/// Form of a backup; others are refused.
const FORM: u32 = 1;
/// Largest manifest that is read, bytes.
const BYTES_MAX: u64 = 256 * 1_024 * 1_024;
/// Bytes read at once.
const CHUNK_BYTES: usize = 1_024 * 1_024;

/// A backup's list of contents.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    form: u32,
    /// Version of the program that made it.
    version: String,
    /// When.
    created_at: Timestamp,
    /// `sqlite` or `postgres`.
    pub(super) engine: String,
    pub(super) files: Vec<Entry>,
}

/// One file of a backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    path: String,
    pub(super) bytes: u64,
    sha256: String,
}

impl Manifest {
    /// Of the files below `root`.
    pub(super) fn of(root: &Path, engine: Engine, now_us: i64) -> io::Result<Self> {
        let entry = |path: &std::path::PathBuf| {
            let below = path.strip_prefix(root).map_err(io::Error::other)?;
            let name = below.to_str().ok_or_else(|| io::Error::other("a file's name is no text"))?;
            let (bytes, sha256) = digest(path)?;
            Ok(Entry { path: name.to_owned(), bytes, sha256 })
        };
        let files = walk(root, &[root.join(NAME)])?.iter().map(entry).collect::<io::Result<_>>()?;
        let (version, engine) = (crate::VERSION.to_owned(), engine.as_str().to_owned());
        Ok(Self { form: FORM, version, created_at: Timestamp::from_us(now_us), engine, files })
    }

    pub(super) fn write(&self, root: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        std::fs::write(root.join(NAME), text)
    }

    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut text = Vec::new();
        File::open(root.join(NAME))?.take(BYTES_MAX).read_to_end(&mut text)?;
        let manifest: Self = serde_json::from_slice(&text).map_err(io::Error::other)?;
        if manifest.form != FORM {
            return Err(io::Error::other(format!(
                "it has form {}, this program knows {FORM}",
                manifest.form
            )));
        }
        Ok(manifest)
    }

    /// Whether the files are those that the manifest lists, byte for byte.
    pub(super) fn verify(&self, root: &Path) -> io::Result<()> {
        let mut listed = BTreeSet::new();
        for entry in &self.files {
            let path = Path::new(&entry.path);
            if !path.components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(io::Error::other(format!("{}: the path leads elsewhere", entry.path)));
            }
            let found =
                digest(&root.join(path)).map_err(|e| io::Error::other(format!("{}: {e}", entry.path)))?;
            if found != (entry.bytes, entry.sha256.clone()) {
                return Err(io::Error::other(format!("{}: it was changed", entry.path)));
            }
            listed.insert(root.join(path));
        }
        let extra = walk(root, &[root.join(NAME)])?.into_iter().find(|path| !listed.contains(path));
        extra.map_or(Ok(()), |path| Err(io::Error::other(format!("{}: it was added", path.display()))))
    }
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        bytes += u64::try_from(read).unwrap_or(0);
    }
    let text: Vec<String> = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, text.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_added_or_taken_away_is_noticed() {
        let folder = tempfile::tempdir().expect("folder");
        let root = folder.path();
        std::fs::create_dir(root.join("files")).expect("folder");
        std::fs::write(root.join("files/a"), "one").expect("file");
        std::fs::write(root.join("b"), "two").expect("file");
        let manifest = Manifest::of(root, Engine::Sqlite, 0).expect("manifest");
        manifest.write(root).expect("written");
        let verify = || Manifest::read(root).expect("read").verify(root);
        assert!(verify().is_ok());
        std::fs::write(root.join("b"), "twp").expect("file");
        assert!(verify().expect_err("changed").to_string().contains("changed"));
        std::fs::write(root.join("b"), "two").expect("file");
        std::fs::write(root.join("c"), "three").expect("file");
        assert!(verify().expect_err("added").to_string().contains("added"));
        std::fs::remove_file(root.join("c")).expect("removed");
        std::fs::remove_file(root.join("files/a")).expect("removed");
        assert!(verify().expect_err("taken").to_string().contains("files/a"));
    }

    #[test]
    fn a_path_that_leads_out_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let entry = Entry { path: "../x".to_owned(), bytes: 0, sha256: String::new() };
        let (version, engine) = ("0".to_owned(), "sqlite".to_owned());
        let manifest =
            Manifest { form: FORM, version, created_at: Timestamp::from_us(0), engine, files: vec![entry] };
        assert!(manifest.verify(folder.path()).expect_err("out").to_string().contains("elsewhere"));
    }
}
