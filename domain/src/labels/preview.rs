//! A label as a drawing for people: SVG, one unit a dot.

use std::fmt::{self, Write as _};

use super::label::Mark;

pub(super) fn svg(width: u32, height: u32, marks: &[Mark]) -> String {
    let mut svg = String::new();
    draw(&mut svg, width, height, marks).expect("a text takes all that is written to it");
    svg
}

fn draw(svg: &mut String, width: u32, height: u32, marks: &[Mark]) -> fmt::Result {
    write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/><g fill=\"#000\" shape-rendering=\"crispEdges\">"
    )?;
    for mark in marks {
        match mark {
            Mark::Text { x, y, height, letter, text } => {
                let stretch = *letter as f32 / *height as f32;
                // The base line of font 0 is at three quarters of its height.
                let base = f64::from(*y) + f64::from(*height) * 0.76;
                write!(
                    svg,
                    "<text transform=\"translate({x} {base:.1}) scale({stretch:.3} 1)\" font-size=\"{height}\" \
                     font-family=\"'Liberation Sans Narrow','Arial Narrow',sans-serif\" font-weight=\"bold\" \
                     xml:space=\"preserve\">{}</text>",
                    Escaped(text)
                )?;
            }
            Mark::Code128 { x, y, module, height, code } => {
                let mut left = *x;
                for (place, bar) in code.bars().into_iter().enumerate() {
                    let wide = u32::from(bar) * module;
                    if place.is_multiple_of(2) {
                        write!(svg, "<rect x=\"{left}\" y=\"{y}\" width=\"{wide}\" height=\"{height}\"/>")?;
                    }
                    left += wide;
                }
            }
            Mark::Qr { x, y, magnification, modules, dark, .. } => {
                for (place, _) in dark.iter().enumerate().filter(|(_, dark)| **dark) {
                    let place = u32::try_from(place).unwrap_or(0);
                    let (left, top) =
                        (x + place % modules * magnification, y + place / modules * magnification);
                    write!(
                        svg,
                        "<rect x=\"{left}\" y=\"{top}\" width=\"{magnification}\" height=\"{magnification}\"/>"
                    )?;
                }
            }
            Mark::Frame { x, y, width, height, thickness } => {
                write!(
                    svg,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"#000\" \
                     stroke-width=\"{thickness}\"/>"
                )?;
            }
        }
    }
    svg.push_str("</g></svg>");
    Ok(())
}

/// A text inside of SVG.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Label, LabelData, LabelType, Templates};

    #[test]
    fn a_drawing_holds_no_markup_of_data() {
        let fields = [
            ("title", "<script>&\"x\""),
            ("number", "A-1"),
            ("product", "p"),
            ("date", "d"),
            ("quantity", "1"),
        ];
        let data = LabelData::new(fields).expect("data");
        let templates = Templates::builtin();
        for label in [LabelType::lot(), LabelType::serial()] {
            let svg = Label::new(templates.get(&label).expect("built in"), &data).expect("label").svg();
            assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;&amp;&quot;x&quot;"), "{svg}");
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && svg.matches("<rect").count() > 15);
        }
    }
}
