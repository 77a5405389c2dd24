//! Disks that can be filled: a small file system of its own in a file, where this machine lets the test mount one.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::NamedTempFile;

/// Blocks that may be left when the large filler cannot grow any more.
const SMALL_FILLERS_MAX: u32 = 64;

/// A file system. It goes away when it is dropped.
pub(crate) struct SmallDisk {
    path: PathBuf,
    _image: NamedTempFile,
}

fn done(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}

impl SmallDisk {
    /// Mounts one of that size at `path`, which is made. `None` where that is not allowed.
    pub(crate) fn mount(path: &Path, bytes: u64) -> Option<Self> {
        std::fs::create_dir_all(path).expect("the folder of the disk");
        let image = NamedTempFile::new().expect("a file");
        image.as_file().set_len(bytes).expect("its size");
        let (file, at) = (image.path().to_str()?, path.to_str()?);
        // Nothing is kept back for root, who runs the test.
        let made = done("mke2fs", &["-q", "-F", "-t", "ext4", "-m", "0", "-O", "^has_journal", file]);
        if made && done("mount", &["-o", "loop", file, at]) {
            return Some(Self { path: path.to_owned(), _image: image });
        }
        eprintln!("skipped: it needs mke2fs, and root on a machine with loop devices, to mount a small disk");
        None
    }

    /// Fills it until about so many bytes are left; with 0, until nothing can be written any more.
    pub(crate) fn fill_up_to(&self, left: u64) {
        const PIECE: usize = 4_096;
        let file = File::options().create(true).append(true).open(self.filler(0));
        let mut file = file.expect("the filler can be opened");
        let mut more = self.available().saturating_sub(left);
        while (left == 0 || more > 0) && file.write_all(&[7; PIECE]).is_ok() {
            more = more.saturating_sub(PIECE as u64);
        }
        let _ = file.sync_all();
        // A block may be left that only another file can have.
        let small = |n: u32| -> std::io::Result<()> {
            let mut file = File::create(self.filler(n))?;
            file.write_all(&[7])?;
            file.sync_all()
        };
        if left == 0 {
            let _ = (1..SMALL_FILLERS_MAX).try_for_each(small);
        }
    }

    /// Makes room.
    pub(crate) fn empty(&self) {
        for n in 0..SMALL_FILLERS_MAX {
            let _ = std::fs::remove_file(self.filler(n));
        }
    }

    fn filler(&self, n: u32) -> PathBuf {
        self.path.join(format!("filler-{n}"))
    }

    /// Bytes that can still be written.
    fn available(&self) -> u64 {
        let output = Command::new("df").args(["--output=avail", "-B1"]).arg(&self.path).output().expect("df");
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().nth(1).and_then(|line| line.trim().parse().ok()).expect("a figure")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).output();
    }
}
