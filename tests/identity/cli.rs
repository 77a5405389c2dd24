use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::{PASSWORD, is_good, sign_in, token, with};
use crate::common::{Server, program};

/// Runs a command in the server's directory, with a line on standard input.
fn run(server: &Server, args: &[&str], line: &str) -> Output {
    let args = [args, &["--data-dir", "data", "--json"]].concat();
    let mut child = program(server.dir.path(), &args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    writeln!(child.stdin.take().expect("piped"), "{line}").expect("written");
    child.wait_with_output().expect("it ends")
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("json")
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_let_in_and_out_at_the_machine_itself() {
    let server = Server::start().await;
    let made =
        json(&run(&server, &["user", "add", "kim", "--role", "operator", "--full-name", "Kim J."], PASSWORD));
    assert_eq!((made[0]["username"].as_str(), made[0]["role"].as_str()), (Some("kim"), Some("OPERATOR")));
    let weak = run(&server, &["user", "add", "lee", "--role", "VIEWER"], "weak");
    assert_eq!(weak.status.code(), Some(1));
    assert_eq!(run(&server, &["user", "add", "lee x", "--role", "VIEWER"], PASSWORD).status.code(), Some(2));
    let own = token(&server, "kim").await;
    assert_eq!(json(&run(&server, &["user", "list"], "")).as_array().map(Vec::len), Some(2));
    for _ in 0..5 {
        assert_eq!(sign_in(&server, "nobody.else", "Wrong-horse-7").await.status, 401);
    }
    json(&run(&server, &["user", "disable", "kim"], ""));
    server.until("a running plant notices", async || !is_good(&server, &own).await).await;
    json(&run(&server, &["user", "enable", "kim"], ""));
    json(&run(&server, &["user", "passwd", "kim"], "Another-horse-8"));
    assert_eq!(sign_in(&server, "kim", "Another-horse-8").await.status, 200);
    json(&run(&server, &["user", "unlock", "kim"], ""));
    let by = server.get("/api/v1/audit-logs?entity_type=user&limit=1000").await.json();
    let lines = by.as_array().expect("rows");
    assert!(lines.iter().any(|row| row["actor"] == "system" && row["action"] == "CREATE"), "{by}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_and_revoked_at_the_machine_itself() {
    let server = Server::start().await;
    let made = json(&run(
        &server,
        &["token", "create", "prometheus", "--scope", "metrics:read", "--days", "30"],
        "",
    ));
    let secret = made["token"].as_str().expect("token");
    let scrape = async || with(&server, secret, reqwest::Method::GET, "/metrics", None).await.status;
    assert_eq!(scrape().await, 200);
    assert_eq!(with(&server, secret, reqwest::Method::GET, "/api/sensors", None).await.status, 403);
    let listed = json(&run(&server, &["token", "list"], ""));
    assert!(listed[0]["name"] == "prometheus" && !listed.to_string().contains(secret), "{listed}");
    let id = made["about"]["id"].to_string();
    assert!(run(&server, &["token", "revoke", &id], "").status.success());
    server.until("a running plant notices", async || scrape().await == 401).await;
    assert_eq!(run(&server, &["token", "create", "x", "--scope", "everything"], "").status.code(), Some(2));
    assert_eq!(run(&server, &["token", "revoke", "999"], "").status.code(), Some(1));
}

#[test]
fn the_first_password_is_made_up_shown_once_and_kept_out_of_the_log() {
    let dir = tempfile::TempDir::new().expect("directory");
    let start = || {
        let mut child = program(dir.path(), &["--listen", "127.0.0.1:0", "--data-dir", "data"])
            .env_remove("NIGHTSHIFT_ADMIN_PASSWORD")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // It shows the password once it listens.
        let mut log = std::io::BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("\"listening\"") {
            assert_ne!(std::io::BufRead::read_line(&mut log, &mut said).expect("log"), 0, "{said}");
        }
        let shown = first_line(&mut child);
        // Killed, because it may not have begun to listen to signals yet; its log is written by then.
        let _ = child.kill();
        std::io::Read::read_to_string(&mut log, &mut said).expect("log");
        let _ = child.wait();
        (shown, said)
    };
    let (shown, log) = start();
    let password = shown.split("the password ").nth(1).and_then(|t| t.split(' ').next()).expect("a password");
    assert!(password.len() >= 16, "{shown}");
    assert!(!log.contains(password));
    for file in std::fs::read_dir(dir.path().join("data/logs")).expect("logs") {
        let text = std::fs::read_to_string(file.expect("entry").path()).expect("text");
        assert!(!text.contains(password), "the password stands in a log file");
    }
}

fn first_line(child: &mut std::process::Child) -> String {
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
    std::io::BufRead::read_line(&mut out, &mut line).expect("a line");
    line
}
