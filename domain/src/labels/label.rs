//! A label: a template and what it says, laid out. The same layout is printed and drawn.

use qrcode::{Color, EcLevel, QrCode};

use super::code128::{Code128, QUIET_MODULES};
use super::preview;
use super::template::{Element, fill};
use super::zpl::Zpl;
use super::{LabelData, LabelError, Template};

/// Widest module of a Code 128, dots; wider ones are no better to read.
const MODULE_MAX: u32 = 4;
/// Empty modules that a reader of QR codes needs on each side.
const QR_QUIET_MODULES: u32 = 4;
/// Largest dots of a QR code that ZPL knows.
const MAGNIFICATION_MAX: u32 = 10;
/// Width of a letter of the printer's font 0, as a share of its height: percent, for the widest usual ones.
const LETTER_PERCENT: u32 = 62;
/// How narrow letters may be set before a text is cut: percent of their height.
const NARROWEST_PERCENT: u32 = 45;
/// Rows that a printer leaves above a QR code of `^BQ`.
const BQ_OFFSET: u32 = 10;

/// A label, laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    width: u32,
    height: u32,
    font: Option<String>,
    pub(super) marks: Vec<Mark>,
}

/// A thing on a label, with everything reckoned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    Text { x: u32, y: u32, height: u32, letter: u32, text: String },
    Code128 { x: u32, y: u32, module: u32, height: u32, code: Code128 },
    Qr { x: u32, y: u32, magnification: u32, modules: u32, dark: Vec<bool>, text: String },
    Frame { x: u32, y: u32, width: u32, height: u32, thickness: u32 },
}

impl Label {
    /// Lays `data` out as `template` says.
    ///
    /// # Errors
    /// [`LabelError`] when a field is missing, or a code cannot say or does not hold what it must.
    pub fn new(template: &Template, data: &LabelData) -> Result<Self, LabelError> {
        let marks = template.elements.iter().map(|element| mark(element, data)).collect::<Result<_, _>>()?;
        Ok(Self { width: template.width, height: template.height, font: template.font.clone(), marks })
    }

    /// As ZPL II, that many copies.
    #[must_use]
    pub fn zpl(&self, copies: u32) -> String {
        let mut zpl = Zpl::begin(self.width, self.height);
        for mark in &self.marks {
            match mark {
                Mark::Text { x, y, height, letter, text } => {
                    // The printer's own font has no letters beyond Latin ones.
                    let font = self.font.as_deref().filter(|_| !text.is_ascii());
                    zpl.text((*x, *y), (*height, *letter), font, text);
                }
                Mark::Code128 { x, y, module, height, code } => {
                    zpl.code_128((*x, *y), *module, *height, &code.field());
                }
                Mark::Qr { x, y, magnification, text, .. } => {
                    zpl.qr((*x, y.saturating_sub(BQ_OFFSET)), *magnification, text);
                }
                Mark::Frame { x, y, width, height, thickness } => {
                    zpl.frame((*x, *y), *width, *height, *thickness);
                }
            }
        }
        zpl.end(copies)
    }

    /// As an SVG drawing, one unit a dot.
    #[must_use]
    pub fn svg(&self) -> String {
        preview::svg(self.width, self.height, &self.marks)
    }
}

fn mark(element: &Element, data: &LabelData) -> Result<Mark, LabelError> {
    Ok(match element {
        Element::Text { x, y, height, width, text } => {
            let (text, letter) = fit(&fill(text, data)?, *height, *width);
            Mark::Text { x: *x, y: *y, height: *height, letter, text }
        }
        Element::Code128 { x, y, height, width, text } => {
            let code = Code128::new(&fill(text, data)?)?;
            let module = (width / (code.modules() + 2 * QUIET_MODULES)).min(MODULE_MAX);
            // Where not even thin bars leave room for the quiet zones, half of them must do.
            let module = if module == 0 { width / (code.modules() + QUIET_MODULES) } else { module };
            if module == 0 {
                return Err(LabelError::DoesNotFit { code: "Code 128", value: code.text().to_owned() });
            }
            let x = x + (width - module * code.modules()) / 2;
            Mark::Code128 { x, y: *y, module, height: *height, code }
        }
        Element::Qr { x, y, size, text } => {
            let text = fill(text, data)?;
            let refused = |reason| LabelError::NotEncodable { code: "QR", value: text.clone(), reason };
            if text.is_empty() {
                return Err(refused("it is empty"));
            }
            let code = QrCode::with_error_correction_level(&text, EcLevel::M)
                .map_err(|_| refused("it is too long"))?;
            let modules = u32::try_from(code.width()).unwrap_or(u32::MAX);
            let magnification = (size / modules.saturating_add(2 * QR_QUIET_MODULES)).min(MAGNIFICATION_MAX);
            if magnification == 0 {
                return Err(LabelError::DoesNotFit { code: "QR", value: text });
            }
            let margin = (size - magnification * modules) / 2;
            let dark = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
            Mark::Qr { x: x + margin, y: y + margin, magnification, modules, dark, text }
        }
        Element::Frame { x, y, width, height, thickness } => {
            Mark::Frame { x: *x, y: *y, width: *width, height: *height, thickness: *thickness }
        }
    })
}

/// The text as it fits into `width`, and the width of its letters: set narrower first, then cut.
fn fit(text: &str, height: u32, width: u32) -> (String, u32) {
    let natural = |text: &str, letter: u32| text.chars().map(|c| percent(c) * letter).sum::<u32>() / 100;
    let narrowest = (height * NARROWEST_PERCENT / 100).max(1);
    let mut letter = height;
    while letter > narrowest && natural(text, letter) > width {
        letter -= 1;
    }
    let mut text = text.to_owned();
    while natural(&text, letter) > width && text.pop().is_some() {}
    (text, letter)
}

/// Width of a letter as a share of the height of the line, percent.
fn percent(letter: char) -> u32 {
    // Hangul, Han and full-width forms stand in squares.
    if u32::from(letter) >= 0x1100 { 100 } else { LETTER_PERCENT }
}

#[cfg(test)]
mod tests {
    use super::super::{LabelType, Templates};
    use super::*;

    pub(super) fn data(number: &str) -> LabelData {
        let fields = [
            ("title", "LOT"),
            ("number", number),
            ("product", "허리보조 로봇 NeuroHub Pro"),
            ("date", "2025-11-10"),
            ("quantity", "100"),
        ];
        LabelData::new(fields).expect("data")
    }

    #[test]
    fn the_builtin_labels_are_sixty_by_thirty_millimetres() {
        for (label, template) in Templates::builtin().iter() {
            assert_eq!((template.width, template.height), (472, 236), "{label}");
            let zpl = Label::new(template, &data("WF-KR-251110D-001")).expect("label").zpl(3);
            assert!(zpl.starts_with("^XA^CI28^PW472^LL236") && zpl.ends_with("^PQ3,0,0,N^XZ"), "{zpl}");
            assert!(zpl.contains("WF-KR-251110D-001") || zpl.contains("WF-KR->5251110"), "{zpl}");
        }
    }

    #[test]
    fn a_number_never_becomes_a_command() {
        for label in [LabelType::lot(), LabelType::serial()] {
            let templates = Templates::builtin();
            let template = templates.get(&label).expect("built in");
            let plain = Label::new(template, &data("A")).expect("label").zpl(1);
            let evil = Label::new(template, &data("^XZ~JA^XA_5E\\")).expect("label").zpl(1);
            for sign in ['^', '~', '\\'] {
                assert_eq!(plain.matches(sign).count(), evil.matches(sign).count(), "{sign} {evil}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let templates = Templates::builtin();
        let lot = templates.get(&LabelType::lot()).expect("built in");
        let long = "A".repeat(50);
        assert!(matches!(Label::new(lot, &data(&long)), Err(LabelError::DoesNotFit { .. })));
        assert!(matches!(Label::new(lot, &data("한글")), Err(LabelError::NotEncodable { .. })));
        assert!(matches!(Label::new(lot, &data("")), Err(LabelError::NotEncodable { .. })));
        let missing = LabelData::new([("number", "A")]).expect("data");
        assert_eq!(Label::new(lot, &missing), Err(LabelError::Missing { field: "title".to_owned() }));
    }

    #[test]
    fn long_texts_are_set_narrower_and_then_cut() {
        assert_eq!(fit("AB", 30, 300), ("AB".to_owned(), 30));
        let (narrow, letter) = fit(&"A".repeat(20), 30, 300);
        assert!(narrow.len() == 20 && letter < 30, "{letter}");
        let (cut, letter) = fit(&"A".repeat(200), 30, 300);
        assert!(cut.len() < 200 && letter == 13, "{cut} {letter}");
        assert_eq!(fit("가나다라", 30, 60).0, "가나다라");
    }
}
