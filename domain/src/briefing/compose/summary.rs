//! Three lines that sum a request up: how it is, what was made, what to do.

use super::matter::{self, Urgency};
use super::page::Page;
use super::{Brief, Composition, Pen, Room, Tongue, en, ko};
use crate::briefing::custom::{Language, Length, Style};
use crate::briefing::digest::{Digest, Figures};
use crate::briefing::korean::{end, is, please};

/// Lines of a summary.
pub const SUMMARY_LINES: usize = 3;

/// Sums up `brief`, whose digest tells what is open and whose `total` counts everything since the request began.
#[must_use]
pub fn summarise(brief: &Brief<'_>, total: &Figures, texts: u64, style: Style) -> Composition {
    let style = Style { length: Length::Short, ..style };
    let digest = Digest { figures: total.clone(), ..brief.digest.clone() };
    let brief = Brief { digest: &digest, ..*brief };
    let pen = Pen { brief, style, room: Room::of(style.length) };
    match style.language {
        Language::Ko => {
            let tongue = ko::Korean(pen);
            write(&pen, &tongue, |page| (counts_ko(page, &tongue, total, texts, style), nothing_ko(style)))
        }
        Language::En => {
            let tongue = en::English(pen);
            write(&pen, &tongue, |page| (counts_en(page, &tongue, total, texts), nothing_en()))
        }
    }
}

fn write(
    pen: &Pen<'_>,
    tongue: &impl Tongue,
    lines: impl FnOnce(&mut Page) -> (String, String),
) -> Composition {
    let brief = &pen.brief;
    let matters = matter::matters(brief.before, brief.now, brief.digest);
    let mut page = Page::default();
    let first = match matters.as_slice() {
        [] => tongue.calm(&mut page).into_iter().take(2).collect::<Vec<_>>().join(" "),
        [worst, rest @ ..] => {
            let own = tongue.matter(&mut page, worst).into_iter().next().unwrap_or_default();
            match (rest.len(), worst.urgency()) {
                (0, Urgency::Low) => format!("{} {own}", tongue.lead(1, Urgency::Low)),
                (0, _) => own,
                (n, _) => tongue.and_more(&own, n),
            }
        }
    };
    page.say(first);
    let (second, otherwise) = lines(&mut page);
    page.paragraph();
    page.say(second);
    page.paragraph();
    let advice = matters.iter().find_map(|matter| tongue.advice(matter));
    page.say(advice.unwrap_or(otherwise));
    let draft = page.text();
    let musts = matters.iter().take(1).filter_map(super::must).collect();
    let (quotes, evidence) = (page.quotes, page.evidence);
    let language = pen.style.language;
    Composition { draft, quotes, musts, language, calm: matters.is_empty(), evidence }
}

fn counts_ko(page: &mut Page, tongue: &ko::Korean<'_>, total: &Figures, texts: u64, style: Style) -> String {
    let parts = [
        ("sensing.verdicts", &total.verdicts, "센서 판정", "건"),
        ("sensing.abnormal", &total.abnormal, "그중 이상", "건"),
        ("production.passed", &total.passed, "공정 합격", "건"),
        ("production.failed", &total.failed, "불합격", "건"),
        ("production.lots", &total.lots, "끝난 로트", "개"),
        ("observation.looks", &total.looks, "카메라 관측", "건"),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .filter(|(_, tally, ..)| !tally.is_empty())
        .map(|(what, tally, noun, counter)| format!("{noun} {}{counter}", page.n(what, tally)))
        .collect();
    let span = tongue.span();
    if told.is_empty() {
        return end(&format!("{span} 브리핑 {texts}건을 드렸고 새로 들어온 기록은 없"), style.tone);
    }
    is(&format!("{span} 브리핑 {texts}건을 드렸고, {}", told.join(", ")), style.tone)
}

fn nothing_ko(style: Style) -> String {
    please("지금은 따로 하실 일이 없으니 계속 지켜봐", style.tone)
}

fn counts_en(page: &mut Page, tongue: &en::English<'_>, total: &Figures, texts: u64) -> String {
    let parts = [
        ("sensing.verdicts", &total.verdicts, "verdicts"),
        ("sensing.abnormal", &total.abnormal, "abnormal ones"),
        ("production.passed", &total.passed, "runs passed"),
        ("production.failed", &total.failed, "runs failed"),
        ("production.lots", &total.lots, "lots finished"),
        ("observation.looks", &total.looks, "camera observations"),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .filter(|(_, tally, _)| !tally.is_empty())
        .map(|(what, tally, noun)| format!("{noun} {}", page.n(what, tally)))
        .collect();
    let span = tongue.span();
    let told = if told.is_empty() { "nothing new came in".to_owned() } else { told.join(", ") };
    format!("Briefings {span}: {texts}; {told}.")
}

fn nothing_en() -> String {
    "Nothing needs to be done for now.".to_owned()
}
