//! What the agent must not forget, as lines of a file: how a content is sent, and what became of it.
//!
//! A line is on the disk before what it says is done or taken for granted. A line that was cut off by a kill is thrown
//! away; the one before it counts.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::AgentError;
use super::folder::write_whole;

const FILE: &str = "journal.jsonl";
const LOCK: &str = "agent.lock";
/// Contents that are remembered; the oldest are forgotten when the agent starts.
const REMEMBERED_MAX: usize = 100_000;
/// For how long, microseconds: 60 days.
const REMEMBERED_US: i64 = 60 * 86_400 * 1_000_000;
/// Longest line, bytes.
const LINE_BYTES_MAX: u64 = 64 * 1_024;

/// What became of a content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The server has it.
    Completed,
    /// It was refused.
    Refused {
        /// What is wrong, for programs.
        code: String,
        /// What is wrong, for people.
        detail: String,
        /// The status of the answer.
        status: Option<u16>,
    },
}

/// A line.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    hash: String,
    /// By how much its times are put right, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    behind_s: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    at_us: i64,
    /// Whether the counts of the file's first line hold it already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    counted: bool,
    /// What came before the lines of this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counts: Option<(u64, u64)>,
}

/// What is known of a content.
#[derive(Debug, Clone, Default)]
struct Known {
    behind_s: Option<i64>,
    outcome: Option<Outcome>,
    at_us: i64,
}

/// The journal.
pub(crate) struct Journal {
    file: File,
    known: HashMap<String, Known>,
    completed: u64,
    refused: u64,
    /// Held so that no second agent uses the folder.
    _lock: File,
}

impl Journal {
    /// Reads what was written, and makes the file small.
    pub(crate) fn open(dir: &Path, now_us: i64) -> Result<Self, AgentError> {
        let path = dir.join(FILE);
        let refused = |reason: String| AgentError::State { path: path.clone(), reason };
        std::fs::create_dir_all(dir).map_err(|e| refused(e.to_string()))?;
        let lock = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK));
        let lock = lock.map_err(|e| refused(e.to_string()))?;
        if matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock)) {
            return Err(AgentError::Taken(dir.to_owned()));
        }
        let (mut known, completed, done) = read(&path).map_err(|e| refused(e.to_string()))?;
        forget_old(&mut known, now_us);
        rewrite(&path, &known, (completed, done), now_us);
        let file =
            File::options().append(true).create(true).open(&path).map_err(|e| refused(e.to_string()))?;
        Ok(Self { file, known, completed, refused: done, _lock: lock })
    }

    /// Contents completed and refused, ever.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.completed, self.refused)
    }

    /// What became of a content, if that is known.
    pub(crate) fn outcome(&self, hash: &str) -> Option<&Outcome> {
        self.known.get(hash)?.outcome.as_ref()
    }

    /// By how much a content's times are put right, if it was ever about to be sent.
    pub(crate) fn behind_s(&self, hash: &str) -> Option<i64> {
        self.known.get(hash)?.behind_s
    }

    /// Notes how a content will be sent. It is always sent so.
    pub(crate) fn prepare(&mut self, hash: &str, behind_s: i64, at_us: i64) -> io::Result<()> {
        // What needs nothing to be put right is what it is without a line.
        if behind_s != 0 {
            self.append(&Line {
                hash: hash.to_owned(),
                behind_s: Some(behind_s),
                outcome: None,
                at_us,
                counted: false,
                counts: None,
            })?;
        }
        let known = self.known.entry(hash.to_owned()).or_default();
        (known.behind_s, known.at_us) = (Some(behind_s), at_us);
        Ok(())
    }

    /// Notes what became of a content.
    pub(crate) fn settle(&mut self, hash: &str, outcome: Outcome, at_us: i64) -> io::Result<()> {
        let noted = Some(outcome.clone());
        let line = Line {
            hash: hash.to_owned(),
            behind_s: None,
            outcome: noted,
            at_us,
            counted: false,
            counts: None,
        };
        let written = self.append(&line);
        // In this life it is known either way; in the next one the server knows.
        match outcome {
            Outcome::Completed => self.completed += 1,
            Outcome::Refused { .. } => self.refused += 1,
        }
        let known = self.known.entry(hash.to_owned()).or_default();
        (known.outcome, known.at_us) = (Some(outcome), at_us);
        written
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
        // A line that was cut off before does not spoil this one.
        text.insert(0, b'\n');
        text.push(b'\n');
        self.file.write_all(&text)?;
        self.file.sync_data()
    }
}

type Read3 = (HashMap<String, Known>, u64, u64);

fn read(path: &Path) -> io::Result<Read3> {
    let mut known: HashMap<String, Known> = HashMap::new();
    let (mut completed, mut refused) = (0, 0);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((known, 0, 0)),
        Err(e) => return Err(e),
    };
    // What is no file has nothing to read.
    if !file.metadata()?.is_file() {
        return Ok((known, 0, 0));
    }
    let mut lines = BufReader::new(file);
    loop {
        let mut text = Vec::new();
        if (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut text)? == 0 {
            return Ok((known, completed, refused));
        }
        let Ok(line) = serde_json::from_slice::<Line>(&text) else { continue };
        if let Some((before, before_refused)) = line.counts {
            (completed, refused) = (before, before_refused);
            continue;
        }
        let entry = known.entry(line.hash).or_default();
        entry.at_us = line.at_us;
        entry.behind_s = line.behind_s.or(entry.behind_s);
        if let Some(outcome) = line.outcome {
            if entry.outcome.is_none() && !line.counted {
                match outcome {
                    Outcome::Completed => completed += 1,
                    Outcome::Refused { .. } => refused += 1,
                }
            }
            entry.outcome = Some(outcome);
        }
    }
}

fn forget_old(known: &mut HashMap<String, Known>, now_us: i64) {
    known.retain(|_, entry| entry.outcome.is_none() || now_us.saturating_sub(entry.at_us) < REMEMBERED_US);
    if known.len() > REMEMBERED_MAX {
        let mut times: Vec<i64> = known.values().map(|entry| entry.at_us).collect();
        times.sort_unstable();
        let oldest = times[times.len() - REMEMBERED_MAX];
        known.retain(|_, entry| entry.at_us >= oldest);
    }
}

/// Makes the file small: the counts, then what is remembered. A disk that is full leaves it as it is.
fn rewrite(path: &Path, known: &HashMap<String, Known>, counts: (u64, u64), now_us: i64) {
    let lines = known.iter().map(|(hash, entry)| Line {
        hash: hash.clone(),
        behind_s: entry.behind_s,
        outcome: entry.outcome.clone(),
        at_us: entry.at_us,
        counted: true,
        counts: None,
    });
    let head = Line {
        hash: String::new(),
        behind_s: None,
        outcome: None,
        at_us: now_us,
        counted: true,
        counts: Some(counts),
    };
    let mut text = Vec::new();
    for line in std::iter::once(head).chain(lines) {
        if serde_json::to_writer(&mut text, &line).is_ok() {
            text.push(b'\n');
        }
    }
    let is_file = path.metadata().map_or(true, |meta| meta.is_file());
    if is_file && let Err(error) = write_whole(path, &text) {
        tracing::warn!(error = %error, path = %PathBuf::from(path).display(), "the agent's journal stays as long as it is");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000_000;

    fn refused(code: &str) -> Outcome {
        Outcome::Refused { code: code.to_owned(), detail: "이유".to_owned(), status: Some(400) }
    }

    #[test]
    fn what_was_noted_is_known_in_the_next_life() {
        let dir = tempfile::tempdir().expect("folder");
        let mut journal = Journal::open(dir.path(), NOW).expect("new");
        journal.prepare("a", -86_400, NOW).expect("noted");
        journal.settle("a", Outcome::Completed, NOW).expect("noted");
        journal.settle("b", refused("BAD"), NOW).expect("noted");
        journal.prepare("c", 7, NOW).expect("noted");
        journal.prepare("d", 0, NOW).expect("needs no line");
        assert!(matches!(Journal::open(dir.path(), NOW), Err(AgentError::Taken(_))));
        for life in 0..3 {
            drop(journal);
            journal = Journal::open(dir.path(), NOW).expect("again");
            assert_eq!(journal.counts(), (1, 1), "life {life}");
            assert_eq!(journal.outcome("a"), Some(&Outcome::Completed));
            assert_eq!((journal.outcome("b"), journal.behind_s("c")), (Some(&refused("BAD")), Some(7)));
            assert_eq!((journal.outcome("c"), journal.behind_s("d")), (None, None));
        }
    }

    #[test]
    fn a_line_that_was_cut_off_spoils_nothing() {
        let dir = tempfile::tempdir().expect("folder");
        let mut journal = Journal::open(dir.path(), NOW).expect("new");
        journal.settle("a", Outcome::Completed, NOW).expect("noted");
        drop(journal);
        let path = dir.path().join(FILE);
        let whole = std::fs::read(&path).expect("read");
        let mut file = File::options().append(true).open(&path).expect("open");
        file.write_all(b"\n{\"hash\":\"b\",\"outco").expect("cut off");
        drop(file);
        let mut journal = Journal::open(dir.path(), NOW).expect("again");
        journal.settle("c", Outcome::Completed, NOW).expect("noted");
        drop(journal);
        let journal = Journal::open(dir.path(), NOW).expect("again");
        assert_eq!((journal.outcome("b"), journal.counts()), (None, (2, 0)));
        assert!(journal.outcome("a").is_some() && journal.outcome("c").is_some());
        assert!(whole.len() < 2_000);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_the_life_goes_on() {
        let dir = tempfile::tempdir().expect("folder");
        std::os::unix::fs::symlink("/dev/full", dir.path().join(FILE)).expect("linked");
        let mut journal = Journal::open(dir.path(), NOW).expect("opened");
        let full = journal.settle("a", Outcome::Completed, NOW).expect_err("full");
        assert!(super::super::folder::is_full(&full), "{full}");
        assert_eq!(journal.outcome("a"), Some(&Outcome::Completed), "this life knows");
    }
}
