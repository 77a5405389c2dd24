use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::diagnosis::Sample;

const HEAD: &str = "Rotation_X,Rotation_Y,Rotation_Z,current_time,Score,State";
const TENNIS_HEAD: &str = "Rotation_X,Rotation_Y,Rotation_Z,current_time,Score,State,Position";

fn text(kind: Kind, input: &str) -> Result<String, ResultFault> {
    process(kind, input).map(|done| String::from_utf8(done.file).expect("text"))
}

fn rows(rows: &[&str]) -> String {
    format!("{HEAD}\n{}\n", rows.join("\n"))
}

/// What the headset sent and what the doctor gets, by kind, byte for byte.
const GOLDEN: [(Kind, &str, &str); 3] = [
    (
        Kind::BalanceBall,
        include_str!("golden/balanceball.csv"),
        include_str!("golden/balanceball.processed.csv"),
    ),
    (Kind::FitBox, include_str!("golden/fitbox.csv"), include_str!("golden/fitbox.processed.csv")),
    (
        Kind::TennisBall,
        include_str!("golden/tennisball.csv"),
        include_str!("golden/tennisball.processed.csv"),
    ),
];

#[test]
fn golden_files_come_out_byte_for_byte() {
    for (kind, input, output) in GOLDEN {
        assert_eq!(text(kind, input).as_deref(), Ok(output), "{kind}");
        // The line ends of another system change nothing.
        assert_eq!(text(kind, &input.replace('\n', "\r\n")).as_deref(), Ok(output), "{kind}");
    }
}

#[test]
fn the_known_file_has_its_known_figures_and_the_same_bytes_for_ever() {
    for (kind, sha256) in [
        (Kind::BalanceBall, "13e3f00f0b83a02a0650ee19dd6a3fc1541d10bfb98fc48bbc46e2ade85dd7ba"),
        (Kind::FitBox, "13e3f00f0b83a02a0650ee19dd6a3fc1541d10bfb98fc48bbc46e2ade85dd7ba"),
        (Kind::TennisBall, "7a70e8d2f73e95886613f2a98275048c135920020171cde7985ea933bda8f6cd"),
    ] {
        let done = process(kind, &Sample::known(kind).text()).expect("the known file");
        let Summary { rows, score, time_spent, fps, successes, .. } = done.summary;
        assert_eq!((rows, score, time_spent, fps, successes), (4_288, 18.0, 60.035, 71.425, 18), "{kind}");
        let digest: String = Sha256::digest(&done.file).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(digest, sha256, "{kind}");
    }
}

#[test]
fn an_attempt_ends_with_a_fail_and_the_next_begins_there() {
    let input = rows(&[
        "0,0,0,2025-11-10 23:59:59.900,0,2",
        "0,0,0,2025-11-11 00:00:00.150,1,3",
        "0,0,0,2025-11-11 00:00:01.150,1,1",
        "0,0,0,2025-11-11 00:00:01.400,1,1",
        "0,0,0,2025-11-11 00:00:01.400,2,4",
    ]);
    let done = process(Kind::FitBox, &input).expect("a result");
    let output = String::from_utf8(done.file).expect("text");
    let ends: Vec<_> =
        output.lines().skip(1).map(|l| l.rsplitn(4, ',').collect::<Vec<_>>()[..3].join("|")).collect();
    assert_eq!(ends, ["0.0|0.0|", "0.25|0.25|Success", "1.25|1.25|Fail", "1.5|0.25|", "1.5|0.25|Success"]);
    let Summary { score, time_spent, fps, successes, fails, .. } = done.summary;
    assert_eq!((score, time_spent, fps, successes, fails), (2.0, 1.5, 3.333, 2, 1));
}

#[test]
fn a_single_row_takes_no_time() {
    let done = process(Kind::None, &rows(&["1,2,3,2025-11-10 14:03:00,7,1"])).expect("a result");
    assert_eq!((done.summary.time_spent, done.summary.fps, done.summary.score), (0.0, 0.0, 7.0));
}

#[test]
fn other_columns_go_through_and_computed_ones_are_computed() {
    let input = "State,Score,current_time,Rotation_Z,Rotation_Y,Rotation_X,event,\"Note, free\"\n\
                 1,5,2025-11-10 14:03:00.000,3,2,1,made up,\"a \"\"b\"\", c\"\n";
    let want = "\"Note, free\",Rotation_X,Rotation_Y,Rotation_Z,Score,State,current_time,event,spend_time,time (second)\n\
                \"a \"\"b\"\", c\",1,2,3,5,1,2025-11-10 14:03:00.000,,0.0,0.0\n";
    assert_eq!(text(Kind::FitBox, input).as_deref(), Ok(want));
}

#[test]
fn a_part_that_never_changes_is_scaled_to_nothing() {
    let input = format!(
        "{TENNIS_HEAD}\n0,0,0,2025-11-10 14:03:00.000,0,0,\"(1, -2.5, 3e300)\"\n\
         0,0,0,2025-11-10 14:03:00.014,0,0,\"( 1,0,-3e300 )\"\n0,0,0,2025-11-10 14:03:00.028,0,0,\"(1,2.5,0)\"\n"
    );
    let output = text(Kind::TennisBall, &input).expect("a result");
    let column = |name: &str| {
        let mut reader = csv::Reader::from_reader(output.as_bytes());
        let at = reader.headers().expect("heading").iter().position(|h| h == name).expect("column");
        reader.records().map(|r| r.expect("row")[at].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(column("Scaled_Position_X"), ["0.0", "0.0", "0.0"]);
    assert_eq!(column("Scaled_Position_Y"), ["0.0", "0.5", "1.0"]);
    assert_eq!(column("Scaled_Position_Z"), ["1.0", "0.0", "0.5"]);
    assert_eq!(column("Position_Y"), ["-2.5", "0", "2.5"]);
    assert_eq!(column("Position")[1], "( 1,0,-3e300 )");
}

#[test]
fn what_cannot_be_a_result_says_why() {
    let good = "0,0,0,2025-11-10 14:03:00.000,0,0";
    let cases: Vec<(String, ResultFault)> = vec![
        (String::new(), ResultFault::Empty),
        ("\u{feff}\n\r\n".to_owned(), ResultFault::Empty),
        (format!("{HEAD}\n"), ResultFault::NoRows),
        (rows(&[good]).replace("Score", "Scores"), ResultFault::MissingColumn("Score")),
        (rows(&[good]).replace("current_time", "time"), ResultFault::MissingColumn("current_time")),
        (rows(&[good]).replace("Rotation_Y", "Rotation_X"), ResultFault::SameColumn(2)),
        (vec!["x"; 65].join(","), ResultFault::TooManyColumns { found: 65, max: 64 }),
        (rows(&[good, "0,0"]), ResultFault::CellCount { row: 2, expected: 6, found: 2 }),
        (rows(&[&format!("{good},1")]), ResultFault::CellCount { row: 1, expected: 6, found: 7 }),
        (rows(&[good, "0,\"0,0"]), ResultFault::Quote { row: 2 }),
        (
            rows(&["x,0,0,2025-11-10 14:03:00.000,0,0"]),
            ResultFault::NotANumber { row: 1, column: "Rotation_X" },
        ),
        (
            rows(&["0,0,,2025-11-10 14:03:00.000,0,0"]),
            ResultFault::NotANumber { row: 1, column: "Rotation_Z" },
        ),
        (
            rows(&[good, "0,0,0,2025-11-10 14:03:00.000,NaN,0"]),
            ResultFault::NotANumber { row: 2, column: "Score" },
        ),
        (rows(&["0,0,0,2025-11-10 14:03:00.000,0,inf"]), ResultFault::NotANumber { row: 1, column: "State" }),
        (rows(&[good, "0,0,0,2025-11-10 14:02:59.999,0,0"]), ResultFault::TimeGoesBack { row: 2 }),
    ];
    for (input, fault) in cases {
        assert_eq!(text(Kind::BalanceBall, &input), Err(fault), "{input}");
    }
    for time in [
        "",
        "now",
        "2025-13-10 14:03:00.000",
        "2025-02-29 14:03:00",
        "2025-11-10 24:03:00.000",
        "2025-11-10 14:60:00",
        "2025-11-10 14:03:61",
        "2025-11-10 14:03:00.",
        "2025-11-10 14:03:00.1234567",
        "2025/11/10 14:03:00",
    ] {
        let input = rows(&[&format!("0,0,0,{time},0,0")]);
        assert_eq!(text(Kind::FitBox, &input), Err(ResultFault::BadTime { row: 1 }), "{time}");
    }
    let tennis = |position: &str| format!("{TENNIS_HEAD}\n{good},{position}\n");
    for position in ["\"1,2,3\"", "\"(1,2)\"", "\"(1,2,3,4)\"", "\"(1,2,x)\"", "\"(1,2,inf)\"", "", "()"] {
        let fault = text(Kind::TennisBall, &tennis(position));
        assert_eq!(fault, Err(ResultFault::BadPosition { row: 1 }), "{position}");
    }
    assert_eq!(text(Kind::TennisBall, &rows(&[good])), Err(ResultFault::MissingColumn("Position")));
    let large = "x".repeat(FILE_BYTES_MAX + 1);
    let fault = text(Kind::FitBox, &large).expect_err("too large");
    assert!(fault.to_string().contains("10485761 bytes"), "{fault}");
}

#[test]
fn leap_days_exist() {
    assert_eq!(instant("1970-01-01 00:00:00.000001"), Some(1));
    assert_eq!(instant("2024-02-29 00:00:00"), Some(1_709_164_800 * US_PER_S));
    assert_eq!(instant("2000-02-29T12:00:00.5"), Some(951_825_600 * US_PER_S + 500_000));
    assert_eq!(instant("1900-02-29 00:00:00"), None);
}

proptest! {
    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them(text in "-?[0-9]{0,9}\\.?[0-9]{0,9}(e-?[0-9]{1,2})?") {
        let want = text.parse::<f64>().ok().filter(|v| v.is_finite()).map(f64::to_bits);
        prop_assert_eq!(finite(&text).map(f64::to_bits), want, "{}", text);
    }

    #[test]
    fn no_text_panics(text in "[0-9,.\"()\n\r: -]{0,200}") {
        for kind in Kind::ALL {
            let _ = process(kind, &format!("{TENNIS_HEAD}\n{text}"));
        }
    }

    #[test]
    fn seconds_are_written_as_numbers_are_read(us in 0i64..10_000_000_000) {
        let mut out = Vec::new();
        write_seconds(us, &mut out);
        let text = String::from_utf8(out).expect("text");
        prop_assert_eq!(text.parse::<f64>().expect("number"), us as f64 / 1e6);
        prop_assert!(text.contains('.') && (!text.ends_with('0') || text.ends_with(".0")));
    }

    #[test]
    fn every_processed_file_has_what_it_needs(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        states in prop::collection::vec(-3i64..4, 1..60),
        steps_ms in prop::collection::vec(0u32..500, 60),
        positions in prop::collection::vec((-1e3f64..1e3, -1e3f64..1e3, -1e3f64..1e3), 60),
    ) {
        let mut input = TENNIS_HEAD.to_owned();
        input.push('\n');
        let mut ms = 0;
        for (n, state) in states.iter().enumerate() {
            ms += if n == 0 { 0 } else { steps_ms[n] };
            let (x, y, z) = positions[n];
            input.push_str(&format!("1,2,3,2025-11-10 14:03:{:02}.{:03},{n},{state},\"({x}, {y}, {z})\"\n", ms / 1_000, ms % 1_000));
        }
        let done = process(kind, &input).expect("a result");
        let rises = states.windows(2).filter(|w| w[1] > w[0]).count() as u64;
        let falls = states.windows(2).filter(|w| w[1] < w[0]).count() as u64;
        prop_assert_eq!((done.summary.successes, done.summary.fails), (rises, falls));
        prop_assert_eq!(done.summary.time_spent, f64::from(ms) / 1_000.0);
        prop_assert_eq!(done.summary.score, (states.len() - 1) as f64);
        // Read by another reader: sorted columns, one row for each of the input, scales within 0..1.
        let mut reader = csv::Reader::from_reader(done.file.as_slice());
        let heading: Vec<String> = reader.headers().expect("heading").iter().map(str::to_owned).collect();
        prop_assert!(heading.windows(2).all(|w| w[0] < w[1]));
        let records: Vec<_> = reader.records().map(|r| r.expect("row")).collect();
        prop_assert_eq!(records.len(), states.len());
        for (at, _) in heading.iter().enumerate().filter(|(_, name)| name.starts_with("Scaled_")) {
            let values: Vec<f64> = records.iter().map(|r| r[at].parse().expect("number")).collect();
            prop_assert!(values.iter().all(|v| (0.0..=1.0).contains(v)));
            prop_assert!(states.len() < 2 || (values.contains(&0.0) && values.contains(&1.0)));
        }
        let spend = heading.iter().position(|h| h == "spend_time").expect("column");
        let spent: Vec<f64> = records.iter().map(|r| r[spend].parse().expect("number")).collect();
        prop_assert!(spent.iter().all(|s| *s >= 0.0) && spent[0] == 0.0);
        // The same file again gives the same bytes.
        prop_assert_eq!(process(kind, &input).expect("again").file, done.file);
    }
}
