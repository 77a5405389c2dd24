//! Starts the program, talks to it, and stops it.

mod described;
pub(crate) mod disk;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nightshift_store::testing::{TestDb, postgres};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

pub(crate) mod bucket;

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
/// Pause between two looks at a condition.
const POLL: Duration = Duration::from_millis(20);

/// A file of that name in a server's directory is its configuration.
pub(crate) const CONFIG_FILE: &str = "nightshift.toml";

/// The password of `admin` in every test.
pub(crate) const ADMIN_PASSWORD: &str = "Night-shift-7";

/// What a program has written to standard error so far.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<String>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        self.0.lock().expect("log").clone()
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.0.lock().expect("log").contains(text)
    }

    fn add(&self, line: &str) {
        let mut text = self.0.lock().expect("log");
        text.push_str(line);
        text.push('\n');
    }
}

/// A running program.
pub(crate) struct Server {
    child: Child,
    log: Log,
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    pub(crate) dir: Arc<TempDir>,
    /// Sends the access token of `admin` with every request.
    pub(crate) client: Client,
    /// That token.
    pub(crate) token: String,
    /// Its database, where that is not in its directory; goes away after the program.
    home: Option<TestDb>,
}

/// An answer with its body read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().expect("header text"))
    }

    /// The `code` of an error answer, whose shape is checked on the way.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16(), "{body}");
        assert!(body["title"].is_string() && !body["detail"].is_null(), "{body}");
        assert_eq!(body["request_id"], self.header("x-request-id"), "{body}");
        body["code"].as_str().expect("code").to_owned()
    }
}

/// The program with `args`, in `dir`, without the caller's own settings.
pub(crate) fn program(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightshift"));
    command.current_dir(dir).args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if ["NIGHTSHIFT", "API_", "S3_", "AWS_"].iter().any(|own| name.starts_with(own)) {
            command.env_remove(name);
        }
    }
    command.env("NIGHTSHIFT__INFERENCE__DEVICE", "cpu");
    // Tests ask faster than people; those of the limits turn them on.
    command.env("NIGHTSHIFT__HTTP__RATE_LIMIT__ENABLED", "false");
    command.env("NIGHTSHIFT_ADMIN_PASSWORD", ADMIN_PASSWORD);
    command
}

/// Runs the program to its end.
pub(crate) fn run(dir: &Path, args: &[&str]) -> Output {
    program(dir, args).output().expect("the program starts")
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With settings on top, as `("HTTP__STREAMS_MAX", "1")`.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_in(Arc::new(TempDir::new().expect("directory")), settings).await
    }

    pub(crate) async fn start_in(dir: Arc<TempDir>, settings: &[(&str, &str)]) -> Self {
        let mut command = program(dir.path(), &["--listen", "127.0.0.1:0", "--data-dir", "data"]);
        if dir.path().join(CONFIG_FILE).exists() {
            command.args(["--config", CONFIG_FILE]);
        }
        for (name, value) in settings {
            command.env(format!("NIGHTSHIFT__{name}"), value);
        }
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("piped");
        let log = Log::default();
        let written = log.clone();
        let address = tokio::task::spawn_blocking(move || address_in(stderr, written)).await.expect("reader");
        let tls = settings.iter().any(|(name, _)| *name == "HTTP__TLS__CERTIFICATE");
        let scheme = if tls { "https" } else { "http" };
        // It takes a moment: no test is to wait for it in the middle of what it does.
        tokio::task::spawn_blocking(described::read).await.expect("a description");
        let token = admin_token(&format!("{scheme}://{address}")).await;
        let client = client_with(&token);
        Self { child, log, address, scheme, dir, client, token, home: None }
    }

    /// On a fresh PostgreSQL database; `None` where there is no server for one.
    pub(crate) async fn on_postgres() -> Option<Self> {
        let home = postgres().await?;
        home.db.close().await;
        let mut server = Self::start_with(&[("DATABASE__URL", &home.options.url)]).await;
        server.home = Some(home);
        Some(server)
    }

    /// Waits until a device can score.
    pub(crate) async fn ready(self) -> Self {
        self.until("ready", async || self.get("/api/v1/health/readiness").await.status == 200).await;
        self
    }

    /// Polls `condition` until it holds.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let wait = async {
            while !condition().await {
                sleep(POLL).await;
            }
        };
        timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("not in time: {what}"));
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let answer = read(self.client.get(self.url(path)).send().await.expect(path)).await;
        described::check(&Method::GET, path, answer.status);
        answer
    }

    /// A request with a JSON body.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send_text(method, path, "application/json", body.to_string()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn send_text(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: impl Into<String>,
    ) -> Answer {
        let request = self.client.request(method.clone(), self.url(path));
        let sent = request.header("content-type", kind).body(body.into()).send();
        let answer = read(sent.await.expect(path)).await;
        described::check(&method, path, answer.status);
        answer
    }

    /// Registers a sensor of one reading each two minutes with a full, even window that ends now.
    pub(crate) async fn sensor_with_window(&self, id: &str) {
        let answer = self.post("/api/sensors", &serde_json::json!({ "sensor_id": id })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let answer = self.post(&format!("/api/sensors/{id}/readings"), &series(720)).await;
        assert_eq!(answer.json()["stored"], 720, "{}", answer.text);
    }

    /// A figure without labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text;
        let value = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no metric {name}")).parse().expect("number")
    }

    /// What the program has written to standard error.
    pub(crate) fn log(&self) -> Log {
        self.log.clone()
    }

    /// The program's process.
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Asks it to stop and waits for the end.
    pub(crate) async fn stop(mut self) -> (ExitStatus, Arc<TempDir>) {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM).expect("signal");
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("wait") {
                    return status;
                }
                sleep(POLL).await;
            }
        };
        let status = timeout(DEADLINE, ended).await.expect("it stops in time");
        (status, Arc::clone(&self.dir))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that sends `token` with every request; none when it is empty.
pub(crate) fn client_with(token: &str) -> Client {
    let mut headers = reqwest::header::HeaderMap::new();
    if !token.is_empty() {
        headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    }
    let client = Client::builder().no_proxy().timeout(DEADLINE).default_headers(headers);
    // The certificates of tests are their own.
    client.tls_danger_accept_invalid_certs(true).build().expect("client")
}

/// Signs `admin` in, over a connection that is closed again.
async fn admin_token(base: &str) -> String {
    let credentials = serde_json::json!({ "username": "admin", "password": ADMIN_PASSWORD });
    let url = format!("{base}/api/v1/auth/login");
    let answer = read(client_with("").post(url).json(&credentials).send().await.expect("sign-in")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["access_token"].as_str().expect("token").to_owned()
}

pub(crate) async fn read(response: Response) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.expect("body") }
}

/// The address in the log line that says where the program listens. The rest of the log is read away.
fn address_in(stderr: impl Read + Send + 'static, log: Log) -> SocketAddr {
    let (found, address) = sync_channel(1);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let fact: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
            if let Some(address) = fact["address"].as_str() {
                let _ = found.try_send(address.parse::<SocketAddr>().expect("address"));
            }
            log.add(&line);
        }
        // The program ended without listening: its log says why.
        drop(found);
        if std::thread::panicking() {
            eprintln!("{}", log.text());
        }
    });
    address.recv_timeout(DEADLINE).expect("the program listens")
}

/// The plant's time as the program has it, milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    nightshift_kernel::Clock::system().now_us() / 1_000
}

/// `count` gently waving values, two minutes apart, that end now.
pub(crate) fn series(count: i64) -> Value {
    let values: Vec<f64> = (0..count).map(|i| 7.0 + (i as f64 / 40.0).sin()).collect();
    serde_json::json!({ "start": now_ms() - (count - 1) * 120_000, "interval_s": 120, "values": values })
}

/// Makes two tests of each named `async fn(Server)`: one in `sqlite`, one in `postgres`.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(crate::common::Server::start().await).await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    let Some(server) = crate::common::Server::on_postgres().await else { return };
                    super::$name(server).await;
                }
            )+
        }
    };
}
pub(crate) use on_both_engines;
