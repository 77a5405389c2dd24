use proptest::prelude::*;

use super::*;

/// Seconds between two readings.
const STEP_S: i64 = 120;
/// 2024-11-17 00:00 in Seoul.
const START_S: i64 = 1_731_769_200;

/// Noise that a seed repeats: between −0.5 and 0.5.
fn noise(seed: u64, i: usize) -> f64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (i as u64 + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 30)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x = (x ^ (x >> 27)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

/// A calm sensor: a wave of amplitude 1 with noise, in a unit of its own.
#[derive(Debug, Clone)]
struct Calm {
    period: f64,
    phase: f64,
    rough: f64,
    unit: f64,
    offset: f64,
    seed: u64,
}

impl Calm {
    fn wave(&self, at: f64) -> f64 {
        (std::f64::consts::TAU * at / self.period + self.phase).sin()
    }

    fn values(&self) -> Vec<f64> {
        (0..720).map(|i| self.wave(i as f64) + self.rough * noise(self.seed, i)).collect()
    }

    fn window(&self, values: &[f64]) -> Vec<f32> {
        values.iter().map(|v| (v * self.unit + self.offset * self.unit) as f32).collect()
    }
}

fn calm() -> impl Strategy<Value = Calm> {
    (40.0..110.0, 0.0..6.2, 0.04..0.25, -3..4_i32, -40.0..40.0, 1..1_000_000_u64).prop_map(
        |(period, phase, rough, unit, offset, seed)| Calm {
            period,
            phase,
            rough,
            unit: 10_f64.powi(unit),
            offset,
            seed,
        },
    )
}

/// Scores as the detector gives them: highest over the fault, smeared over the stretches that hold a part of it.
fn scores(fault: &Range<usize>) -> Vec<f32> {
    let near = |i: usize| if i < fault.start { fault.start - i } else { (i + 1).saturating_sub(fault.end) };
    (0..720).map(|i| 1.0 + 20.0 * (1.0 - near(i) as f32 / 96.0).max(0.0)).collect()
}

fn told(values: &[f32], fault: &Range<usize>) -> Explanation {
    let times: Vec<Timestamp> = (0..720).map(|i| Timestamp::from_s(START_S + STEP_S * i)).collect();
    let (calendar, scores) = (Calendar::default(), scores(fault));
    explain(&Seen {
        values,
        times: &times,
        scores: Some(&scores),
        interval: Duration::from_secs(STEP_S as u64),
        unit: Some("mg/L"),
        calendar: &calendar,
    })
}

fn check(kind: Kind, values: &[f32], fault: Range<usize>, slack: usize) -> Result<(), TestCaseError> {
    let told = told(values, &fault);
    prop_assert_eq!(told.kind, kind, "{:?}", told);
    let (first, last) = (told.first_reading as usize, told.last_reading as usize);
    prop_assert!(first <= last && last < 720);
    prop_assert!(
        first.abs_diff(fault.start) <= slack,
        "begins at {first}, not at {}: {}",
        fault.start,
        told.text.en
    );
    prop_assert!(
        last.abs_diff(fault.end - 1) <= slack,
        "ends at {last}, not at {}: {}",
        fault.end - 1,
        told.text.en
    );
    prop_assert_eq!(told.start, Some(Timestamp::from_s(START_S + STEP_S * first as i64)));
    prop_assert_eq!(told.end, Some(Timestamp::from_s(START_S + STEP_S * last as i64)));
    prop_assert_eq!(told.ongoing, last == 719);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_spike_is_told(calm in calm(), at in 60..640_usize, width in 1..4_usize, size in 4.0..30.0_f64, up in any::<bool>()) {
        let mut values = calm.values();
        let off = if up { size } else { -size };
        values[at..at + width].iter_mut().for_each(|v| *v += off);
        check(Kind::Spike, &calm.window(&values), at..at + width, 1)?;
    }

    #[test]
    fn a_level_shift_is_told_whether_it_returns_or_not(calm in calm(), at in 100..400_usize, length in 60..200_usize, lasting in any::<bool>(), size in 6.0..12.0_f64, up in any::<bool>()) {
        let mut values = calm.values();
        let end = if lasting { 720 } else { at + length };
        let off = if up { size } else { -size };
        values[at..end].iter_mut().for_each(|v| *v += off);
        check(Kind::LevelShift, &calm.window(&values), at..end, 2)?;
    }

    #[test]
    fn a_stuck_sensor_is_told(calm in calm(), at in 60..500_usize, length in 30..160_usize, share in -0.6..0.6) {
        let mut values = calm.values();
        values[at..at + length].fill(share);
        check(Kind::Stuck, &calm.window(&values), at..at + length, 2)?;
    }

    #[test]
    fn a_dropout_is_told(calm in calm(), at in 60..500_usize, length in 12..100_usize, size in 8.0..30.0_f64) {
        let mut values = calm.values();
        values[at..at + length].fill(-size);
        check(Kind::Dropout, &calm.window(&values), at..at + length, 1)?;
    }

    #[test]
    fn a_noise_burst_is_told(calm in calm(), at in 80..480_usize, length in 40..160_usize, size in 8.0..16.0_f64) {
        let mut values = calm.values();
        let rough = 0.25 * size;
        (at..at + length).for_each(|i| values[i] += rough * noise(calm.seed + 7, i));
        check(Kind::NoiseBurst, &calm.window(&values), at..at + length, 24)?;
    }

    #[test]
    fn saturation_is_told(calm in calm(), limit in 0.2..0.6_f64, below in any::<bool>()) {
        let mut values = calm.values();
        let cut = |v: &mut f64| *v = if below { v.max(-limit) } else { v.min(limit) };
        values.iter_mut().for_each(cut);
        let told = told(&calm.window(&values), &(200..500));
        prop_assert_eq!(told.kind, Kind::Saturation, "{:?}", told);
    }

    #[test]
    fn a_drift_is_told(calm in calm(), at in 150..300_usize, length in 200..300_usize, size in 6.0..15.0_f64, stays in any::<bool>(), up in any::<bool>()) {
        let mut values = calm.values();
        let off = if up { size } else { -size };
        for (i, v) in values[at..].iter_mut().enumerate() {
            let way = i as f64 / length as f64;
            *v += if way <= 1.0 { off * way } else if stays { off } else { 0.0 };
        }
        let told = told(&calm.window(&values), &(at..(at + length)));
        prop_assert_eq!(told.kind, Kind::Drift, "{:?}", told);
        let first = told.first_reading as usize;
        prop_assert!(first.abs_diff(at) <= 100 && told.text.en.contains(if up { "higher" } else { "lower" }), "{:?}", told);
    }

    #[test]
    fn another_rhythm_is_told(calm in calm(), at in 150..300_usize, faster in prop_oneof![0.45..0.6, 1.7..2.3]) {
        // Half as fast takes twice as long to be seen.
        let calm = Calm { period: if faster < 1.0 { calm.period.min(55.0) } else { calm.period.min(80.0) }, ..calm };
        let mut values = calm.values();
        let length = (if faster < 1.0 { 6.0 } else { 3.5 } * calm.period) as usize;
        for (i, v) in values[at..at + length].iter_mut().enumerate() {
            let moved = at as f64 + i as f64 * faster;
            *v = calm.wave(moved) + calm.rough * noise(calm.seed, at + i);
        }
        let told = told(&calm.window(&values), &(at..at + length));
        prop_assert_eq!(told.kind, Kind::Periodicity, "{:?} period {}", told, calm.period);
    }

    #[test]
    fn a_calm_window_fits_no_kind(calm in calm(), at in 0..600_usize) {
        let told = told(&calm.window(&calm.values()), &(at..at + 60));
        prop_assert_eq!(told.kind, Kind::Unusual, "{:?}", told);
        prop_assert!(told.text.en.starts_with("Unusual pattern") && told.text.ko.contains("이례적"));
    }

    #[test]
    fn nothing_panics_whatever_the_window_holds(
        values in prop::collection::vec(prop_oneof![3 => -1e3_f32..1e3, 1 => Just(0.0_f32), 1 => any::<f32>()], 0..800),
        scored in any::<bool>(),
        timed in any::<bool>(),
    ) {
        let times: Vec<Timestamp> = (0..values.len()).map(|i| Timestamp::from_s(START_S + i as i64)).collect();
        let scores: Vec<f32> = values.iter().map(|v| v.abs()).collect();
        let calendar = Calendar::default();
        let told = explain(&Seen {
            values: &values,
            times: if timed { &times } else { &[] },
            scores: scored.then_some(&scores[..]),
            interval: Duration::from_secs(1),
            unit: None,
            calendar: &calendar,
        });
        prop_assert!(!told.text.en.is_empty() && !told.text.ko.is_empty());
        prop_assert!(told.first_reading <= told.last_reading);
        prop_assert_eq!(told.start.is_some(), timed && !values.is_empty());
    }
}

fn steady() -> Calm {
    Calm { period: 80.0, phase: 0.3, rough: 0.1, unit: 1.0, offset: 8.0, seed: 3 }
}

#[test]
fn sentences_tell_local_time_in_two_languages() {
    let calm = steady();
    let mut values = calm.values();
    values[430..].iter_mut().for_each(|v| *v += 5.0);
    let shift = told(&calm.window(&values), &(430..720));
    assert!(
        shift.text.en.starts_with("Level shift at 14:20: ") && shift.text.en.ends_with(" mg/L higher"),
        "{}",
        shift.text.en
    );
    assert!(shift.text.ko.starts_with("14:20 수준 변화: ") && shift.ongoing, "{}", shift.text.ko);
    let mut values = calm.values();
    values[430..521].fill(0.3);
    let stuck = told(&calm.window(&values), &(430..521));
    assert_eq!(stuck.text.en, "Stuck at 8.3 mg/L for 3 h (14:20–17:20)");
    assert_eq!(stuck.text.ko, "3시간 동안 8.3 mg/L에 고정됨 (14:20–17:20)");
}

#[test]
fn a_gap_is_told_where_readings_are_missing() {
    let calm = steady();
    let values = calm.window(&calm.values());
    let late = |i: i64| if i >= 300 { 90 * 60 } else { 0 };
    let times: Vec<Timestamp> = (0..720).map(|i| Timestamp::from_s(START_S + STEP_S * i + late(i))).collect();
    let (calendar, scores) = (Calendar::default(), scores(&(295..305)));
    let seen = Seen {
        values: &values,
        times: &times,
        scores: Some(&scores),
        interval: Duration::from_secs(120),
        unit: None,
        calendar: &calendar,
    };
    let told = explain(&seen);
    assert_eq!((told.kind, told.first_reading, told.last_reading), (Kind::Gap, 299, 300));
    // It ends on another day than the window, which therefore stands before its times.
    assert_eq!(told.text.en, "No readings for 1 h 32 min (11-17 09:58–11-17 11:30)");
}

#[test]
fn a_crossed_bound_is_told_with_its_begin() {
    let calm = steady();
    let mut values = calm.values();
    values[690..].fill(-6.0);
    values[650] = -6.0;
    let (values, calendar) = (calm.window(&values), Calendar::default());
    let times: Vec<Timestamp> = (0..720).map(|i| Timestamp::from_s(START_S + STEP_S * i)).collect();
    let seen = Seen {
        values: &values,
        times: &times,
        scores: None,
        interval: Duration::from_secs(120),
        unit: Some("mg/L"),
        calendar: &calendar,
    };
    let told = out_of_bounds(&seen, 3.0, true);
    assert_eq!((told.kind, told.first_reading, told.ongoing), (Kind::OutOfBounds, 690, true));
    assert_eq!(told.text.en, "At or below the bound of 3 mg/L since 23:00");
    assert_eq!(told.text.ko, "23:00부터 한계값 3 mg/L 이하");
    assert_eq!(out_of_bounds(&seen, 3.0, false).first_reading, 719);
}

#[test]
fn values_without_times_are_told_by_their_number() {
    let calm = steady();
    let mut values = calm.values();
    values[300] += 20.0;
    let (values, calendar) = (calm.window(&values), Calendar::default());
    let seen = Seen {
        values: &values,
        times: &[],
        scores: None,
        interval: Duration::from_secs(120),
        unit: None,
        calendar: &calendar,
    };
    let told = explain(&seen);
    assert_eq!((told.kind, told.start, told.end), (Kind::Spike, None, None));
    assert!(told.text.en.ends_with("at #301"), "{}", told.text.en);
}

#[test]
fn a_fault_far_from_the_scores_is_not_blamed() {
    let calm = steady();
    let mut values = calm.values();
    values[60] += 20.0;
    assert_eq!(told(&calm.window(&values), &(600..660)).kind, Kind::Unusual);
    assert_eq!(told(&calm.window(&values), &(40..100)).kind, Kind::Spike);
}

#[test]
fn words_are_those_of_json() {
    for kind in Kind::ALL {
        assert_eq!(serde_json::to_value(kind).expect("json"), kind.as_str());
    }
}
