//! ZPL II, typed: commands are made here, and data can never become one.
//!
//! Field data is written behind `^FH`, which makes `_5E` of `^`. Everything that is not a plain letter, digit or harmless
//! sign is written that way, as UTF-8 (`^CI28`), so that no data ends a field or starts a command.

use std::fmt::Write as _;

/// A label's ZPL while it is written.
#[derive(Debug)]
pub(super) struct Zpl(String);

impl Zpl {
    /// Begins a label of that many dots, in UTF-8.
    pub(super) fn begin(width: u32, height: u32) -> Self {
        Self(format!("^XA^CI28^PW{width}^LL{height}^LH0,0"))
    }

    /// A text whose upper left corner is at (x, y), with characters of that height and width in dots, in the printer's font
    /// 0 or in a font file of the printer.
    pub(super) fn text(
        &mut self,
        (x, y): (u32, u32),
        (height, width): (u32, u32),
        font: Option<&str>,
        text: &str,
    ) {
        self.origin(x, y);
        match font {
            None => self.add(format_args!("^A0N,{height},{width}")),
            Some(file) => self.add(format_args!("^A@N,{height},{width},{file}")),
        }
        self.data("", text);
    }

    /// A Code 128 of `field` (with its invocation codes), without a line of text.
    pub(super) fn code_128(&mut self, (x, y): (u32, u32), module: u32, height: u32, field: &str) {
        self.origin(x, y);
        self.add(format_args!("^BY{module}^BCN,{height},N,N,N,N"));
        self.data("", field);
    }

    /// A QR code, model 2, error correction M.
    pub(super) fn qr(&mut self, (x, y): (u32, u32), magnification: u32, text: &str) {
        self.origin(x, y);
        self.add(format_args!("^BQN,2,{magnification}"));
        self.data("MA,", text);
    }

    /// A frame, or a filled box when `thickness` is half its size.
    pub(super) fn frame(&mut self, (x, y): (u32, u32), width: u32, height: u32, thickness: u32) {
        self.origin(x, y);
        self.add(format_args!("^GB{width},{height},{thickness}^FS"));
    }

    /// Ends the label: that many copies.
    pub(super) fn end(mut self, copies: u32) -> String {
        self.add(format_args!("^PQ{copies},0,0,N^XZ"));
        self.0
    }

    fn origin(&mut self, x: u32, y: u32) {
        self.add(format_args!("^FO{x},{y}"));
    }

    /// A field of `prefix`, which is ours, and `text`, which is not.
    fn data(&mut self, prefix: &str, text: &str) {
        self.add(format_args!("^FH_^FD{prefix}"));
        escape_into(&mut self.0, text);
        self.0.push_str("^FS");
    }

    fn add(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a text takes all that is written to it");
    }
}

/// `text` for a field behind `^FH_`.
fn escape_into(zpl: &mut String, text: &str) {
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b" -.,:;>=<+*/()#%&@!?'[]{}|$\"".contains(&byte);
        if plain {
            zpl.push(char::from(byte));
        } else {
            write!(zpl, "_{byte:02X}").expect("a text takes all that is written to it");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut zpl = String::new();
        escape_into(&mut zpl, text);
        zpl
    }

    #[test]
    fn signs_of_commands_are_written_as_numbers() {
        assert_eq!(escaped("^XZ~JA\\&_"), "_5EXZ_7EJA_5C&_5F");
        assert_eq!(escaped("WF-KR-251110D-001"), "WF-KR-251110D-001");
        assert_eq!(escaped("라"), "_EB_9D_BC");
    }

    #[test]
    fn a_label_begins_and_ends() {
        let mut zpl = Zpl::begin(472, 236);
        zpl.text((16, 12), (28, 20), None, "^XZ");
        zpl.qr((10, 20), 5, "A");
        assert_eq!(
            zpl.end(2),
            "^XA^CI28^PW472^LL236^LH0,0^FO16,12^A0N,28,20^FH_^FD_5EXZ^FS^FO10,20^BQN,2,5^FH_^FDMA,A^FS^PQ2,0,0,N^XZ"
        );
    }

    proptest! {
        #[test]
        fn no_text_can_hold_a_command(text in any::<String>()) {
            let zpl = escaped(&text);
            prop_assert!(!zpl.contains(['^', '~', '\\']) && zpl.bytes().all(|b| (b' '..=b'~').contains(&b)));
            // And it is read back as what it was.
            let mut bytes = Vec::new();
            let mut left = zpl.as_bytes();
            while let [first, rest @ ..] = left {
                if *first == b'_' {
                    let hex = std::str::from_utf8(&rest[..2]).expect("ascii");
                    bytes.push(u8::from_str_radix(hex, 16).expect("hex"));
                    left = &rest[2..];
                } else {
                    bytes.push(*first);
                    left = rest;
                }
            }
            prop_assert_eq!(String::from_utf8(bytes).expect("utf-8"), text);
        }
    }
}
