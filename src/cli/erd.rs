//! `nightshift erd`: the tables and what refers to what, as an SVG made from the migrated schema.
//!
//! Tables stand in columns, each below the shortest; a reference is a line from its column to the table that it names.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use nightshift_store::system::{TableInfo, schema_read};
use nightshift_store::{Db, DbOptions};

use super::{CommandError, output, runtime};

/// Width of a table, pixels.
const TABLE_WIDTH: u32 = 260;
/// Height of a line of text.
const LINE: u32 = 16;
/// Height of a table's heading.
const HEAD: u32 = 24;
/// Space between columns of tables, where the lines run.
const GUTTER: u32 = 90;
/// Space between a table and the one below.
const GAP: u32 = 22;
/// Space around everything.
const MARGIN: u32 = 24;
/// Columns of tables.
const COLUMNS: usize = 6;

#[derive(Args)]
pub(super) struct ErdArgs {
    /// Where the diagram goes; standard output when absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only tables whose name begins with one of these, and those that they refer to.
    #[arg(long, value_name = "PREFIX", value_delimiter = ',')]
    only: Vec<String>,
}

pub(super) fn run(args: &ErdArgs) -> Result<ExitCode, CommandError> {
    let tables = runtime()?.block_on(tables()).map_err(CommandError::Failed)?;
    let svg = draw(&chosen(tables, &args.only));
    match &args.out {
        Some(path) => {
            std::fs::write(path, svg).map_err(|e| CommandError::Failed(format!("{}: {e}", path.display())))?
        }
        None => output::line(svg.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

/// The tables of a fresh database, which is gone again afterwards.
async fn tables() -> Result<Vec<TableInfo>, String> {
    let dir = Scratch::new()?;
    let url = format!("sqlite:{}", dir.0.join("schema.db").display());
    let db = Db::connect(&DbOptions::new(url)).await.map_err(|e| e.to_string())?;
    db.migrate().await.map_err(|e| e.to_string())?;
    let tables = schema_read(&db).await.map_err(|e| e.to_string());
    db.close().await;
    tables
}

/// A folder that is removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let dir = std::env::temp_dir().join(format!("nightshift-erd-{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _: std::io::Result<()> = std::fs::remove_dir_all(AsRef::<Path>::as_ref(&self.0));
    }
}

fn chosen(tables: Vec<TableInfo>, only: &[String]) -> Vec<TableInfo> {
    if only.is_empty() {
        return tables;
    }
    let begins = |name: &str| only.iter().any(|prefix| name.starts_with(prefix.as_str()));
    let own = tables.iter().filter(|table| begins(&table.name));
    let named: Vec<String> = own.flat_map(|t| t.references.iter().map(|r| r.table.clone())).collect();
    tables.into_iter().filter(|table| begins(&table.name) || named.contains(&table.name)).collect()
}

/// Where a table stands.
struct Place {
    x: u32,
    y: u32,
}

fn height(table: &TableInfo) -> u32 {
    HEAD + LINE * u32::try_from(table.columns.len()).unwrap_or(0) + 6
}

fn draw(tables: &[TableInfo]) -> String {
    let (places, width, bottom) = places(tables);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {bottom}\" width=\"{width}\" height=\"{bottom}\" \
         font-family=\"ui-monospace, monospace\" font-size=\"11\">\n<title>Nightshift: tables and references</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let by_name: HashMap<&str, (&TableInfo, &Place)> =
        tables.iter().zip(&places).map(|(table, place)| (table.name.as_str(), (table, place))).collect();
    for (table, place) in tables.iter().zip(&places) {
        draw_references(&mut svg, table, place, &by_name);
    }
    for (table, place) in tables.iter().zip(&places) {
        draw_table(&mut svg, table, place);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Each table below the shortest column; the picture's width and height.
fn places(tables: &[TableInfo]) -> (Vec<Place>, u32, u32) {
    let columns = COLUMNS.min(tables.len().max(1));
    let mut ends = vec![MARGIN; columns];
    let mut places = Vec::with_capacity(tables.len());
    for table in tables {
        let shortest = (0..columns).min_by_key(|n| ends[*n]).unwrap_or(0);
        let x = MARGIN + u32::try_from(shortest).unwrap_or(0) * (TABLE_WIDTH + GUTTER);
        places.push(Place { x, y: ends[shortest] });
        ends[shortest] += height(table) + GAP;
    }
    let width = 2 * MARGIN + u32::try_from(columns).unwrap_or(1) * (TABLE_WIDTH + GUTTER) - GUTTER;
    (places, width, ends.into_iter().max().unwrap_or(0) + MARGIN - GAP)
}

fn row(table: &TableInfo, column: &str) -> u32 {
    let at = table.columns.iter().position(|c| c.name == column).unwrap_or(0);
    HEAD + LINE * u32::try_from(at).unwrap_or(0) + LINE / 2 + 2
}

fn draw_references(
    svg: &mut String,
    table: &TableInfo,
    place: &Place,
    by_name: &HashMap<&str, (&TableInfo, &Place)>,
) {
    for reference in &table.references {
        let Some((other, there)) = by_name.get(reference.table.as_str()) else { continue };
        let (y1, y2) = (place.y + row(table, &reference.column), there.y + row(other, &reference.to));
        // A line leaves towards its goal, and bends in the gutter.
        let to_right = there.x > place.x;
        let x1 = if to_right { place.x + TABLE_WIDTH } else { place.x };
        let x2 = if there.x >= place.x && !to_right || there.x > place.x {
            there.x
        } else {
            there.x + TABLE_WIDTH
        };
        let bend = |x: u32, right: bool| if right { x + GUTTER / 2 } else { x.saturating_sub(GUTTER / 2) };
        let (b1, b2) = (bend(x1, to_right), bend(x2, !to_right && there.x != place.x));
        let title = format!("{}.{} → {}.{}", table.name, reference.column, reference.table, reference.to);
        let _ = writeln!(
            svg,
            "<path d=\"M{x1},{y1} C{b1},{y1} {b2},{y2} {x2},{y2}\" fill=\"none\" stroke=\"#4a6fa5\" stroke-opacity=\"0.45\">\
             <title>{}</title></path><circle cx=\"{x2}\" cy=\"{y2}\" r=\"2.5\" fill=\"#4a6fa5\"/>",
            escaped(&title)
        );
    }
}

fn draw_table(svg: &mut String, table: &TableInfo, place: &Place) {
    let (x, y, height) = (place.x, place.y, height(table));
    let _ = writeln!(
        svg,
        "<g><rect x=\"{x}\" y=\"{y}\" width=\"{TABLE_WIDTH}\" height=\"{height}\" rx=\"4\" fill=\"#fff\" stroke=\"#33415c\"/>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{TABLE_WIDTH}\" height=\"{HEAD}\" rx=\"4\" fill=\"#33415c\"/>\
         <text x=\"{}\" y=\"{}\" fill=\"#fff\" font-weight=\"bold\">{}</text>",
        x + 8,
        y + 16,
        escaped(&table.name)
    );
    for (column, n) in table.columns.iter().zip(0_u32..) {
        let at = y + HEAD + LINE * n + LINE - 3;
        let refers = table.references.iter().any(|r| r.column == column.name);
        let mark = match (column.primary, refers) {
            (true, _) => "●",
            (false, true) => "→",
            (false, false) => "",
        };
        let kind = format!("{}{}", column.kind, if column.nullable { "?" } else { "" });
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{at}\" fill=\"#4a6fa5\">{mark}</text><text x=\"{}\" y=\"{at}\">{}</text>\
             <text x=\"{}\" y=\"{at}\" fill=\"#6b7280\" text-anchor=\"end\">{}</text>",
            x + 6,
            x + 20,
            escaped(&column.name),
            x + TABLE_WIDTH - 8,
            escaped(&kind)
        );
    }
    svg.push_str("</g>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_column_and_reference_is_drawn() {
        let tables = runtime().expect("runtime").block_on(tables()).expect("tables");
        let svg = draw(&tables);
        for table in &tables {
            assert!(svg.contains(&format!(">{}</text>", table.name)), "{}", table.name);
            for reference in &table.references {
                let title =
                    format!("{}.{} → {}.{}", table.name, reference.column, reference.table, reference.to);
                assert!(svg.contains(&escaped(&title)), "{title}");
            }
        }
        let few = chosen(tables, &["diagnosis".to_owned()]);
        let names: Vec<&str> = few.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(
            names,
            ["app_user", "diagnosis", "diagnosis_orphan", "diagnosis_record", "diagnosis_state", "patient"]
        );
    }
}
