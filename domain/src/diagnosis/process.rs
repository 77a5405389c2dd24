//! From the file that a headset uploads to the one that the doctor gets, and the figures of both.
//!
//! The input is walked row by row and nothing of it is copied but into the output. What is not computed goes through as it
//! was written, so that the same file always gives the same bytes.

use std::borrow::Cow;

use super::cells::{BadQuote, Cell, Rows, write_text};
use super::record::Summary;
use super::result_fault::ResultFault;
use super::{FILE_BYTES_MAX, Kind};

/// Most columns of a result.
const COLUMNS_MAX: usize = 64;
const ROTATIONS: [&str; 3] = ["Rotation_X", "Rotation_Y", "Rotation_Z"];
const SCORE: &str = "Score";
const STATE: &str = "State";
const TIME: &str = "current_time";
const POSITION: &str = "Position";
const POSITIONS: [&str; 3] = ["Position_X", "Position_Y", "Position_Z"];
const SCALED: [&str; 3] = ["Scaled_Position_X", "Scaled_Position_Y", "Scaled_Position_Z"];
/// Microseconds in a second.
const US_PER_S: i64 = 1_000_000;

/// A result, processed.
#[derive(Debug, Clone, PartialEq)]
pub struct Processed {
    /// The file for the doctor.
    pub file: Vec<u8>,
    /// Its figures.
    pub summary: Summary,
}

/// Processes a result file.
///
/// The output has all columns of the input and, sorted among them by name: `event` (`Success` where `State` rose against the
/// row before, `Fail` where it fell), `time (second)` since the first row, `spend_time` since the start of the attempt (a
/// `Fail` ends one, and the next begins with it), and for positions their parts and the same scaled to 0..1 over the file.
///
/// # Errors
/// What is wrong with the file; then there is no result at all.
pub fn process(kind: Kind, text: &str) -> Result<Processed, ResultFault> {
    if text.len() > FILE_BYTES_MAX {
        return Err(ResultFault::TooLarge { bytes: text.len(), max: FILE_BYTES_MAX });
    }
    let (mut rows, mut cells) = (Rows::new(text), Vec::with_capacity(16));
    if !rows.next(&mut cells).map_err(|BadQuote| ResultFault::Quote { row: 0 })? {
        return Err(ResultFault::Empty);
    }
    let layout = Layout::of(kind, &cells)?;
    let positions =
        layout.position.map(|column| Positions::read(rows.clone(), column, layout.width)).transpose()?;
    let mut out =
        Vec::with_capacity(text.len() + text.len() / if positions.is_some() { 1 } else { 3 } + 1_024);
    layout.write_heading(&mut out);
    let mut walk = Walk::default();
    while rows.next(&mut cells).map_err(|BadQuote| ResultFault::Quote { row: walk.rows + 1 })? {
        let row = walk.row(&layout, &cells)?;
        layout.write_row(&row, &cells, positions.as_ref(), &mut out);
    }
    Ok(Processed { summary: walk.summary()?, file: out })
}

/// Where a column of the output comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Input(usize),
    Event,
    Time,
    SpendTime,
    Position(usize),
    Scaled(usize),
}

/// Which columns there are.
struct Layout<'a> {
    /// Columns of the input.
    width: usize,
    rotations: [usize; 3],
    score: usize,
    state: usize,
    time: usize,
    position: Option<usize>,
    /// The output, sorted by name.
    columns: Vec<(Cow<'a, str>, Source)>,
}

impl<'a> Layout<'a> {
    fn of(kind: Kind, heading: &[Cell<'a>]) -> Result<Self, ResultFault> {
        if heading.len() > COLUMNS_MAX {
            return Err(ResultFault::TooManyColumns { found: heading.len(), max: COLUMNS_MAX });
        }
        let names: Vec<Cow<'a, str>> = heading.iter().map(|cell| trimmed(cell.text())).collect();
        if let Some(again) = (1..names.len()).find(|n| names[..*n].contains(&names[*n])) {
            return Err(ResultFault::SameColumn(again + 1));
        }
        let find =
            |name: &'static str| names.iter().position(|n| n == name).ok_or(ResultFault::MissingColumn(name));
        let [x, y, z] = ROTATIONS;
        let rotations = [find(x)?, find(y)?, find(z)?];
        let (time, score, state) = (find(TIME)?, find(SCORE)?, find(STATE)?);
        let position = kind.has_position().then(|| find(POSITION)).transpose()?;
        let mut added = vec![
            ("event", Source::Event),
            ("time (second)", Source::Time),
            ("spend_time", Source::SpendTime),
        ];
        if position.is_some() {
            added.extend(
                (0..3).flat_map(|n| [(POSITIONS[n], Source::Position(n)), (SCALED[n], Source::Scaled(n))]),
            );
        }
        // What is computed here stands for a column of the same name that the headset sent.
        let input = names.into_iter().enumerate().map(|(n, name)| (name, Source::Input(n)));
        let input = input.filter(|(name, _)| !added.iter().any(|(own, _)| own == name));
        let mut columns: Vec<_> = input.collect();
        columns.extend(added.iter().map(|(name, source)| (Cow::Borrowed(*name), *source)));
        columns.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        Ok(Self { width: heading.len(), rotations, score, state, time, position, columns })
    }

    fn write_heading(&self, out: &mut Vec<u8>) {
        for (n, (name, _)) in self.columns.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            write_text(name, out);
        }
        out.push(b'\n');
    }

    fn write_row(&self, row: &Row, cells: &[Cell<'_>], positions: Option<&Positions<'_>>, out: &mut Vec<u8>) {
        let (parts, scaled) = positions.map(|positions| positions.of(row.number)).unwrap_or_default();
        for (n, (_, source)) in self.columns.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            match *source {
                Source::Input(column) => cells[column].write(out),
                Source::Event => out.extend_from_slice(row.event.map_or(b"", Event::word)),
                Source::Time => write_seconds(row.time_us, out),
                Source::SpendTime => write_seconds(row.spend_us, out),
                Source::Position(axis) => out.extend_from_slice(parts[axis].as_bytes()),
                Source::Scaled(axis) => write_number(scaled[axis], out),
            }
        }
        out.push(b'\n');
    }
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// What happened in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Success,
    Fail,
}

impl Event {
    fn word(self) -> &'static [u8] {
        match self {
            Self::Success => b"Success",
            Self::Fail => b"Fail",
        }
    }
}

/// What is computed of a row.
struct Row {
    number: u64,
    event: Option<Event>,
    time_us: i64,
    spend_us: i64,
}

/// What is known of the rows so far.
#[derive(Default)]
struct Walk {
    rows: u64,
    first_us: i64,
    last_us: i64,
    /// When the attempt under way began.
    attempt_us: i64,
    state: f64,
    score: f64,
    successes: u64,
    fails: u64,
}

impl Walk {
    fn row(&mut self, layout: &Layout<'_>, cells: &[Cell<'_>]) -> Result<Row, ResultFault> {
        let number = self.rows + 1;
        if cells.len() != layout.width {
            return Err(ResultFault::CellCount { row: number, expected: layout.width, found: cells.len() });
        }
        let not_a_number = |column| ResultFault::NotANumber { row: number, column };
        for (column, name) in layout.rotations.into_iter().zip(ROTATIONS) {
            // It goes through as it is, and need only be a number.
            finite(cells[column].bare()).ok_or_else(|| not_a_number(name))?;
        }
        let value = |column: usize, name| finite(cells[column].bare()).ok_or_else(|| not_a_number(name));
        let (score, state) = (value(layout.score, SCORE)?, value(layout.state, STATE)?);
        let at = instant(cells[layout.time].bare()).ok_or(ResultFault::BadTime { row: number })?;
        if self.rows == 0 {
            (self.first_us, self.attempt_us, self.state) = (at, at, state);
        } else if at < self.last_us {
            return Err(ResultFault::TimeGoesBack { row: number });
        }
        let event = match state.total_cmp(&self.state) {
            _ if state == self.state => None,
            std::cmp::Ordering::Less => Some(Event::Fail),
            _ => Some(Event::Success),
        };
        let row = Row { number, event, time_us: at - self.first_us, spend_us: at - self.attempt_us };
        match event {
            Some(Event::Success) => self.successes += 1,
            Some(Event::Fail) => {
                self.fails += 1;
                self.attempt_us = at;
            }
            None => {}
        }
        (self.rows, self.last_us, self.state, self.score) = (number, at, state, score);
        Ok(row)
    }

    fn summary(&self) -> Result<Summary, ResultFault> {
        if self.rows == 0 {
            return Err(ResultFault::NoRows);
        }
        let time_spent = (self.last_us - self.first_us) as f64 / US_PER_S as f64;
        let fps = if time_spent > 0.0 { self.rows as f64 / time_spent } else { 0.0 };
        Ok(Summary {
            rows: self.rows,
            score: self.score,
            time_spent,
            fps: (fps * 1_000.0).round() / 1_000.0,
            successes: self.successes,
            fails: self.fails,
        })
    }
}

/// Lowest and highest of a part of the positions.
#[derive(Debug, Clone, Copy)]
struct Extent {
    low: f64,
    high: f64,
}

impl Extent {
    /// Where `value` is between lowest and highest, 0 to 1; a part that never changes is 0.
    fn scale(self, value: f64) -> f64 {
        // Halves, so that the span of two numbers far apart is still a number.
        let span = self.high / 2.0 - self.low / 2.0;
        if span > 0.0 { ((value / 2.0 - self.low / 2.0) / span).clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// All positions of a file: they are scaled over the whole of it.
struct Positions<'a> {
    rows: Vec<Position<'a>>,
    extents: [Extent; 3],
}

/// The position of a row: its parts as they stand there, and what they say.
struct Position<'a> {
    parts: [&'a str; 3],
    values: [f64; 3],
}

impl<'a> Positions<'a> {
    fn read(mut rows: Rows<'a>, column: usize, width: usize) -> Result<Self, ResultFault> {
        let mut extents = [Extent { low: f64::INFINITY, high: f64::NEG_INFINITY }; 3];
        let (mut cells, mut found, mut row) = (Vec::with_capacity(width), Vec::with_capacity(4_096), 0);
        while rows.next(&mut cells).map_err(|BadQuote| ResultFault::Quote { row: row + 1 })? {
            row += 1;
            let Some(cell) = cells.get(column) else {
                return Err(ResultFault::CellCount { row, expected: width, found: cells.len() });
            };
            // No number has a quote in it.
            let parts = parts(cell.unescaped().ok_or(ResultFault::BadPosition { row })?, row)?;
            let mut values = [0.0; 3];
            for ((value, extent), part) in values.iter_mut().zip(&mut extents).zip(parts) {
                *value = finite(part).ok_or(ResultFault::BadPosition { row })?;
                *extent = Extent { low: extent.low.min(*value), high: extent.high.max(*value) };
            }
            found.push(Position { parts, values });
        }
        Ok(Self { rows: found, extents })
    }

    /// The parts of the position of a row, counted from 1, and the same scaled to 0..1.
    fn of(&self, row: u64) -> ([&'a str; 3], [f64; 3]) {
        let row = usize::try_from(row).ok().and_then(|row| self.rows.get(row.checked_sub(1)?));
        let scaled =
            |row: &Position<'_>| std::array::from_fn(|axis| self.extents[axis].scale(row.values[axis]));
        row.map(|row| (row.parts, scaled(row))).unwrap_or_default()
    }
}

/// The three parts of `(x, y, z)`, as they stand there.
fn parts(text: &str, row: u64) -> Result<[&str; 3], ResultFault> {
    let bad = || ResultFault::BadPosition { row };
    let inner = text.trim_ascii().strip_prefix('(').and_then(|t| t.strip_suffix(')')).ok_or_else(bad)?;
    let comma = |from: usize| {
        let length = inner.as_bytes()[from..].iter().position(|byte| *byte == b',');
        length.map(|length| from + length)
    };
    let first = comma(0).ok_or_else(bad)?;
    let second = comma(first + 1).ok_or_else(bad)?;
    if comma(second + 1).is_some() {
        return Err(bad());
    }
    let [x, y, z] = [&inner[..first], &inner[first + 1..second], &inner[second + 1..]];
    Ok([x.trim_ascii(), y.trim_ascii(), z.trim_ascii()])
}

/// Powers of ten that a double holds exactly.
const POWERS_OF_TEN: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// A finite number. What headsets write has few digits: then digits and power of ten are exact doubles, and their quotient
/// is rounded once, as it should be (W. D. Clinger, "How to Read Floating Point Numbers Accurately", 1990).
fn finite(text: &str) -> Option<f64> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    if digits.is_empty() || digits.len() > POWERS_OF_TEN.len() {
        return finite_of_any_length(text);
    }
    let (mut whole, mut point) = (0_u64, None);
    for (n, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => whole = whole * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(n),
            _ => return finite_of_any_length(text),
        }
    }
    let places = point.map_or(0, |point| digits.len() - 1 - point);
    if whole >= 1 << 53 || digits.len() == usize::from(point.is_some()) {
        return finite_of_any_length(text);
    }
    let value = whole as f64 / POWERS_OF_TEN[places];
    Some(if negative { -value } else { value })
}

fn finite_of_any_length(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// `YYYY-MM-DD HH:MM:SS` with up to six digits of a second's fraction, as microseconds since 1970 of whatever clock it is.
fn instant(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| {
        let digits = bytes.get(from..to)?;
        digits.iter().try_fold(0_i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    let separated = bytes.len() >= 19
        && (bytes[4], bytes[7], bytes[13], bytes[16]) == (b'-', b'-', b':', b':')
        && matches!(bytes[10], b' ' | b'T');
    if !separated {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let fraction_us = match bytes.len() {
        19 => 0,
        length @ 21..=26 if bytes[19] == b'.' => {
            number(20, length)? * 10_i64.pow(u32::try_from(26 - length).ok()?)
        }
        _ => return None,
    };
    let exists = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    exists.then_some(seconds * US_PER_S + fraction_us)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (H. Hinnant, chrono-compatible low-level date algorithms).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Writes microseconds as seconds with as many digits as they need, one at least: `0.0`, `60.035`.
fn write_seconds(us: i64, out: &mut Vec<u8>) {
    let us = us.unsigned_abs();
    let (whole, fraction) = (us / US_PER_S.unsigned_abs(), (us % US_PER_S.unsigned_abs()) as u32);
    match u32::try_from(whole) {
        Ok(second @ 0..10) => out.push(b'0' + second as u8),
        Ok(second @ 10..100) => out.extend_from_slice(&two_digits(second)),
        _ => out.extend_from_slice(whole.to_string().as_bytes()),
    }
    let (high, low) = (fraction / 1_000, fraction % 1_000);
    let digits = [
        b'.',
        b'0' + (high / 100) as u8,
        b'0' + (high / 10 % 10) as u8,
        b'0' + (high % 10) as u8,
        b'0' + (low / 100) as u8,
        b'0' + (low / 10 % 10) as u8,
        b'0' + (low % 10) as u8,
    ];
    let needed = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(0).max(1);
    out.extend_from_slice(&digits[..=needed]);
}

fn two_digits(n: u32) -> [u8; 2] {
    [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8]
}

/// Writes the shortest text that is read back as the same number, with a point: `0.0`, `0.3333333333333333`.
fn write_number(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
