//! A fault as a sentence, in English and Korean, with local times.

use std::fmt::Write as _;

use super::{Found, Kind, Seen, Sentence};
use crate::Timestamp;

/// Characters of a unit that a sentence repeats.
const UNIT_MAX: usize = 20;

/// What the sentences are made of.
struct Parts {
    start: String,
    end: String,
    /// From the first reading to the last.
    lasted_en: String,
    lasted_ko: String,
    amount: String,
    /// Whether it goes up.
    up: bool,
    unit: String,
}

pub(super) fn sentence(seen: &Seen<'_>, found: &Found, start: usize, end: usize) -> Sentence {
    let (lasted_en, lasted_ko) = lasted(seen, start, end);
    let unit =
        seen.unit.map(|unit| unit.chars().filter(|c| !c.is_control()).take(UNIT_MAX).collect::<String>());
    let parts = Parts {
        start: place(seen, start),
        end: place(seen, end),
        lasted_en,
        lasted_ko,
        amount: number(found.amount.abs()),
        up: found.amount >= 0.0,
        unit: unit.filter(|unit| !unit.is_empty()).map(|unit| format!(" {unit}")).unwrap_or_default(),
    };
    let goes_on = end + 1 == seen.values.len();
    match found.kind {
        Kind::Spike | Kind::Stuck | Kind::Saturation | Kind::Dropout => at_a_value(&parts, found),
        Kind::LevelShift | Kind::Drift => to_elsewhere(&parts, found.kind, goes_on),
        Kind::NoiseBurst => noise(&parts),
        Kind::Periodicity => rhythm(seen, &parts, found),
        Kind::Gap => gap(&parts),
        Kind::OutOfBounds => out_of_bounds(&parts, found),
        Kind::Unusual => unusual(&parts),
    }
}

fn at_a_value(parts: &Parts, found: &Found) -> Sentence {
    let Parts { start, end, lasted_en, lasted_ko, unit, .. } = parts;
    let value = format!("{}{unit}", number(found.amount));
    let (en, ko) = match found.kind {
        Kind::Spike => {
            (format!("Spike to {value} at {start}"), format!("{start} 순간 급변(스파이크): {value}"))
        }
        Kind::Stuck => (
            format!("Stuck at {value} for {lasted_en} ({start}–{end})"),
            format!("{lasted_ko} 동안 {value}에 고정됨 ({start}–{end})"),
        ),
        Kind::Saturation => (
            format!("Saturated at {value} between {start} and {end}"),
            format!("{start}–{end} 사이 {value}에서 포화됨"),
        ),
        _ => (
            format!("Dropped out to {value} for {lasted_en} ({start}–{end})"),
            format!("{lasted_ko} 동안 신호가 {value}로 빠짐 ({start}–{end})"),
        ),
    };
    Sentence { en, ko }
}

fn to_elsewhere(parts: &Parts, kind: Kind, goes_on: bool) -> Sentence {
    let Parts { start, end, amount, up, unit, .. } = parts;
    let (way_en, way_ko) = if *up { ("higher", "높아짐") } else { ("lower", "낮아짐") };
    let until = match goes_on {
        true => (String::new(), String::new()),
        false => (format!(" until {end}"), format!(", {end}까지")),
    };
    match kind {
        Kind::LevelShift => Sentence {
            en: format!("Level shift at {start}: {amount}{unit} {way_en}{}", until.0),
            ko: format!("{start} 수준 변화: {amount}{unit} {way_ko}{}", until.1),
        },
        _ => Sentence {
            en: format!("Drift from {start} to {end}: {amount}{unit} {way_en}"),
            ko: format!("{start}–{end} 서서히 이동(드리프트): {amount}{unit} {way_ko}"),
        },
    }
}

fn noise(parts: &Parts) -> Sentence {
    let Parts { start, end, amount, .. } = parts;
    Sentence {
        en: format!("Noise burst from {start} to {end}: {amount} times as rough as usual"),
        ko: format!("{start}–{end} 잡음 급증: 평소의 {amount}배"),
    }
}

fn rhythm(seen: &Seen<'_>, parts: &Parts, found: &Found) -> Sentence {
    let Parts { start, end, .. } = parts;
    let (now, usual) = (readings(seen, found.amount), readings(seen, found.usual));
    Sentence {
        en: format!(
            "Changed periodicity from {start} to {end}: repeats every {} instead of {}",
            now.0, usual.0
        ),
        ko: format!("{start}–{end} 주기 변화: {} 주기가 {} 주기로 바뀜", usual.1, now.1),
    }
}

fn gap(parts: &Parts) -> Sentence {
    let Parts { start, end, lasted_en, lasted_ko, .. } = parts;
    Sentence {
        en: format!("No readings for {lasted_en} ({start}–{end})"),
        ko: format!("{lasted_ko} 동안 측정값 없음 ({start}–{end})"),
    }
}

fn out_of_bounds(parts: &Parts, found: &Found) -> Sentence {
    let Parts { start, unit, .. } = parts;
    let bound = format!("{}{unit}", number(found.amount));
    let (en, ko) = if found.usual < 0.0 { ("At or below", "이하") } else { ("At or above", "이상") };
    Sentence {
        en: format!("{en} the bound of {bound} since {start}"),
        ko: format!("{start}부터 한계값 {bound} {ko}"),
    }
}

fn unusual(parts: &Parts) -> Sentence {
    let Parts { start, end, .. } = parts;
    Sentence {
        en: format!("Unusual pattern from {start} to {end} that fits no known kind of fault"),
        ko: format!("{start}–{end} 알려진 유형에 맞지 않는 이례적 패턴"),
    }
}

/// Local time of a reading, with the date where it is another day than the window's end; its number where it has no time.
fn place(seen: &Seen<'_>, reading: usize) -> String {
    let Some(at) = seen.times.get(reading) else { return format!("#{}", reading + 1) };
    let local = seen.calendar.local(*at);
    let same_day = seen.times.last().is_some_and(|last| seen.calendar.date(*last) == local.date());
    let mut text = String::new();
    if !same_day {
        // Writing to a string does not fail.
        let _ = write!(text, "{:02}-{:02} ", local.month(), local.day());
    }
    let _ = write!(text, "{:02}:{:02}", local.hour(), local.minute());
    text
}

/// How long it lasted, in both languages.
fn lasted(seen: &Seen<'_>, start: usize, end: usize) -> (String, String) {
    match (seen.times.get(start), seen.times.get(end)) {
        (Some(from), Some(to)) => duration(*from, *to),
        _ => (format!("{} readings", end - start + 1), format!("측정값 {}개", end - start + 1)),
    }
}

fn duration(from: Timestamp, to: Timestamp) -> (String, String) {
    spoken(to.since(from).as_secs())
}

/// So many readings as a time where the readings have times.
fn readings(seen: &Seen<'_>, count: f64) -> (String, String) {
    if seen.times.is_empty() {
        return (format!("{} readings", count.round()), format!("측정값 {}개", count.round()));
    }
    spoken((seen.interval.as_secs_f64() * count).round() as u64)
}

fn spoken(seconds: u64) -> (String, String) {
    let (hours, minutes) = (seconds / 3_600, seconds % 3_600 / 60);
    match (hours, minutes) {
        (0, 0) => (format!("{seconds} s"), format!("{seconds}초")),
        (0, _) => (format!("{minutes} min"), format!("{minutes}분")),
        (_, 0) => (format!("{hours} h"), format!("{hours}시간")),
        _ => (format!("{hours} h {minutes} min"), format!("{hours}시간 {minutes}분")),
    }
}

/// Three digits that count.
fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    if !(1e-3..1e6).contains(&size) {
        return format!("{value:.2e}");
    }
    let decimals = (2 - size.log10().floor() as i32).clamp(0, 6);
    let text = format!("{value:.*}", usize::try_from(decimals).unwrap_or(0));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
