//! A throw-away PostgreSQL cluster of local binaries: one per process, stopped with its last user.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};

use tokio::sync::Mutex;

/// Where distributions put the binaries, one folder per major version.
const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";

static SHARED: Mutex<Weak<Cluster>> = Mutex::const_new(Weak::new());

/// A running cluster in a folder of its own.
#[derive(Debug)]
pub struct Cluster {
    folder: tempfile::TempDir,
    bin: PathBuf,
    user: Option<(u32, u32)>,
    url: String,
    /// How the server is started.
    settings: String,
}

impl Cluster {
    /// The process's cluster; `None` when there are no binaries, or they do not work.
    pub(super) async fn shared() -> Option<Arc<Self>> {
        let mut shared = SHARED.lock().await;
        if let Some(cluster) = shared.upgrade() {
            return Some(cluster);
        }
        let cluster = tokio::task::spawn_blocking(|| Self::start(None)).await.ok()??;
        let cluster = Arc::new(cluster);
        *shared = Arc::downgrade(&cluster);
        Some(cluster)
    }

    /// A cluster on a TCP port that nobody else uses, for tests that stop it. `None` when there are no binaries, or they
    /// do not work.
    pub async fn own() -> Option<Self> {
        // Free at this moment, which is as much as can be known.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).ok()?.local_addr().ok()?.port();
        tokio::task::spawn_blocking(move || Self::start(Some(port))).await.ok()?
    }

    /// Stops the server as an administrator does, cutting its clients off. Whether it stopped.
    pub async fn stop(&self) -> bool {
        self.control("fast", "stop").is_some()
    }

    /// Starts it again on the same port. Whether it started.
    pub async fn resume(&self) -> bool {
        self.serve().is_some()
    }

    /// Url of its administrative database.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Listens on `port`, else on a socket in its folder alone.
    fn start(port: Option<u16>) -> Option<Self> {
        let bin = binaries()?;
        let folder = tempfile::Builder::new().prefix("nightshift-pg-").tempdir().ok()?;
        let user = unprivileged_user()?;
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).ok()?;
        }
        let socket = folder.path().display().to_string();
        // Durability is not what a test of the store's statements needs; the speed is.
        let common = format!("-c fsync=off -c max_connections=200 -k {socket}");
        let (url, settings) = match port {
            Some(port) => (
                format!("postgres://postgres@127.0.0.1:{port}/postgres"),
                format!("{common} -c listen_addresses=127.0.0.1 -p {port}"),
            ),
            None => (
                format!("postgres://postgres@localhost/postgres?host={}", socket.replace('/', "%2F")),
                format!("{common} -c listen_addresses=''"),
            ),
        };
        let cluster = Self { folder, bin, user, url, settings };
        let data = cluster.data();
        let init = ["-D", &data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"];
        cluster.run("initdb", &init)?;
        cluster.serve()?;
        Some(cluster)
    }

    fn serve(&self) -> Option<()> {
        let log = self.folder.path().join("log").display().to_string();
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-l", &log, "-o", &self.settings, "start"])
    }

    fn control(&self, mode: &str, order: &str) -> Option<()> {
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-m", mode, order])
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, args: &[&str]) -> Option<()> {
        let mut command = Command::new(self.bin.join(program));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        // The server inherits these: a pipe would never end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command.status().ok()?.success().then_some(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What is left of it when this fails goes with the machine's temporary folder.
        let _ = self.control("immediate", "stop");
    }
}

/// The folder of `initdb`: from `PATH`, else the newest that a distribution has installed.
fn binaries() -> Option<PathBuf> {
    let has = |folder: &Path| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    let path = std::env::var_os("PATH")?;
    let version =
        |p: &Path| p.parent().and_then(Path::file_name).and_then(|n| n.to_str()?.parse::<u32>().ok());
    std::env::split_paths(&path).find(|p| has(p)).or_else(|| {
        let folders = std::fs::read_dir(DEBIAN_FOLDER).ok()?;
        folders.flatten().map(|e| e.path().join("bin")).filter(|p| has(p)).max_by_key(|p| version(p))
    })
}

/// PostgreSQL refuses to run as root: then the user `postgres` runs it. Outer `None`: root, and there is no such user.
fn unprivileged_user() -> Option<Option<(u32, u32)>> {
    let id = |args: &[&str]| -> Option<u32> {
        let out = Command::new("id").args(args).output().ok()?;
        String::from_utf8(out.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"])? != 0 {
        return Some(None);
    }
    Some(Some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?)))
}
