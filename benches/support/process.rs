//! The program as a process of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nightshift_kernel::Clock;

use super::client::{Connection, get, post};

/// Pause between two looks at a program that starts.
const POLL: Duration = Duration::from_millis(2);
/// How long it may take to start.
const START_MAX: Duration = Duration::from_secs(60);

/// Names another build of the program to measure.
const PROGRAM: &str = "NIGHTSHIFT_BENCH_PROGRAM";

/// Password of the server's first user.
const PASSWORD: &str = "Night-Shift-42";

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first `ready`.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts `nightshift serve` on the CPU with its data in `dir`, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start.
    pub(crate) async fn start(dir: &Path, database_url: Option<&str>) -> Self {
        Self::start_with(dir, database_url, &[]).await
    }

    /// As [`Self::start`], with more in its environment.
    ///
    /// # Panics
    /// When it does not start.
    pub(crate) async fn start_with(
        dir: &Path,
        database_url: Option<&str>,
        environment: &[(&str, &str)],
    ) -> Self {
        let clock = Clock::system();
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("its address");
        drop(free);
        let program = std::env::var_os(PROGRAM).unwrap_or_else(|| env!("CARGO_BIN_EXE_nightshift").into());
        let mut command = Command::new(program);
        command.args(["serve", "--listen", &address.to_string(), "--data-dir"]).arg(dir);
        if let Some(url) = database_url {
            command.args(["--database", url]);
        }
        command.env("NIGHTSHIFT__INFERENCE__DEVICE", "cpu").env("NIGHTSHIFT_ADMIN_PASSWORD", PASSWORD);
        command.env("NIGHTSHIFT__HTTP__RATE_LIMIT__ENABLED", "false");
        command.env("NIGHTSHIFT__SENSING__OPEN", "true");
        command.envs(environment.iter().copied());
        let log = std::fs::File::create(dir.join("stderr.log")).expect("a file for the log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let begun = clock.monotonic();
        let child = command.spawn().expect("the program starts");
        let mut server = Self { child, address, ready_after: Duration::ZERO };
        while !server.is_ready().await {
            let ended = server.child.try_wait().expect("its state");
            assert!(ended.is_none() && clock.monotonic() - begun < START_MAX, "not started: {ended:?}");
            clock.sleep(POLL).await;
        }
        server.ready_after = clock.monotonic() - begun;
        server
    }

    /// An access token of the first user.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) async fn sign_in(&self) -> String {
        let mut connection = Connection::open(self.address).await.expect("connect");
        let credentials = format!("{{\"username\":\"admin\",\"password\":\"{PASSWORD}\"}}");
        let request = post("/api/v1/auth/login", "", &credentials);
        assert_eq!(connection.exchange(&request).await.expect("an answer"), 200);
        let answer: serde_json::Value = serde_json::from_slice(connection.body()).expect("json");
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.address).await else { return false };
        connection.exchange(&get("/api/v1/health/readiness")).await.is_ok_and(|status| status == 200)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory, MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        resident_mib(&self.child.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident memory of a process (`self` for this one), MiB.
///
/// # Panics
/// Where there is no `/proc`.
pub(crate) fn resident_mib(process: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib / 1_024.0
}

/// Processor time that a process has used, seconds: its own and the kernel's on its behalf, to a hundredth.
///
/// # Panics
/// Where there is no `/proc`.
pub(crate) fn processor_s(process: u32) -> f64 {
    /// Linux counts in hundredths for its users, whatever its own clock does.
    const HERTZ: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the process's times");
    // Its name may have blanks, and ends at the last bracket.
    let (_, after) = stat.rsplit_once(')').expect("a name");
    let times = after.split_ascii_whitespace().skip(11).take(2);
    times.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / HERTZ
}
