use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Server, run};

fn dir() -> TempDir {
    TempDir::new().expect("directory")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stdout)))
}

fn write(dir: &TempDir, name: &str, text: &str) {
    std::fs::write(dir.path().join(name), text).expect("written");
}

#[test]
fn a_typo_in_the_configuration_stops_the_start_and_names_the_key() {
    let dir = dir();
    write(&dir, "plant.toml", "[http]\nlisen = '127.0.0.1:0'\n");
    let output = run(dir.path(), &["serve", "--config", "plant.toml"]);
    assert_eq!(code(&output), 78, "{}", said(&output));
    assert!(
        said(&output).contains("`http.lisen`") && said(&output).contains("`http.listen`"),
        "{}",
        said(&output)
    );
    assert_eq!(code(&run(dir.path(), &["--lisen", "127.0.0.1:0"])), 2);
    assert_eq!(code(&run(dir.path(), &["--version"])), 0);
    assert!(!dir.path().join("data").exists(), "a refused start leaves nothing behind");
}

#[test]
fn the_shipped_examples_are_valid() {
    let dir = dir();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let reference = root.join("nightshift.toml");
    let output = run(dir.path(), &["check-config", "--config", reference.to_str().expect("utf-8")]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert_eq!(json(&output)["http"]["listen"], "127.0.0.1:8000");
    write(&dir, "secret", "postgres://u:hunter2@127.0.0.1/plant\n");
    for example in std::fs::read_dir(root.join("examples")).expect("examples") {
        let text = std::fs::read_to_string(example.expect("entry").path()).expect("text");
        let local = text.lines().map(|l| {
            if l.contains("_file = ") {
                format!("{} = 'secret'", l.split(" = ").next().expect("key"))
            } else {
                l.to_owned()
            }
        });
        write(&dir, "example.toml", &local.collect::<Vec<_>>().join("\n"));
        let output = run(dir.path(), &["check-config", "--config", "example.toml"]);
        assert_eq!(code(&output), 0, "{}", said(&output));
        assert!(!String::from_utf8_lossy(&output.stdout).contains("hunter2"), "a secret is shown");
    }
}

#[test]
fn the_description_can_be_printed_without_a_plant() {
    let dir = dir();
    let output = run(dir.path(), &["openapi"]);
    assert_eq!(code(&output), 0);
    assert!(json(&output)["paths"]["/api/sensors"]["post"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_and_migrate_say_what_is_there() {
    let dir = dir();
    let args = ["--data-dir", "d", "--listen", "127.0.0.1:0", "--json"];
    let fresh = run(dir.path(), &[&["doctor"], &args[..]].concat());
    assert_ne!(json(&fresh)["outcome"], "fail", "{}", json(&fresh));
    let first = run(dir.path(), &[&["migrate"], &args[..]].concat());
    assert_eq!(code(&first), 0, "{}", said(&first));
    assert!(!json(&first)["applied"].as_array().expect("versions").is_empty());
    let second = run(dir.path(), &[&["migrate"], &args[..]].concat());
    assert_eq!(json(&second)["applied"], serde_json::json!([]));
    let checked = json(&run(dir.path(), &[&["doctor"], &args[..]].concat()));
    let database = checked["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .find(|c| c["name"] == "database")
        .expect("there");
    assert_eq!(database["outcome"], "ok", "{database}");
    write(&dir, "bad.toml", "x = 1");
    assert_eq!(code(&run(dir.path(), &["doctor", "--config", "bad.toml"])), 78);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_do_not_share_a_data_directory() {
    let server = Server::start().await;
    let output = run(server.dir.path(), &["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"]);
    assert_eq!((code(&output), said(&output).contains("another nightshift")), (1, true), "{}", said(&output));
    let address = server.address.to_string();
    let output = run(server.dir.path(), &["serve", "--listen", &address, "--data-dir", "other"]);
    assert_eq!((code(&output), said(&output).contains("cannot listen")), (1, true), "{}", said(&output));
}

#[test]
fn a_recording_is_scored() {
    let dir = dir();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/recordings/occupancy_6005.csv");
    let output = run(dir.path(), &["score", file.to_str().expect("utf-8"), "--device", "cpu", "--json"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let report = json(&output);
    assert_eq!(
        (report["readings"].as_u64(), report["device"].as_str()),
        (Some(2_380), Some("cpu")),
        "{report}"
    );
    assert!(report["windows"].as_array().expect("windows").len() >= 10);
    write(&dir, "short.csv", "time,value\n2024-01-01T00:00:00Z,1\n");
    let output = run(dir.path(), &["score", "short.csv"]);
    assert_eq!((code(&output), said(&output).contains("720")), (1, true), "{}", said(&output));
}

#[test]
fn the_demo_loads_real_recordings_and_judges_them() {
    let dir = dir();
    let output =
        run(dir.path(), &["demo", "--once", "--json", "--listen", "127.0.0.1:0", "--data-dir", "demo"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdicts: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).expect("json")).collect();
    assert_eq!(verdicts.len(), 5, "{text}");
    for verdict in verdicts {
        assert!(verdict["score"].is_number() && verdict["window"]["count"] == 720, "{verdict}");
    }
}

#[test]
fn an_evaluation_prints_its_figures_and_writes_its_report() {
    let dir = dir();
    let mut text = String::from("Data,Label\n");
    for i in 0..3_200_u32 {
        let wave = (f64::from(i) * 0.13).sin() + 0.02 * f64::from(i * i % 7);
        let odd = (2_400..2_460).contains(&i);
        let value = if odd { 4.0 + 0.1 * wave } else { wave };
        text.push_str(&format!("{value},{}\n", u8::from(odd)));
    }
    std::fs::create_dir(dir.path().join("set")).expect("folder");
    write(&dir, "set/wave_tr_1700_1st_2400.csv", &text);
    let output = run(dir.path(), &["evaluate", "set", "--json", "--device", "cpu"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let figures = json(&output);
    let mut keys: Vec<&String> = figures.as_object().expect("object").keys().collect();
    keys.sort();
    assert_eq!(keys, ["series", "verdict", "vus_pr"]);
    assert_eq!(figures["series"][0]["name"], "wave_tr_1700_1st_2400");
    assert_eq!(figures["series"][0]["verdict"]["mode"], "bank", "{figures}");
    for part in [("vus_pr", "window"), ("vus_pr", "bank"), ("verdict", "recall"), ("verdict", "auroc")] {
        let figure = figures[part.0][part.1].as_f64().expect("number");
        assert!((0.5..=1.0).contains(&figure), "{part:?}: {figures}");
    }
    assert!(figures["verdict"]["false_alarm_rate"].as_f64().expect("number") < 0.6, "{figures}");
    assert!(!dir.path().join("evaluation").exists(), "nothing is written that was not asked for");

    let output = run(dir.path(), &["evaluate", "set", "--device", "cpu", "--out", "out"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("verdicts as the plant gives them") && table.contains("level shift"), "{table}");
    let page = std::fs::read_to_string(dir.path().join("out/report.html")).expect("page");
    assert!(page.contains("<svg") && page.contains("class=\"label\"") && !page.contains("<script"));
    let report = std::fs::read(dir.path().join("out/report.json")).expect("report");
    let report: Value = serde_json::from_slice(&report).expect("json");
    assert_eq!(report["faults"].as_array().expect("faults").len(), 27);
    write(&dir, "file", "");
    assert_eq!(code(&run(dir.path(), &["evaluate", "set", "--device", "cpu", "--out", "file/x"])), 1);
}
