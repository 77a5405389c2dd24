//! What a printer says of itself: the answer to `~HS`, three lines between STX and ETX.
//!
//! Source: Zebra, ZPL II Programming Guide, "~HS: Host Status Return".

use super::PrinterFault;

/// What asks for it.
pub const HOST_STATUS_QUERY: &[u8] = b"~HS";
/// Longest answer that is read, bytes; a real one has about 80.
pub const HOST_STATUS_BYTES_MAX: usize = 512;

const STX: u8 = 0x02;
const ETX: u8 = 0x03;
/// Fields of the first line.
const FIRST_FIELDS: usize = 12;
/// Fields of the second line.
const SECOND_FIELDS: usize = 11;

/// What a printer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostStatus {
    /// No paper.
    pub paper_out: bool,
    /// Paused.
    pub paused: bool,
    /// Labels that it has received and not begun.
    pub formats_waiting: u32,
    /// No more room for labels.
    pub buffer_full: bool,
    /// A label has come in half.
    pub partial_format: bool,
    /// Its memory was lost.
    pub memory_lost: bool,
    /// The head is too cold.
    pub too_cold: bool,
    /// The head is too hot.
    pub too_hot: bool,
    /// The head is open.
    pub head_open: bool,
    /// No ribbon.
    pub ribbon_out: bool,
    /// Copies of the label under way that are still to come.
    pub copies_left: u32,
}

/// Why an answer is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// It has not ended yet.
    #[error("the status is not complete")]
    Incomplete,
    /// It is something else.
    #[error("this is no host status: {0}")]
    Garbage(&'static str),
}

impl HostStatus {
    /// Reads an answer: the status, and how many bytes it took.
    ///
    /// # Errors
    /// [`StatusError::Incomplete`] when more bytes may make it one, [`StatusError::Garbage`] when none can.
    pub fn parse(answer: &[u8]) -> Result<(Self, usize), StatusError> {
        let mut place = 0;
        let mut next = || line(answer, &mut place);
        let (first, second, _third) = (next()?, next()?, next()?);
        let first = fields::<FIRST_FIELDS>(first)?;
        let second = fields::<SECOND_FIELDS>(second)?;
        let status = Self {
            paper_out: flag(first[1])?,
            paused: flag(first[2])?,
            formats_waiting: number(first[4])?,
            buffer_full: flag(first[5])?,
            partial_format: flag(first[7])?,
            memory_lost: flag(first[9])?,
            too_cold: flag(first[10])?,
            too_hot: flag(first[11])?,
            head_open: flag(second[2])?,
            ribbon_out: flag(second[3])?,
            copies_left: number(second[8])?,
        };
        Ok((status, place))
    }

    /// What stops it; nothing when it prints.
    #[must_use]
    pub fn fault(&self) -> Option<PrinterFault> {
        let faults = [
            (self.memory_lost, PrinterFault::Memory),
            (self.head_open, PrinterFault::CoverOpen),
            (self.paper_out, PrinterFault::MediaEmpty),
            (self.ribbon_out, PrinterFault::RibbonEmpty),
            (self.too_cold || self.too_hot, PrinterFault::Temperature),
            (self.paused, PrinterFault::Paused),
        ];
        faults.into_iter().find_map(|(is, fault)| is.then_some(fault))
    }

    /// Whether everything that it was sent is printed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.formats_waiting == 0 && self.copies_left == 0 && !self.partial_format
    }

    /// As a printer answers it: for the simulator.
    #[must_use]
    pub fn answer(&self) -> Vec<u8> {
        let bit = u8::from;
        format!(
            "\u{2}030,{},{},0236,{:03},{},0,{},000,{},{},{}\u{3}\r\n\
             \u{2}000,0,{},{},0,2,4,0,{:08},1,000\u{3}\r\n\u{2}1234,0\u{3}\r\n",
            bit(self.paper_out),
            bit(self.paused),
            self.formats_waiting,
            bit(self.buffer_full),
            bit(self.partial_format),
            bit(self.memory_lost),
            bit(self.too_cold),
            bit(self.too_hot),
            bit(self.head_open),
            bit(self.ribbon_out),
            self.copies_left,
        )
        .into_bytes()
    }
}

/// The next line between STX and ETX.
fn line<'a>(answer: &'a [u8], place: &mut usize) -> Result<&'a str, StatusError> {
    let rest = &answer[*place..];
    let ends = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let rest = &rest[ends..];
    match rest.first() {
        None => return Err(StatusError::Incomplete),
        Some(&STX) => {}
        Some(_) => return Err(StatusError::Garbage("a line does not begin with STX")),
    }
    let Some(end) = rest.iter().position(|b| *b == ETX) else {
        let long = answer.len() >= HOST_STATUS_BYTES_MAX;
        return Err(if long { StatusError::Garbage("it does not end") } else { StatusError::Incomplete });
    };
    *place += ends + end + 1;
    std::str::from_utf8(&rest[1..end]).map_err(|_| StatusError::Garbage("it is no text"))
}

fn fields<const N: usize>(line: &str) -> Result<[&str; N], StatusError> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    fields.try_into().map_err(|_| StatusError::Garbage("a line has another number of fields"))
}

fn flag(field: &str) -> Result<bool, StatusError> {
    match field {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(StatusError::Garbage("a flag is neither 0 nor 1")),
    }
}

fn number(field: &str) -> Result<u32, StatusError> {
    let digits = field.bytes().all(|b| b.is_ascii_digit());
    let number = field.parse().ok().filter(|_| digits);
    number.ok_or(StatusError::Garbage("a count is no number"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the programming guide shows it.
    const GUIDE: &[u8] = b"\x02030,0,0,1245,000,0,0,0,000,0,0,0\x03\r\n\x02000,0,0,0,0,2,4,0,00000000,1,000\x03\r\n\x021234,0\x03\r\n";

    #[test]
    fn a_real_answer() {
        let (status, length) = HostStatus::parse(GUIDE).expect("status");
        assert_eq!((status, length), (HostStatus::default(), GUIDE.len() - 2));
        assert!(status.is_idle() && status.fault().is_none());
        let paper =
            HostStatus { paper_out: true, formats_waiting: 3, copies_left: 2, ..HostStatus::default() };
        let (read, _) = HostStatus::parse(&paper.answer()).expect("status");
        assert_eq!((read, read.fault(), read.is_idle()), (paper, Some(PrinterFault::MediaEmpty), false));
    }

    #[test]
    fn every_part_of_an_answer_is_incomplete() {
        for length in 0..GUIDE.len() - 2 {
            assert_eq!(HostStatus::parse(&GUIDE[..length]), Err(StatusError::Incomplete), "{length}");
        }
    }

    #[test]
    fn what_is_no_status() {
        let other = [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"\x02030,0,0\x03\r\n\x02\x03\r\n\x02\x03",
            b"\x02030,2,0,1245,000,0,0,0,000,0,0,0\x03\x02000,0,0,0,0,2,4,0,00000000,1,000\x03\x021234,0\x03",
            b"\x02\xff\x03",
            &[&b"\x02"[..], &[b'1'; 600]].concat(),
        ];
        for answer in other {
            assert!(matches!(HostStatus::parse(answer), Err(StatusError::Garbage(_))), "{answer:?}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(answer in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = HostStatus::parse(&answer);
        }

        #[test]
        fn what_is_answered_is_read(flags in any::<[bool; 9]>(), waiting in 0_u32..1000, left in 0_u32..100_000_000) {
            let [paper_out, paused, buffer_full, partial_format, memory_lost, too_cold, too_hot, head_open, ribbon_out] = flags;
            let status = HostStatus {
                paper_out, paused, buffer_full, partial_format, memory_lost, too_cold, too_hot, head_open, ribbon_out,
                formats_waiting: waiting, copies_left: left,
            };
            prop_assert_eq!(HostStatus::parse(&status.answer()).expect("status").0, status);
        }
    }
}
