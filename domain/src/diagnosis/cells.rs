//! CSV, read cell by cell without copying and written as it was read.
//!
//! RFC 4180 with line ends of any system; empty lines are passed over. A cell keeps its own text: what is not computed
//! goes through unchanged.

use std::borrow::Cow;

/// A cell of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell<'a> {
    /// What stands in the file, without the quotes around it.
    raw: &'a str,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    /// Not quoted, with a quote in it.
    Odd,
    Quoted,
    /// Quoted, with quotes inside that stand doubled.
    Escaped,
}

impl<'a> Cell<'a> {
    /// What the cell says.
    pub(super) fn text(self) -> Cow<'a, str> {
        match self.form {
            Form::Escaped => Cow::Owned(self.raw.replace("\"\"", "\"")),
            Form::Plain | Form::Odd | Form::Quoted => Cow::Borrowed(self.raw),
        }
    }

    /// What the cell says, as it stands in the file; nothing when quotes are doubled there.
    pub(super) fn unescaped(self) -> Option<&'a str> {
        (self.form != Form::Escaped).then_some(self.raw)
    }

    /// What the cell says, when that is a number or a time, which need no escapes.
    pub(super) fn bare(self) -> &'a str {
        match self.raw.as_bytes() {
            [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => self.raw,
            _ => self.raw.trim(),
        }
    }

    /// Writes it with quotes only where they are needed.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self.form {
            Form::Plain => out.extend_from_slice(self.raw.as_bytes()),
            Form::Odd => write_text(self.raw, out),
            Form::Quoted if self.raw.contains([',', '\n', '\r']) => quoted(self.raw, out),
            Form::Quoted => out.extend_from_slice(self.raw.as_bytes()),
            Form::Escaped => quoted(self.raw, out),
        }
    }
}

fn quoted(raw: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(raw.as_bytes());
    out.push(b'"');
}

/// Writes a text as a cell.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    if text.contains([',', '"', '\n', '\r']) {
        quoted(&text.replace('"', "\"\""), out);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// A quote is not closed, or is followed by something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadQuote;

/// The rows of a text.
#[derive(Debug, Clone)]
pub(super) struct Rows<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rows<'a> {
    /// Reads from the first row on; a byte order mark is no text.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0 }
    }

    /// Puts the next row into `cells`; whether there was one.
    pub(super) fn next(&mut self, cells: &mut Vec<Cell<'a>>) -> Result<bool, BadQuote> {
        cells.clear();
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b'\n' | b'\r')) {
            self.at += 1;
        }
        if self.at >= bytes.len() {
            return Ok(false);
        }
        loop {
            let cell = if bytes.get(self.at) == Some(&b'"') { self.quoted()? } else { self.plain() };
            cells.push(cell);
            match bytes.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b'\r') => {
                    self.at += 1 + usize::from(bytes.get(self.at + 1) == Some(&b'\n'));
                    return Ok(true);
                }
                Some(_) => {
                    self.at += 1;
                    return Ok(true);
                }
                None => return Ok(true),
            }
        }
    }

    fn plain(&mut self) -> Cell<'a> {
        let (bytes, from, mut form) = (self.text.as_bytes(), self.at, Form::Plain);
        loop {
            self.at = special(bytes, self.at);
            if bytes.get(self.at) != Some(&b'"') {
                break;
            }
            form = Form::Odd;
            self.at += 1;
        }
        Cell { raw: &self.text[from..self.at], form }
    }

    fn quoted(&mut self) -> Result<Cell<'a>, BadQuote> {
        let bytes = self.text.as_bytes();
        let from = self.at + 1;
        let (mut at, mut form) = (from, Form::Quoted);
        loop {
            at = quote(bytes, at).ok_or(BadQuote)?;
            match bytes.get(at + 1) {
                Some(b'"') => {
                    form = Form::Escaped;
                    at += 2;
                }
                None | Some(b',' | b'\n' | b'\r') => {
                    self.at = at + 1;
                    return Ok(Cell { raw: &self.text[from..at], form });
                }
                Some(_) => return Err(BadQuote),
            }
        }
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Where the next comma, line end or quote is; the end of the text if there is none. Eight bytes are looked at together (A.
/// Mycroft's test for a byte below a bound): all four are below `-`, and in a result hardly anything else is.
fn special(bytes: &[u8], mut at: usize) -> usize {
    let is_special = |byte: u8| matches!(byte, b',' | b'\n' | b'\r' | b'"');
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*eight);
        let below = word.wrapping_sub(ONES * u64::from(b'-')) & !word & HIGHS;
        if below == 0 {
            at += 8;
            continue;
        }
        at += below.trailing_zeros() as usize / 8;
        if is_special(bytes[at]) {
            return at;
        }
        at += 1;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

/// Where the next quote is.
fn quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*eight) ^ (ONES * u64::from(b'"'));
        let found = word.wrapping_sub(ONES) & !word & HIGHS;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    bytes.get(at..)?.iter().position(|byte| *byte == b'"').map(|further| at + further)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Vec<Vec<String>>, BadQuote> {
        let (mut rows, mut cells, mut all) = (Rows::new(text), Vec::new(), Vec::new());
        while rows.next(&mut cells)? {
            all.push(cells.iter().map(|c| c.text().into_owned()).collect());
        }
        Ok(all)
    }

    #[test]
    fn rows_end_as_on_any_system() {
        let want = vec![vec!["a".to_owned(), String::new()], vec!["b, \"c\"".to_owned(), "d".to_owned()]];
        for text in [
            "a,\n\"b, \"\"c\"\"\",d\n",
            "\u{feff}a,\r\n\r\n\"b, \"\"c\"\"\",\"d\"\r\n",
            "a,\r\"b, \"\"c\"\"\",d",
        ] {
            assert_eq!(read(text), Ok(want.clone()), "{text:?}");
        }
        assert_eq!(read("\n\r\n"), Ok(vec![]));
        assert_eq!(read("a,\"b"), Err(BadQuote));
        assert_eq!(read("\"a\"b,c"), Err(BadQuote));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_and_as_others_read_it(
            rows in prop::collection::vec(prop::collection::vec("[a-c,\"\n\r é]{0,6}", 2..4), 1..6)
        ) {
            let mut out = Vec::new();
            for row in &rows {
                for (n, cell) in row.iter().enumerate() {
                    if n > 0 { out.push(b','); }
                    write_text(cell, &mut out);
                }
                out.push(b'\n');
            }
            let text = String::from_utf8(out).expect("text");
            prop_assert_eq!(read(&text), Ok(rows.clone()));
            let mut theirs = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let theirs: Vec<Vec<String>> = theirs.records().map(|r| r.expect("row").iter().map(str::to_owned).collect()).collect();
            prop_assert_eq!(theirs, rows.clone());
            // Written again, cell by cell, it is the same text.
            let (mut again, mut cells, mut reader) = (Vec::new(), Vec::new(), Rows::new(&text));
            while reader.next(&mut cells).expect("read before") {
                for (n, cell) in cells.iter().enumerate() {
                    if n > 0 { again.push(b','); }
                    cell.write(&mut again);
                }
                again.push(b'\n');
            }
            prop_assert_eq!(String::from_utf8(again).expect("text"), text);
        }

        #[test]
        fn eight_bytes_at_a_time_are_as_good_as_one(bytes in prop::collection::vec(prop::sample::select(
            vec![b',', b'\n', b'\r', b'"', b' ', b'-', b'+', b'0', b'9', b'.', b'(', 0, 0x80, 0xff, 0x21, 0x2d]), 0..40), at in 0_usize..10,
        ) {
            let one = |wanted: fn(&u8) -> bool| (at..bytes.len()).find(|n| wanted(&bytes[*n]));
            let wanted = one(|b| matches!(b, b',' | b'\n' | b'\r' | b'"'));
            prop_assert_eq!(special(&bytes, at), wanted.unwrap_or(bytes.len().max(at)));
            prop_assert_eq!(quote(&bytes, at), one(|b| *b == b'"'));
        }

        #[test]
        fn no_text_panics(text in "[a,\"\n\r]{0,40}") {
            let _ = read(&text);
        }
    }
}
