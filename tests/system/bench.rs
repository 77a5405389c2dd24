//! `nightshift bench`: the whole plant at work for a few seconds, and what it says of it.

use serde_json::Value;

use crate::common::{ADMIN_PASSWORD, Server, program};

const CODE: &str = "plant-code-1";
const SECRET: &str = "testkey";
/// A settings' name in the environment of the bench, which reads the fleet's secret from its own configuration.
const SECRET_SETTING: &str = "NIGHTSHIFT__FLEET__SECRET";
/// A short run against `server`: its figures and its page.
async fn short_run(server: &Server) -> (Value, String) {
    let (url, dir) = (server.url(""), server.dir.path().to_owned());
    let ran = tokio::task::spawn_blocking(move || {
        let mut args = vec!["bench", "--url", &url, "--admin-code", CODE];
        args.extend(
            "--seconds 6 --users 20 --tps 20 --sensors 5 --readings 20 --dashboards 20 --streams 2"
                .split(' '),
        );
        args.extend(
            "--vehicles 2 --headsets 2 --briefings 2 --html report.html --out report.json".split(' '),
        );
        let mut command = program(&dir, &args);
        command.env("NIGHTSHIFT_BENCH_PASSWORD", ADMIN_PASSWORD).env(SECRET_SETTING, SECRET);
        let done = command.output().expect("the program runs");
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_default();
        (String::from_utf8_lossy(&done.stderr).into_owned(), read("report.json"), read("report.html"))
    });
    let (complaint, report, page) = ran.await.expect("it ends");
    (serde_json::from_str(&report).unwrap_or_else(|e| panic!("{e}: {complaint}")), page)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_run_drives_every_domain_and_says_whether_the_limits_hold() {
    let settings = [("IDENTITY__ADMIN_CODE", CODE), ("FLEET__SECRET", SECRET), ("FLEET__MAP_ID", "1")];
    let server = Server::start_with(&settings).await.ready().await;
    let (report, page) = short_run(&server).await;
    let acts = report["acts"].as_array().expect("acts");
    let act =
        |name: &str| acts.iter().find(|a| a["act"] == name).unwrap_or_else(|| panic!("{name}: {report:#}"));
    for name in [
        "production.start",
        "production.complete",
        "sensing.push",
        "dashboard.load",
        "events.delivery",
        "fleet.position",
        "diagnosis.upload",
        "briefing.text",
    ] {
        let act = act(name);
        assert!(act["done"].as_u64().is_some_and(|n| n > 0), "{act:#}");
        assert_eq!(act["failed"], 0, "{act:#}");
        assert!(act["p50_ms"].as_f64() <= act["p999_ms"].as_f64(), "{act:#}");
    }
    // 20 a second for six seconds; a user who is late at the end has not done the last ones.
    let commands = ["production.start", "production.complete"].map(|n| act(n)["done"].as_u64().expect("n"));
    assert!((80..=120).contains(&commands.iter().sum::<u64>()), "{commands:?}");
    let looks = report["looks"].as_array().expect("looks");
    assert!(looks.iter().any(|look| look["memory_mib"].as_f64() > Some(10.0)), "{looks:#?}");
    let limits = report["limits"].as_array().expect("limits");
    let holds = |what: &str| limits.iter().find(|l| l["what"] == what).map(|l| l["holds"].clone());
    assert_eq!(holds("users at the same time"), Some(false.into()), "20 are no 100");
    assert_eq!(holds("without an outcome"), Some(true.into()), "{limits:#?}");
    assert!(page.contains("Nightshift under load") && page.contains("<svg") && !page.contains("<script"));
    assert_left_nothing(&server).await;
}

/// Nothing that works on is left: the token is revoked, the sensors are gone.
async fn assert_left_nothing(server: &Server) {
    let sensors = server.get("/api/sensors").await;
    assert_eq!(sensors.header("x-total-count"), "0", "{}", sensors.text);
    let tokens = server.get("/api/v1/tokens").await.json();
    let own = |token: &&Value| token["name"].as_str().is_some_and(|name| name.starts_with("bench"));
    let token = tokens.as_array().expect("tokens").iter().find(own).expect("its token");
    assert!(!token["revoked_at"].is_null(), "{token}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_said() {
    let server = Server::start().await;
    let (url, dir) = (server.url(""), server.dir.path().to_owned());
    let ran = tokio::task::spawn_blocking(move || {
        let mut command = program(&dir, &["bench", "--url", &url, "--seconds", "1"]);
        command.env("NIGHTSHIFT_BENCH_PASSWORD", "Wrong-password-7").output().expect("the program runs")
    });
    let done = ran.await.expect("it ends");
    let complaint = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && complaint.contains("sign-in as admin"), "{complaint}");
}
