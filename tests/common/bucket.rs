//! A bucket of a real server that speaks S3's language: `moto_server` (`pip install -r .ci/s3-requirements.txt`), named by
//! `NIGHTSHIFT_MOTO_SERVER` or found on the path.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::DEADLINE;

/// Pause between two looks at whether it listens.
const POLL: Duration = Duration::from_millis(20);
/// What the bucket is called.
const NAME: &str = "nightshift-test";

/// A running server with one bucket; it ends with this value.
pub(crate) struct Bucket {
    child: Child,
    port: u16,
}

impl Bucket {
    /// Starts one on a free port. Nothing where there is no server, which is a failure if `NIGHTSHIFT_REQUIRE_S3` is set.
    pub(crate) async fn start() -> Option<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        Self::start_at(port).await
    }

    /// Starts one, empty, where another one was.
    pub(crate) async fn start_at(port: u16) -> Option<Self> {
        let program = std::env::var("NIGHTSHIFT_MOTO_SERVER").unwrap_or_else(|_| "moto_server".to_owned());
        let mut command = Command::new(program);
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            assert!(std::env::var("NIGHTSHIFT_REQUIRE_S3").is_err(), "there is no moto_server");
            eprintln!("skipped: no moto_server, see .ci/s3-requirements.txt");
            return None;
        };
        let bucket = Self { child, port };
        let made = async {
            while !reqwest::Client::new()
                .put(bucket.url(""))
                .send()
                .await
                .is_ok_and(|a| a.status().is_success())
            {
                sleep(POLL).await;
            }
        };
        timeout(DEADLINE, made).await.expect("moto_server listens");
        Some(bucket)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn url(&self, query: &str) -> String {
        format!("http://127.0.0.1:{}/{NAME}{query}", self.port)
    }

    /// The keys of all objects, in order.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let listed =
            reqwest::get(self.url("?list-type=2")).await.expect("a list").text().await.expect("text");
        let keys = listed.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        keys.map(|(key, _)| key.to_owned()).collect()
    }

    /// What a plant needs to keep its objects here.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        [
            ("STORAGE__S3__BUCKET", NAME.to_owned()),
            ("STORAGE__S3__REGION", "ap-northeast-2".to_owned()),
            ("STORAGE__S3__ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("STORAGE__S3__ALLOW_HTTP", "true".to_owned()),
            ("STORAGE__S3__ACCESS_KEY_ID", "test".to_owned()),
            ("STORAGE__S3__SECRET_ACCESS_KEY", "test".to_owned()),
            ("STORAGE__S3__TIMEOUT_S", "2".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
