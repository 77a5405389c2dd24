use serde_json::Value;

use crate::common::{Server, program};

#[tokio::test(flavor = "multi_thread")]
async fn simulated_headsets_play_whole_diagnoses_some_of_which_fail_or_vanish() {
    let server = Server::start_with(&[("IDENTITY__ADMIN_CODE", "plant-code-1")]).await;
    let url = server.url("");
    let dir = server.dir.path().to_owned();
    let args = [
        "simulate",
        "vr",
        "--url",
        &url,
        "--admin-code",
        "plant-code-1",
        "--headsets",
        "8",
        "--rounds",
        "2",
        "--rows",
        "600",
        "--failing",
        "25",
        "--vanishing",
        "25",
        "--seed",
        "7",
        "--json",
    ];
    let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
    let ran = tokio::task::spawn_blocking(move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        program(&dir, &args).output().expect("the program runs")
    });
    let done = ran.await.expect("it ends");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{text}\n{}", String::from_utf8_lossy(&done.stderr));
    let report: Value = serde_json::from_str(text.lines().last().expect("a report")).expect("json");
    let count = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("{name}: {report}"));
    assert_eq!(count("sessions"), 16);
    assert_eq!((count("completed") + count("failed"), count("other")), (16, 0), "{report}");
    assert!(count("failed") > 0 && count("vanished") > 0 && count("completed") > 8, "{report}");
    assert!(report["upload_p99_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{report}");
    let ended = server.metric("nightshift_diagnosis_sessions_ended_total{state=\"COMPLETED\"}").await;
    assert_eq!(ended, count("completed") as f64);
}
