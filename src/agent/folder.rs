//! The work folder: `pending`, `completed`, `error` and `firmware`.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::AgentError;

/// Most files that one look takes in; the rest has its turn later.
const FILES_MAX: usize = 10_000;

/// The folders.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    pub(crate) pending: PathBuf,
    completed: PathBuf,
    error: PathBuf,
    pub(crate) firmware: PathBuf,
}

/// A file as a look found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    /// When it was last written, by the file system's clock; only ever compared with itself.
    pub(crate) written: Option<std::time::SystemTime>,
}

/// Why a file was refused: lies beside it.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorNote<'a> {
    /// The file.
    pub(crate) file: &'a str,
    /// What is wrong, for programs.
    pub(crate) code: &'a str,
    /// What is wrong, for people.
    pub(crate) detail: &'a str,
    /// The status of the server's answer, if it was asked.
    pub(crate) status: Option<u16>,
    /// When, by the station's clock.
    pub(crate) at: String,
}

impl Folders {
    /// Makes the folders if need be.
    pub(crate) fn open(work_dir: &Path) -> Result<Self, AgentError> {
        let make = |name: &str| {
            let path = work_dir.join(name);
            match std::fs::create_dir_all(&path) {
                Ok(()) => Ok(path),
                Err(source) => Err(AgentError::Folder { path, source }),
            }
        };
        Ok(Self {
            pending: make("pending")?,
            completed: make("completed")?,
            error: make("error")?,
            firmware: make("firmware")?,
        })
    }

    /// The completion files that are there: `*.json`, no hidden or partial ones.
    pub(crate) fn look(&self) -> io::Result<Vec<Seen>> {
        let mut seen = Vec::new();
        for entry in std::fs::read_dir(&self.pending)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_json = name.len() > 5 && name[name.len() - 5..].eq_ignore_ascii_case(".json");
            if !is_json || name.starts_with('.') || name.starts_with('~') {
                continue;
            }
            // One that was moved away meanwhile is nobody's fault.
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_file() {
                let written = meta.modified().ok();
                seen.push(Seen { name, path: entry.path(), size: meta.len(), written });
            }
            if seen.len() >= FILES_MAX {
                break;
            }
        }
        seen.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(seen)
    }

    /// Whether refused files lie in `error`.
    pub(crate) fn has_refused(&self) -> bool {
        let entries = std::fs::read_dir(&self.error).into_iter().flatten().filter_map(Result::ok);
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.take(FILES_MAX).any(|name| name.ends_with(".json") && !name.ends_with(".error.json"))
    }

    /// Moves a file to `completed`.
    pub(crate) fn complete(&self, file: &Path, name: &str) -> io::Result<()> {
        move_into(&self.completed, file, name)
    }

    /// Moves a file to `error`, with the reason beside it. The reason comes first: a file there always has one.
    pub(crate) fn refuse(&self, file: &Path, name: &str, note: &ErrorNote<'_>) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(note).map_err(io::Error::other)?;
        let stem = name.strip_suffix(".json").unwrap_or(name);
        write_whole(&self.error.join(format!("{stem}.error.json")), &text)?;
        move_into(&self.error, file, name)
    }
}

/// Moves a file into a folder. Another one of that name stays: the new one gets a part of its content's hash.
fn move_into(folder: &Path, file: &Path, name: &str) -> io::Result<()> {
    let target = folder.join(name);
    if !target.exists() {
        return moved(file, &target);
    }
    let content = std::fs::read(file)?;
    if std::fs::read(&target).is_ok_and(|there| there == content) {
        return moved(file, &target);
    }
    let hash = hash_of(&content);
    let stem = name.strip_suffix(".json").unwrap_or(name);
    moved(file, &folder.join(format!("{stem}.{}.json", &hash[..12])))
}

/// A move that was done before is done.
fn moved(file: &Path, target: &Path) -> io::Result<()> {
    match std::fs::rename(file, target) {
        Err(e) if e.kind() == io::ErrorKind::NotFound && !file.exists() && target.exists() => Ok(()),
        // Another file system: copied whole, then taken away.
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
            write_whole(target, &std::fs::read(file)?)?;
            std::fs::remove_file(file)
        }
        other => other,
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let written = std::fs::File::create(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        let _ = std::fs::remove_file(&partial);
        return Err(error);
    }
    std::fs::rename(&partial, path)
}

/// The key of a content.
pub(crate) fn hash_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether an error is that of a full disk.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_completions_are_seen() {
        let dir = tempfile::tempdir().expect("folder");
        let folders = Folders::open(dir.path()).expect("folders");
        for name in ["b.json", "a.JSON", ".c.json", "~d.json", "e.json.tmp", "f.txt"] {
            std::fs::write(folders.pending.join(name), "{}").expect("written");
        }
        std::fs::create_dir(folders.pending.join("g.json")).expect("made");
        let names: Vec<String> = folders.look().expect("seen").into_iter().map(|seen| seen.name).collect();
        assert_eq!(names, ["a.JSON", "b.json"]);
    }

    #[test]
    fn nothing_is_written_over() {
        let dir = tempfile::tempdir().expect("folder");
        let folders = Folders::open(dir.path()).expect("folders");
        let put = |text: &str| {
            let path = folders.pending.join("a.json");
            std::fs::write(&path, text).expect("written");
            path
        };
        for text in ["one", "one", "two"] {
            folders.complete(&put(text), "a.json").expect("moved");
        }
        let mut kept: Vec<String> = std::fs::read_dir(&folders.completed)
            .expect("folder")
            .map(|e| std::fs::read_to_string(e.expect("entry").path()).expect("text"))
            .collect();
        kept.sort();
        assert_eq!(kept, ["one", "two"], "the same once, others beside it");
        let note =
            ErrorNote { file: "a.json", code: "X", detail: "y", status: Some(400), at: "now".to_owned() };
        folders.refuse(&put("bad"), "a.json", &note).expect("moved");
        let reason = std::fs::read_to_string(folders.error.join("a.error.json")).expect("a reason");
        assert!(reason.contains("\"code\": \"X\""), "{reason}");
        assert!(folders.error.join("a.json").exists() && !folders.pending.join("a.json").exists());
        assert!(folders.has_refused());
        std::fs::remove_file(folders.error.join("a.json")).expect("somebody has looked at it");
        assert!(!folders.has_refused(), "its reason alone is none");
    }
}
