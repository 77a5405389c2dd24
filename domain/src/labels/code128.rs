//! Code 128: symbols, widths and bars, for what is printed and for previews. Sets B and C alone: printable ASCII.

use super::LabelError;

const START_B: u8 = 104;
const START_C: u8 = 105;
const TO_B: u8 = 100;
const TO_C: u8 = 99;
const STOP: u8 = 106;
/// Modules of a symbol; the stop has two more.
const SYMBOL_MODULES: u32 = 11;
/// Empty modules that a reader needs on each side.
pub(super) const QUIET_MODULES: u32 = 10;
/// Digits in a row from which set C is shorter, within a text.
const DIGITS_FOR_C: usize = 6;
/// The same at the start or the end of a text.
const DIGITS_FOR_C_AT_EDGE: usize = 4;
/// Longest text.
const CHARS_MAX: usize = 80;

/// Widths of bars and spaces of each symbol, as ISO/IEC 15417 lists them.
const WIDTHS: [&str; 107] = [
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213",
    "221312", "231212", "112232", "122132", "122231", "113222", "123122", "123221", "223211", "221132",
    "221231", "213212", "223112", "312131", "311222", "321122", "321221", "312212", "322112", "322211",
    "212123", "212321", "232121", "111323", "131123", "131321", "112313", "132113", "132311", "211313",
    "231113", "231311", "112133", "112331", "132131", "113123", "113321", "133121", "313121", "211331",
    "231131", "213113", "213311", "213131", "311123", "311321", "331121", "312113", "312311", "332111",
    "314111", "221411", "431111", "111224", "111422", "121124", "121421", "141122", "141221", "112214",
    "112412", "122114", "122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111",
    "111242", "121142", "121241", "114212", "124112", "124211", "411212", "421112", "421211", "212141",
    "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311", "113141",
    "114131", "311141", "411131", "211412", "211214", "211232", "2331112",
];

/// A text as Code 128.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code128 {
    /// From the start symbol to the last before the checksum.
    symbols: Vec<u8>,
    text: String,
}

impl Code128 {
    /// Encodes `text`, with set C for runs of digits.
    pub(super) fn new(text: &str) -> Result<Self, LabelError> {
        let refused = |reason| LabelError::NotEncodable { code: "Code 128", value: text.to_owned(), reason };
        if text.is_empty() {
            return Err(refused("it is empty"));
        }
        if text.len() > CHARS_MAX {
            return Err(refused("it is longer than 80 characters"));
        }
        if !text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(refused("it is not printable ASCII"));
        }
        Ok(Self { symbols: symbols(text.as_bytes()), text: text.to_owned() })
    }

    /// Modules from the first bar to the last.
    pub(super) fn modules(&self) -> u32 {
        // The checksum and the stop, which is two modules wider.
        (u32::try_from(self.symbols.len()).unwrap_or(u32::MAX).saturating_add(2)) * SYMBOL_MODULES + 2
    }

    /// Bars and spaces in turn, in modules, starting with a bar.
    pub(super) fn bars(&self) -> Vec<u8> {
        let all = self.symbols.iter().copied().chain([self.checksum(), STOP]);
        all.flat_map(|symbol| WIDTHS[usize::from(symbol)].bytes().map(|b| b - b'0')).collect()
    }

    /// The data of a `^BC` field in mode N: sets are switched by invocation codes, so that the printer writes exactly these
    /// symbols.
    pub(super) fn field(&self) -> String {
        let mut field = String::new();
        let mut in_c = false;
        for (place, symbol) in self.symbols.iter().copied().enumerate() {
            match (place, symbol) {
                (0, START_C) => {
                    field.push_str(">;");
                    in_c = true;
                }
                (0, _) => field.push_str(">:"),
                (_, TO_C) if !in_c => {
                    field.push_str(">5");
                    in_c = true;
                }
                (_, TO_B) if in_c => {
                    field.push_str(">6");
                    in_c = false;
                }
                (_, pair) if in_c => field.push_str(&format!("{pair:02}")),
                (_, character) => match char::from(character + b' ') {
                    '>' => field.push_str(">0"),
                    '^' => field.push_str("><"),
                    '~' => field.push_str(">="),
                    plain => field.push(plain),
                },
            }
        }
        field
    }

    /// What it says.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn checksum(&self) -> u8 {
        let weighted = self.symbols.iter().enumerate().map(|(i, s)| i.max(1) * usize::from(*s));
        u8::try_from(weighted.sum::<usize>() % 103).unwrap_or(0)
    }
}

fn symbols(text: &[u8]) -> Vec<u8> {
    let mut symbols = Vec::with_capacity(text.len() + 2);
    let (mut at, mut in_c) = (0, false);
    while at < text.len() {
        let digits = text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let at_edge = at == 0 || at + digits == text.len();
        let enough = digits >= if at_edge { DIGITS_FOR_C_AT_EDGE } else { DIGITS_FOR_C };
        if enough && digits.is_multiple_of(2) || in_c && digits >= 2 {
            if !in_c {
                symbols.push(if at == 0 { START_C } else { TO_C });
                in_c = true;
            }
            for pair in text[at..at + digits - digits % 2].chunks_exact(2) {
                symbols.push((pair[0] - b'0') * 10 + pair[1] - b'0');
            }
            at += digits - digits % 2;
        } else {
            if at == 0 {
                symbols.push(START_B);
            } else if in_c {
                symbols.push(TO_B);
            }
            in_c = false;
            symbols.push(text[at] - b' ');
            at += 1;
        }
    }
    symbols
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_symbols() {
        // "PJJ123C" has the checksum 54 in set A, as textbooks show it; set B starts with a symbol one higher.
        let code = Code128::new("PJJ123C").expect("code");
        assert_eq!(code.symbols, [104, 48, 42, 42, 17, 18, 19, 35]);
        assert_eq!(code.checksum(), 55);
        assert_eq!(code.modules(), 10 * 11 + 2);
        assert_eq!(code.bars().iter().map(|b| u32::from(*b)).sum::<u32>(), code.modules());
        let lot = Code128::new("WF-KR-251110D-001").expect("code");
        assert_eq!(lot.field(), ">:WF-KR->5251110>6D-001");
        assert_eq!(Code128::new("12345678").expect("code").field(), ">;12345678");
        assert_eq!(Code128::new("a^b~c>d\\").expect("code").field(), ">:a><b>=c>0d\\");
    }

    #[test]
    fn every_symbol_is_eleven_modules_wide() {
        let width = |w: &str| w.bytes().map(|b| u32::from(b - b'0')).sum::<u32>();
        assert!(WIDTHS[..106].iter().all(|w| width(w) == SYMBOL_MODULES && w.len() == 6));
        assert_eq!((width(WIDTHS[106]), WIDTHS[106].len()), (13, 7));
        let unlike: std::collections::HashSet<_> = WIDTHS.iter().collect();
        assert_eq!(unlike.len(), 107);
    }

    #[test]
    fn what_it_cannot_say() {
        for text in ["", "한글", "a\n", "\u{7f}"] {
            assert!(matches!(Code128::new(text), Err(LabelError::NotEncodable { .. })), "{text:?}");
        }
        assert!(Code128::new(&"A".repeat(81)).is_err());
    }

    /// Reads symbols back as a reader would.
    fn read(symbols: &[u8]) -> String {
        let (mut text, mut in_c) = (String::new(), symbols[0] == START_C);
        for symbol in &symbols[1..] {
            match (in_c, *symbol) {
                (false, TO_C) => in_c = true,
                (true, TO_B) => in_c = false,
                (true, pair) => text.push_str(&format!("{pair:02}")),
                (false, character) => text.push(char::from(character + b' ')),
            }
        }
        text
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "[ -~]{1,80}") {
            prop_assert_eq!(read(&Code128::new(&text).expect("printable").symbols), text);
        }

        #[test]
        fn digits_are_never_longer_than_set_b(text in "[A-Z0-9-]{1,50}") {
            prop_assert!(Code128::new(&text).expect("printable").symbols.len() <= text.len() + 1);
        }
    }
}
