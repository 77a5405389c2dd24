//! `label-reader WIDTH HEIGHT [PNG] < label.zpl`: what is on a label of that many dots at 203 dpi.
//!
//! Prints `labels N`, how many would come out, then a line for each code that can be read off the first:
//! `FORMAT<tab>LEFT<tab>TOP<tab>RIGHT<tab>BOTTOM<tab>TEXT`, the corners of what the decoder held on to, in dots.

use std::error::Error;
use std::io::Read;

use labelize::{Language, RenderOptions, render_png};

/// 203 dpi.
const DOTS_PER_MM: i32 = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut side = || -> Result<u32, Box<dyn Error>> {
        Ok(arguments.next().ok_or("WIDTH HEIGHT are missing")?.parse()?)
    };
    let (width, height) = (side()?, side()?);
    let mut zpl = Vec::new();
    std::io::stdin().read_to_end(&mut zpl)?;
    let millimetres = |dots: u32| Some(f64::from(dots) / f64::from(DOTS_PER_MM));
    let options = RenderOptions {
        language: Some(Language::Zpl),
        width_mm: millimetres(width),
        height_mm: millimetres(height),
        dpmm: DOTS_PER_MM,
        antialias: false,
    };
    let drawn = render_png(&zpl, options)?;
    println!("labels {}", drawn.labels);
    if let Some(path) = arguments.next() {
        std::fs::write(path, &drawn.bytes)?;
    }
    let picture = image::load_from_memory(&drawn.bytes)?.into_luma8();
    let (width, height) = picture.dimensions();
    // Nothing to be found is an error to the decoder, and an answer here.
    for code in rxing::helpers::detect_multiple_in_luma(picture.into_raw(), width, height).unwrap_or_default()
    {
        let edge = |of: fn(&rxing::Point) -> f32, pick: fn(f32, f32) -> f32| {
            code.getPoints().iter().map(of).reduce(pick).unwrap_or_default().round()
        };
        let (left, right) = (edge(|p| p.x, f32::min), edge(|p| p.x, f32::max));
        let (top, bottom) = (edge(|p| p.y, f32::min), edge(|p| p.y, f32::max));
        println!("{}\t{left}\t{top}\t{right}\t{bottom}\t{}", code.getBarcodeFormat(), code.getText());
    }
    Ok(())
}
