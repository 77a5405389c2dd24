//! A throw-away Redis of a local binary, for tests that stop it.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often a start is looked at, and the pause between two looks: 10 s in all.
const LOOKS: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// A running Redis that keeps nothing; stopped when it is dropped.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    child: Option<Child>,
}

impl RedisServer {
    /// A Redis on a port that nobody else uses; `None`, said on standard error, where there is no binary.
    ///
    /// # Panics
    /// When there is none and `NIGHTSHIFT_REQUIRE_REDIS=1`.
    pub async fn start() -> Option<Self> {
        // Free at this moment, which is as much as can be known.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).ok()?.local_addr().ok()?.port();
        let mut server = Self { port, child: None };
        if server.resume().await {
            return Some(server);
        }
        let required = std::env::var("NIGHTSHIFT_REQUIRE_REDIS").is_ok_and(|v| v == "1");
        assert!(!required, "NIGHTSHIFT_REQUIRE_REDIS=1, but there is no redis-server");
        eprintln!("skipped: no redis-server");
        None
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Cuts it off. What it held is lost.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it on its port. Whether it answers.
    pub async fn resume(&mut self) -> bool {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.current_dir(std::env::temp_dir());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(child) = command.spawn() else { return false };
        self.child = Some(child);
        for _ in 0..LOOKS {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.stop();
        false
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}
