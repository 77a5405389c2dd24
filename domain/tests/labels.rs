//! Our ZPL as somebody else's renderer draws it and a scanner reads it: what comes off the label is what went on.
//!
//! The reader is `.ci/labels`, a program of its own, named by `NIGHTSHIFT_LABEL_READER`. Where there is none the test says so;
//! with `NIGHTSHIFT_REQUIRE_LABEL_READER` it fails then.

use std::io::Write;
use std::process::{Command, Stdio};

use nightshift_domain::labels::{Label, LabelData, LabelType, Template, Templates};

/// The codes of our labels, in the reader's words.
const FORMATS: [&str; 2] = ["code 128", "qrcode"];

/// A code as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Code {
    format: String,
    /// Left, top, right, bottom of what the decoder held on to, dots.
    place: [u32; 4],
    text: String,
}

/// How many labels come out, and the codes of the first.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    labels: u32,
    codes: Vec<Code>,
}

/// The reader, if there is one.
struct Reader(String);

impl Reader {
    fn find() -> Option<Self> {
        if let Ok(program) = std::env::var("NIGHTSHIFT_LABEL_READER") {
            return Some(Self(program));
        }
        assert!(
            std::env::var("NIGHTSHIFT_REQUIRE_LABEL_READER").is_err(),
            "NIGHTSHIFT_REQUIRE_LABEL_READER is set, but NIGHTSHIFT_LABEL_READER names no reader"
        );
        eprintln!(
            "skipped: no NIGHTSHIFT_LABEL_READER; `cargo build --manifest-path .ci/labels/Cargo.toml` makes one"
        );
        None
    }

    fn read(&self, template: &Template, zpl: &str) -> Seen {
        let sides = [template.width, template.height].map(|side| side.to_string());
        let mut child = Command::new(&self.0)
            .args(sides)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the reader starts");
        child.stdin.take().expect("piped").write_all(zpl.as_bytes()).expect("the reader takes the label");
        let output = child.wait_with_output().expect("the reader ends");
        assert!(output.status.success(), "{zpl}");
        let text = String::from_utf8(output.stdout).expect("text");
        let mut lines = text.lines();
        let labels =
            lines.next().and_then(|line| line.strip_prefix("labels ")?.parse().ok()).expect("a count");
        // A scanner is told which codes to look for: one that tries them all finds some in letters.
        let codes = lines.map(code).filter(|code| FORMATS.contains(&code.format.as_str())).collect();
        Seen { labels, codes }
    }
}

fn code(line: &str) -> Code {
    let mut parts = line.splitn(6, '\t');
    let mut next = || parts.next().expect("six parts");
    let format = next().to_owned();
    let place = [(); 4].map(|()| next().parse().expect("dots"));
    Code { format, place, text: next().to_owned() }
}

fn data(number: &str, product: &str) -> LabelData {
    let fields = [
        ("title", "LOT 라벨"),
        ("number", number),
        ("product", product),
        ("date", "2025-11-10"),
        ("quantity", "100"),
    ];
    LabelData::new(fields).expect("data")
}

/// Products that a template must put up with.
const PRODUCTS: [&str; 3] =
    ["Wearable Pro", "허리보조 로봇 “라벨” ①", "^XZ^XA^FO0,0^GB472,236,236^FS~JA\\_5E"];

/// Numbers of the plant's form and beside it; some are all digits, some begin or end with them, some have an odd count.
fn numbers() -> Vec<String> {
    let mut numbers: Vec<String> = [
        "WF-KR-251110D-001",
        "WF-KR-251110N-999",
        "LOT-2025-001",
        "12345678",
        "1234567",
        "A",
        "7",
        "A1B22C333D4444",
    ]
    .map(str::to_owned)
    .to_vec();
    // Others of the allowed letters, always the same ones.
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789012345678901234567890123456789-";
    let mut state = 7_u32;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(state >> 8).expect("fits") % below
    };
    for _ in 0..24 {
        let length = 1 + draw(18);
        numbers.push((0..length).map(|_| char::from(ALPHABET[draw(ALPHABET.len())])).collect());
    }
    numbers
}

/// Reads `number` off a label of `kind`, printed `copies` times.
fn read_back(reader: &Reader, kind: &LabelType, number: &str, product: &str, copies: u32) -> Code {
    let templates = Templates::builtin();
    let template = templates.get(kind).expect("built in");
    let zpl = Label::new(template, &data(number, product)).expect(number).zpl(copies);
    let seen = reader.read(template, &zpl);
    assert_eq!(seen.labels, copies, "{zpl}");
    let [code] = seen.codes.as_slice() else { panic!("one code, not {:?}: {zpl}", seen.codes) };
    assert_eq!(code.text, number, "{zpl}");
    code.clone()
}

#[test]
fn a_lots_bars_are_read_back() {
    let Some(reader) = Reader::find() else { return };
    for (place, number) in numbers().iter().enumerate() {
        let product = PRODUCTS[place % PRODUCTS.len()];
        let code = read_back(
            &reader,
            &LabelType::lot(),
            number,
            product,
            1 + u32::try_from(place % 3).expect("few"),
        );
        // The template's box: x 4 to 468, y 46 to 146.
        let [left, top, right, bottom] = code.place;
        assert_eq!(code.format, FORMATS[0], "{code:?}");
        assert!(left >= 4 && right <= 468 && top >= 46 && bottom <= 146, "{code:?}");
    }
}

#[test]
fn a_units_qr_code_is_read_back() {
    let Some(reader) = Reader::find() else { return };
    let mut all = numbers();
    all.extend(["WF-KR-251110D-001-0001".to_owned(), "A".repeat(50), "로봇-001".to_owned()]);
    // Nothing that stands in a number is a command.
    all.extend(["^XZ~JA^XA\\_5E".to_owned(), "a_b,c:d;e".to_owned(), "MA,QA,".to_owned()]);
    for (place, number) in all.iter().enumerate() {
        let code = read_back(&reader, &LabelType::serial(), number, PRODUCTS[place % PRODUCTS.len()], 1);
        // The template's box: x 276 to 464, y 6 to 194. The printer's own offset of a QR code is in there.
        let [left, top, right, bottom] = code.place;
        assert_eq!(code.format, FORMATS[1], "{code:?}");
        assert!(left >= 276 && right <= 464 && top >= 6 && bottom <= 194, "{code:?}");
    }
}

#[test]
fn a_font_of_the_printer_spoils_no_code() {
    let Some(reader) = Reader::find() else { return };
    let json = include_str!("../../config/labels/SERIAL.json");
    let template =
        Template::parse(&json.replacen('{', "{ \"font\": \"E:KOREAN.TTF\",", 1)).expect("a template");
    let zpl = Label::new(&template, &data("S-1", "허리보조 로봇")).expect("label").zpl(1);
    assert!(zpl.contains("^A@N,26,") && zpl.contains(",E:KOREAN.TTF"), "{zpl}");
    let texts: Vec<String> = reader.read(&template, &zpl).codes.into_iter().map(|code| code.text).collect();
    assert_eq!(texts, ["S-1"]);
}
