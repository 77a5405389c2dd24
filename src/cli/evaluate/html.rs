//! The report for people: one page that holds everything it shows, without scripts.

use std::fmt::Write as _;

use nightshift_models::evaluate::{Curve, EvaluationReport, Fault, FaultReport, precision_recall};

/// Width of a drawing, in its own units; as many columns of readings are drawn at most.
const WIDTH: usize = 1_000;
/// Height of a signal, and of the scores under it.
const SIGNAL_HEIGHT: f64 = 120.0;
const SCORE_HEIGHT: f64 = 60.0;
/// Side of the square with precision over recall.
const CURVE_SIDE: f64 = 240.0;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1a1c20}\
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #d5d8dd}\
td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto;background:#fafbfc;border:1px solid #d5d8dd}\
svg.square{max-width:26rem}.label{fill:#f2b8b5}.prefix{fill:#e6e9ee}.signal{stroke:#1f4e79;fill:none}\
.window{stroke:#a35200;fill:none}.bank{stroke:#00695c;fill:none}figcaption{color:#50555e}h2{margin-top:2.5rem}";

/// The word for a kind of fault.
pub(super) fn word(kind: Fault) -> &'static str {
    match kind {
        Fault::Gap => "gap in time",
        Fault::Splice => "splice",
        Fault::Stuck => "stuck",
        Fault::Spike => "spike",
        Fault::Drift => "drift",
        Fault::NoiseBurst => "noise burst",
        Fault::LevelShift => "level shift",
        Fault::Saturation => "saturation",
        Fault::Periodicity => "periodicity",
    }
}

/// The whole page.
pub(super) fn page(report: &EvaluationReport, curves: &[Curve], faults: &[FaultReport]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Detector evaluation</title>\
         <style>{STYLE}</style></head><body>\n<h1>Detector evaluation</h1>\n<p>Model {}. Figures are of the readings \
         after each recording's calibration prefix.</p>\n",
        escaped(&report.digest_sha256)
    );
    summary(&mut page, report);
    fault_table(&mut page, faults);
    page.push_str("<h2>Precision over recall</h2>\n");
    overall(&mut page, curves);
    page.push_str(
        "<h2>Recordings</h2>\n<p>The signal, and under it the scores of its readings: brown by the window alone, green \
         against the bank. Grey is the calibration prefix, red what is labelled.</p>\n",
    );
    for curve in curves {
        recording(&mut page, curve);
    }
    for skipped in &report.skipped {
        // Writing to a string does not fail.
        let _ = writeln!(page, "<p>Skipped: {}</p>", escaped(skipped));
    }
    page.push_str("</body></html>\n");
    page
}

fn summary(page: &mut String, report: &EvaluationReport) {
    page.push_str(
        "<h2>VUS-PR</h2>\n<table><tr><th>recording</th><th>random</th><th>everything</th><th>raw neighbour</th>\
         <th>window</th><th>bank</th><th>threshold from</th><th>recall</th><th>false alarms</th></tr>\n",
    );
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{share:.3}"));
    for series in &report.series {
        let m = &series.vus_pr;
        let (from, recall, alarms) = match &series.verdict {
            Some(v) => (format!("{}, {}", v.mode, v.threshold_from), v.recall, v.false_alarm_rate),
            None => ("–".to_owned(), None, None),
        };
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{:.3}</td><td>{:.3}</td><td>{:.3}</td><td>{:.3}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td></tr>",
            escaped(&series.name),
            m.random,
            m.everything,
            m.raw_neighbour,
            m.network,
            share(series.vus_pr_bank),
            escaped(&from),
            share(recall),
            share(alarms)
        );
    }
    let (m, v) = (&report.vus_pr, &report.verdict);
    let _ = writeln!(
        page,
        "<tr><th>mean</th><th>{:.3}</th><th>{:.3}</th><th>{:.3}</th><th>{:.3}</th><th>{}</th><th>all</th><th>{:.3}</th>\
         <th>{:.3}</th></tr></table>\n<p>Verdicts as the plant gives them: {} windows, {} of them with a label; AUROC \
         {:.3}; {:.1} false alarms in 30 days of one sensor that is judged hourly. Everything called abnormal has a \
         recall of 1 and a false-alarm rate of 1.</p>",
        m.random,
        m.everything,
        m.raw_neighbour,
        m.network,
        share(report.bank.as_ref().map(|bank| bank.vus_pr)),
        v.recall,
        v.false_alarm_rate,
        v.windows,
        v.positive,
        v.auroc,
        v.false_alarms_per_sensor_month
    );
}

fn fault_table(page: &mut String, faults: &[FaultReport]) {
    if faults.iter().all(|fault| fault.count == 0) {
        page.push_str("<h2>Injected faults</h2>\n<p>No calibration prefix is long enough for them.</p>\n");
        return;
    }
    page.push_str(
        "<h2>Injected faults</h2>\n<table><tr><th>kind</th><th>strength</th><th>count</th><th>found</th>\
         <th>readings until then, median</th></tr>\n",
    );
    for fault in faults {
        let delay = fault.delay_median.map_or_else(|| "–".to_owned(), |delay| delay.to_string());
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{:.1}</td><td>{}</td><td>{:.3}</td><td>{delay}</td></tr>",
            word(fault.kind),
            fault.strength,
            fault.count,
            fault.detected
        );
    }
    page.push_str("</table>\n");
}

/// Mean precision over recall of all recordings, each counting as much.
fn overall(page: &mut String, curves: &[Curve]) {
    let window =
        |curve: &Curve| precision_recall(&curve.window[curve.prefix..], &curve.labels[curve.prefix..]);
    let bank = |curve: &Curve| {
        curve
            .bank
            .as_ref()
            .map(|bank| precision_recall(bank, &curve.labels[curve.prefix..]))
            .unwrap_or_default()
    };
    let _ =
        write!(page, "<figure><svg class=\"square\" viewBox=\"0 0 {CURVE_SIDE} {CURVE_SIDE}\" role=\"img\">");
    for (class, all) in [
        ("window", curves.iter().map(window).collect::<Vec<_>>()),
        ("bank", curves.iter().map(bank).filter(|points| !points.is_empty()).collect()),
    ] {
        let at = |recall: f64| {
            let precision = |points: &Vec<(f64, f64)>| {
                points.iter().find(|(reached, _)| *reached >= recall).map_or(0.0, |(_, precision)| *precision)
            };
            all.iter().map(precision).sum::<f64>() / all.len().max(1) as f64
        };
        let points = (1..=100).map(|i| f64::from(i) / 100.0).map(|recall| (recall, at(recall)));
        let path: Vec<String> =
            points.map(|(x, y)| format!("{:.1},{:.1}", x * CURVE_SIDE, (1.0 - y) * CURVE_SIDE)).collect();
        let _ = write!(page, "<polyline class=\"{class}\" points=\"{}\"/>", path.join(" "));
    }
    page.push_str("</svg><figcaption>Recall to the right, precision up; mean over the recordings.</figcaption></figure>\n");
}

fn recording(page: &mut String, curve: &Curve) {
    let height = SIGNAL_HEIGHT + SCORE_HEIGHT;
    let x = |i: usize| i as f64 / curve.values.len().max(1) as f64 * WIDTH as f64;
    let _ = write!(
        page,
        "<figure><svg viewBox=\"0 0 {WIDTH} {height}\" preserveAspectRatio=\"none\" role=\"img\">\
         <rect class=\"prefix\" x=\"0\" y=\"0\" width=\"{:.2}\" height=\"{height}\"/>",
        x(curve.prefix)
    );
    let mut start = None;
    for i in 0..=curve.labels.len() {
        match (curve.labels.get(i).copied().unwrap_or(false), start) {
            (true, None) => start = Some(i),
            (false, Some(from)) => {
                let width = (x(i) - x(from)).max(1.0);
                let _ = write!(
                    page,
                    "<rect class=\"label\" x=\"{:.2}\" y=\"0\" width=\"{width:.2}\" height=\"{height}\"/>",
                    x(from)
                );
                start = None;
            }
            _ => {}
        }
    }
    line(page, "signal", &curve.values, 0, curve.values.len(), (0.0, SIGNAL_HEIGHT));
    let scores = (SIGNAL_HEIGHT, SCORE_HEIGHT);
    line(page, "window", &curve.window, 0, curve.values.len(), scores);
    if let Some(bank) = &curve.bank {
        line(page, "bank", bank, curve.prefix, curve.values.len(), scores);
    }
    let _ = writeln!(page, "</svg><figcaption>{}</figcaption></figure>", escaped(&curve.name));
}

/// Lowest and highest value of each column, joined; `first` is the place of the first value among `length`.
fn line(
    page: &mut String,
    class: &str,
    values: &[f32],
    first: usize,
    length: usize,
    (top, height): (f64, f64),
) {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
    if low > high {
        return;
    }
    let (low, reach) = (f64::from(low), (f64::from(high) - f64::from(low)).max(1e-30));
    let y = |v: f32| top + 2.0 + (1.0 - (f64::from(v) - low) / reach) * (height - 4.0);
    let column = length.div_ceil(WIDTH).max(1);
    let mut points = Vec::new();
    for (c, part) in values.chunks(column).enumerate() {
        let x = (first + c * column) as f64 / length.max(1) as f64 * WIDTH as f64;
        let least = part.iter().copied().fold(f32::INFINITY, f32::min);
        let most = part.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        points.push(format!("{x:.1},{:.1} {x:.1},{:.1}", y(least), y(most)));
    }
    let _ = write!(page, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_holds_signal_scores_and_labels_and_asks_for_nothing_from_elsewhere() {
        let curve = Curve {
            name: "a <b> & c".to_owned(),
            values: (0..3_000).map(|i| (i as f32 * 0.1).sin()).collect(),
            labels: (0..3_000).map(|i| (2_000..2_050).contains(&i)).collect(),
            prefix: 1_000,
            window: vec![0.5; 3_000],
            bank: Some((0..2_000).map(|i| i as f32).collect()),
        };
        let mut page = String::new();
        recording(&mut page, &curve);
        overall(&mut page, &[curve]);
        for part in ["class=\"prefix\"", "class=\"label\" x=\"666.67\"", "class=\"signal\"", "class=\"bank\""]
        {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.contains("a &lt;b&gt; &amp; c") && !page.contains("NaN") && !page.contains("inf"));
        assert!(!page.contains("http") && !page.contains("<script"));
    }
}
