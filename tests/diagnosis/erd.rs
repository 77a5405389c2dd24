use tempfile::TempDir;

use crate::common::run;

#[test]
fn the_diagram_is_made_from_the_schema() {
    let dir = TempDir::new().expect("directory");
    let out = dir.path().join("erd.svg");
    let done = run(dir.path(), &["erd", "--out", out.to_str().expect("path")]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let svg = std::fs::read_to_string(&out).expect("a file");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/erd.svg"))
        .expect("kept in the docs");
    for table in ["app_user", "patient", "diagnosis", "diagnosis_state", "diagnosis_record", "sensor", "lot"]
    {
        let shown = format!(">{table}</text>");
        assert!(svg.contains(&shown) && kept.contains(&shown), "{table}");
    }
    assert!(svg.contains("diagnosis_record.patient_id → patient.id"));
    // The same schema gives the same picture.
    let again = run(dir.path(), &["erd"]);
    assert_eq!(String::from_utf8_lossy(&again.stdout), svg);
    let few = run(dir.path(), &["erd", "--only", "diagnosis"]);
    let few = String::from_utf8_lossy(&few.stdout).into_owned();
    assert!(few.contains(">patient</text>") && !few.contains(">lot</text>"));
}
