//! Where things stand on a kind of label. Templates are files: two are built in, users add their own.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::data::is_name;
use super::{LabelData, LabelError};

/// Most templates.
const TEMPLATES_MAX: usize = 100;
/// Most things on a label.
const ELEMENTS_MAX: usize = 60;
/// Largest label, dots of each side: 150 mm at 203 dpi, more or less.
const SIDE_MAX: u32 = 1_200;
/// Longest text with its fields' names, bytes.
const TEXT_BYTES_MAX: usize = 400;

/// A kind of label: the name of its template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelType(String);

impl LabelType {
    /// The label of a lot.
    #[must_use]
    pub fn lot() -> Self {
        Self("LOT".to_owned())
    }

    /// The label of a unit.
    #[must_use]
    pub fn serial() -> Self {
        Self("SERIAL".to_owned())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LabelType {
    type Err = LabelError;
    fn from_str(text: &str) -> Result<Self, LabelError> {
        let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if (1..=40).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        let reason = "must be A-Z 0-9 _ -, at most 40".to_owned();
        Err(LabelError::Field { field: "label_type".to_owned(), reason })
    }
}

impl TryFrom<String> for LabelType {
    type Error = LabelError;
    fn try_from(text: String) -> Result<Self, LabelError> {
        text.parse()
    }
}

impl From<LabelType> for String {
    fn from(label: LabelType) -> Self {
        label.0
    }
}

impl fmt::Display for LabelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where things stand on a kind of label. All lengths are dots: 8 of them are a millimetre at 203 dpi.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Width of the label.
    pub width: u32,
    /// Height of the label.
    pub height: u32,
    /// A font file in the printer (`E:KOREAN.TTF`) for what its own font cannot write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub font: Option<String>,
    /// What stands on it, in the order in which it is drawn.
    pub elements: Vec<Element>,
}

/// A thing on a label. In its text `{name}` stands for a field, `{name?}` for one that may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Element {
    /// A line of text.
    Text {
        /// From the left.
        x: u32,
        /// From the top.
        y: u32,
        /// Height of its letters.
        height: u32,
        /// Room for it: longer texts are set narrower, then cut.
        width: u32,
        /// What it says.
        text: String,
    },
    /// A Code 128.
    Code128 {
        /// From the left.
        x: u32,
        /// From the top.
        y: u32,
        /// Height of its bars.
        height: u32,
        /// Room for it, with the quiet zones; it is set as wide as fits, in the middle.
        width: u32,
        /// What it says.
        text: String,
    },
    /// A QR code.
    Qr {
        /// From the left.
        x: u32,
        /// From the top.
        y: u32,
        /// Room for it, each side; its dots are as large as fits.
        size: u32,
        /// What it says.
        text: String,
    },
    /// A frame or a line.
    Frame {
        /// From the left.
        x: u32,
        /// From the top.
        y: u32,
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// Of its line.
        thickness: u32,
    },
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is no JSON of a template.
    #[error("{0}")]
    Json(String),
    /// It has no size, or too much of something.
    #[error("{0}")]
    Range(&'static str),
    /// Something stands beyond the edge.
    #[error("element {place} stands beyond the edge of the label")]
    Outside {
        /// Which, from 1.
        place: usize,
    },
    /// A text cannot be read.
    #[error("element {place}: `{{…}}` must hold the name of a field: a-z 0-9 _")]
    Text {
        /// Which, from 1.
        place: usize,
    },
    /// The font's name could be more than a name.
    #[error("`font` must be like E:NAME.TTF")]
    Font,
}

impl Template {
    /// A template of a file.
    ///
    /// # Errors
    /// [`TemplateError`], naming the element.
    pub fn parse(json: &str) -> Result<Self, TemplateError> {
        let template: Self = serde_json::from_str(json).map_err(|e| TemplateError::Json(e.to_string()))?;
        template.check()?;
        Ok(template)
    }

    fn check(&self) -> Result<(), TemplateError> {
        if ![self.width, self.height].iter().all(|side| (40..=SIDE_MAX).contains(side)) {
            return Err(TemplateError::Range("`width` and `height` must be 40 to 1200 dots"));
        }
        if self.elements.is_empty() || self.elements.len() > ELEMENTS_MAX {
            return Err(TemplateError::Range("there must be 1 to 60 `elements`"));
        }
        if self.font.as_deref().is_some_and(|font| !is_font(font)) {
            return Err(TemplateError::Font);
        }
        for (place, element) in self.elements.iter().enumerate().map(|(i, e)| (i + 1, e)) {
            let (x, y, width, height, text) = element.extent();
            if width == 0 || height == 0 {
                return Err(TemplateError::Range("nothing can be 0 dots wide or high"));
            }
            let inside =
                |from: u32, length: u32, side: u32| from.checked_add(length).is_some_and(|end| end <= side);
            if !inside(x, width, self.width) || !inside(y, height, self.height) {
                return Err(TemplateError::Outside { place });
            }
            if text.is_some_and(|text| text.len() > TEXT_BYTES_MAX || parts(text).is_none()) {
                return Err(TemplateError::Text { place });
            }
        }
        Ok(())
    }
}

impl Element {
    /// Left, top, width, height, and what it says.
    fn extent(&self) -> (u32, u32, u32, u32, Option<&str>) {
        match self {
            Self::Text { x, y, height, width, text } | Self::Code128 { x, y, height, width, text } => {
                (*x, *y, *width, *height, Some(text))
            }
            Self::Qr { x, y, size, text } => (*x, *y, *size, *size, Some(text)),
            Self::Frame { x, y, width, height, .. } => (*x, *y, *width, *height, None),
        }
    }
}

fn is_font(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    text.len() <= 20
        && text.split_once(':').is_some_and(|(drive, file)| {
            drive.len() == 1 && drive.bytes().all(|b| b.is_ascii_uppercase()) && file.bytes().all(allowed)
        })
}

/// A part of a text.
enum Part<'a> {
    Plain(&'a str),
    Field { name: &'a str, optional: bool },
}

/// The parts of a text; `None` when a brace stands alone.
fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let (mut parts, mut left) = (Vec::new(), text);
    while let Some(open) = left.find(['{', '}']) {
        let rest = left[open..].strip_prefix('{')?;
        let (inner, after) = rest.split_once('}')?;
        parts.push(Part::Plain(&left[..open]));
        let (name, optional) = inner.strip_suffix('?').map_or((inner, false), |name| (name, true));
        if !is_name(name) {
            return None;
        }
        parts.push(Part::Field { name, optional });
        left = after;
    }
    parts.push(Part::Plain(left));
    Some(parts)
}

/// A text with its fields filled in.
pub(super) fn fill(text: &str, data: &LabelData) -> Result<String, LabelError> {
    let mut filled = String::new();
    // The template was checked when it was read.
    for part in parts(text).unwrap_or_default() {
        match part {
            Part::Plain(plain) => filled.push_str(plain),
            Part::Field { name, optional } => match data.get(name) {
                Some(value) => filled.push_str(value),
                None if optional => {}
                None => return Err(LabelError::Missing { field: name.to_owned() }),
            },
        }
    }
    Ok(filled)
}

/// The templates of a plant, by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates(BTreeMap<LabelType, Template>);

impl Templates {
    /// The two that are built in: LOT and SERIAL, 60 × 30 mm at 203 dpi.
    #[must_use]
    pub fn builtin() -> Self {
        let parse = |json| Template::parse(json).expect("the built-in templates are tested");
        let lot = parse(include_str!("../../../config/labels/LOT.json"));
        let serial = parse(include_str!("../../../config/labels/SERIAL.json"));
        Self(BTreeMap::from([(LabelType::lot(), lot), (LabelType::serial(), serial)]))
    }

    /// Adds one, or takes it in place of the one of that name.
    ///
    /// # Errors
    /// [`TemplateError::Range`] when there are too many.
    pub fn put(&mut self, label: LabelType, template: Template) -> Result<(), TemplateError> {
        if self.0.len() >= TEMPLATES_MAX && !self.0.contains_key(&label) {
            return Err(TemplateError::Range("there are 100 templates already"));
        }
        self.0.insert(label, template);
        Ok(())
    }

    /// The template of that name.
    ///
    /// # Errors
    /// [`LabelError::UnknownType`].
    pub fn get(&self, label: &LabelType) -> Result<&Template, LabelError> {
        let known = || self.0.keys().map(LabelType::as_str).collect::<Vec<_>>().join(", ");
        self.0.get(label).ok_or_else(|| LabelError::UnknownType { name: label.to_string(), known: known() })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&LabelType, &Template)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_says_what_is_wrong_with_it() {
        let element = r#"{"kind":"text","x":10,"y":10,"width":100,"height":20,"text":"{number}"}"#;
        let template = |elements: &str| format!(r#"{{"width":472,"height":236,"elements":[{elements}]}}"#);
        assert!(Template::parse(&template(element)).is_ok());
        let refused = |json: &str| Template::parse(json).expect_err(json);
        assert!(matches!(refused("{"), TemplateError::Json(_)));
        assert!(matches!(refused(&template("")), TemplateError::Range(_)));
        let outside = element.replace("\"x\":10", "\"x\":400");
        assert_eq!(refused(&template(&outside)), TemplateError::Outside { place: 1 });
        for text in ["{", "}", "{}", "{Number}", "{a b}", "a}b{"] {
            let bad = element.replace("{number}", text);
            assert_eq!(refused(&template(&bad)), TemplateError::Text { place: 1 }, "{text}");
        }
        let font = template(element).replace("\"elements\"", "\"font\":\"E:X^XZ.TTF\",\"elements\"");
        assert_eq!(refused(&font), TemplateError::Font);
        assert!(matches!(refused(&template(&element.replace("kind", "sort"))), TemplateError::Json(_)));
    }

    #[test]
    fn fields_are_filled_in_once() {
        let data = LabelData::new([("a", "{b}"), ("b", "2")]).expect("data");
        assert_eq!(fill("x{a}-{b}{c?}", &data), Ok("x{b}-2".to_owned()));
        assert_eq!(fill("{c}", &data), Err(LabelError::Missing { field: "c".to_owned() }));
    }

    #[test]
    fn names_of_templates_are_plain() {
        assert!("BOX-2".parse::<LabelType>().is_ok());
        for bad in ["", "box", "../X", "A B"] {
            assert!(bad.parse::<LabelType>().is_err(), "{bad}");
        }
    }
}
