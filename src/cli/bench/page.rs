//! The report for people: one page that holds everything it shows, without scripts and without anything from elsewhere.

use std::fmt::Write as _;

use super::Report;
use super::server::Look;
use super::tally::Figures;

/// Size of a chart, in its own units.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 120.0;
/// Room for the scale at a chart's left and below it.
const LEFT: f64 = 56.0;
const BELOW: f64 = 16.0;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1a1c20}\
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #d5d8dd}\
td:first-child,th:first-child{text-align:left}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(28rem,1fr));gap:1rem}\
figure{margin:0}svg{width:100%;height:auto;background:#fafbfc;border:1px solid #d5d8dd}svg text{font-size:10px;fill:#50555e}\
.a{stroke:#1f4e79;fill:none;stroke-width:1.5}.b{stroke:#a35200;fill:none;stroke-width:1.5}.bad{fill:#c62828}\
.grid{stroke:#e1e4e8}.holds{color:#00695c}.missed{color:#b71c1c;font-weight:600}figcaption{color:#50555e}h2{margin-top:2.5rem}";

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Nightshift under load</title>\
         <style>{STYLE}</style></head><body>\n<h1>Nightshift under load</h1>\n<p>{}, {:.0} s from {}. Latencies count from when \
         an act was due, not from when it was sent: what was late because the server was late is counted as late.</p>\n",
        escaped(&report.server),
        report.seconds,
        escaped(&report.began),
    );
    limits(&mut page, report);
    acts(&mut page, &report.acts);
    failures(&mut page, &report.acts);
    page.push_str("<h2>Over the time</h2>\n<p>Blue: acts in a second. Brown: 95th percentile, milliseconds. Red: something failed.</p>\n<div class=\"charts\">\n");
    report.acts.iter().for_each(|figures| course(&mut page, figures));
    page.push_str("</div>\n<h2>The server</h2>\n<div class=\"charts\">\n");
    server(&mut page, &report.looks);
    page.push_str("</div>\n");
    for note in &report.notes {
        // Writing to a string does not fail.
        let _ = writeln!(page, "<p>{}</p>", escaped(note));
    }
    page.push_str("</body></html>\n");
    page
}

fn limits(page: &mut String, report: &Report) {
    page.push_str("<h2>Limits</h2>\n<table><tr><th>what</th><th>limit</th><th>measured</th><th></th></tr>\n");
    for limit in &report.limits {
        let (class, word) = if limit.holds { ("holds", "holds") } else { ("missed", "MISSED") };
        let (what, most) = (escaped(&limit.what), escaped(&limit.limit));
        let _ = writeln!(
            page,
            "<tr><td>{what}</td><td>{most}</td><td>{}</td><td class=\"{class}\">{word}</td></tr>",
            escaped(&limit.measured)
        );
    }
    page.push_str("</table>\n");
}

fn acts(page: &mut String, acts: &[Figures]) {
    page.push_str(
        "<h2>Latencies</h2>\n<table><tr><th>act</th><th>done</th><th>failed</th><th>per second</th><th>p50</th><th>p95</th>\
         <th>p99</th><th>p99.9</th><th>longest</th></tr>\n",
    );
    for f in acts {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.1}</td><td>{:.1} ms</td><td>{:.1} ms</td><td>{:.1} ms</td>\
             <td>{:.1} ms</td><td>{:.1} ms</td></tr>",
            escaped(&f.act),
            f.done,
            f.failed,
            f.per_second,
            f.p50_ms,
            f.p95_ms,
            f.p99_ms,
            f.p999_ms,
            f.max_ms
        );
    }
    page.push_str("</table>\n");
}

fn failures(page: &mut String, acts: &[Figures]) {
    let all: Vec<_> =
        acts.iter().flat_map(|f| f.failures.iter().map(|(code, n)| (&f.act, code, n))).collect();
    if all.is_empty() {
        page.push_str("<p>Nothing failed.</p>\n");
        return;
    }
    page.push_str("<h2>Failures</h2>\n<table><tr><th>act</th><th>code</th><th>count</th></tr>\n");
    for (act, code, count) in all {
        let _ =
            writeln!(page, "<tr><td>{}</td><td>{}</td><td>{count}</td></tr>", escaped(act), escaped(code));
    }
    page.push_str("</table>\n");
}

/// Pace and latency of an act over the time.
fn course(page: &mut String, figures: &Figures) {
    let pace: Points = figures.course.iter().map(|m| (m.at_s, m.per_second)).collect();
    let late: Points = figures.course.iter().filter_map(|m| Some((m.at_s, m.p95_ms?))).collect();
    let failed: Vec<f64> = figures.course.iter().filter(|m| m.failed > 0).map(|m| m.at_s).collect();
    chart(page, &figures.act, &[("a", "/s", pace), ("b", "ms", late)], &failed);
}

fn server(page: &mut String, looks: &[Look]) {
    let of = |value: &dyn Fn(&Look) -> f64| looks.iter().map(|l| (l.at_s, value(l))).collect::<Points>();
    chart(page, "resident memory", &[("a", "MiB", of(&|l| l.memory_mib))], &[]);
    chart(page, "processors busy", &[("a", "", of(&|l| l.cpus))], &[]);
    chart(
        page,
        "open files, and actors alive (brown)",
        &[("a", "", of(&|l| l.files)), ("b", "", of(&|l| l.actors))],
        &[],
    );
    let queues: Vec<&str> = looks.first().map(|l| l.queues.keys().copied().collect()).unwrap_or_default();
    for queue in queues {
        let waits = of(&|l| l.queues.get(queue).copied().unwrap_or(0.0));
        chart(page, &format!("waiting: {queue}"), &[("a", "", waits)], &[]);
    }
}

/// Points of a line: seconds, and a value.
type Points = Vec<(f64, f64)>;

/// Lines with their class and unit, each on a scale of its own that begins at zero; marks where something failed.
fn chart(page: &mut String, name: &str, lines: &[(&str, &str, Points)], marks: &[f64]) {
    let end = lines.iter().flat_map(|(.., points)| points).map(|(at, _)| *at).fold(1e-3, f64::max);
    let (width, height) = (WIDTH - LEFT, HEIGHT - BELOW);
    let x = |at: f64| LEFT + at / end * width;
    let _ = write!(
        page,
        "<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><line class=\"grid\" x1=\"{LEFT}\" y1=\"{height}\" \
         x2=\"{WIDTH}\" y2=\"{height}\"/><text x=\"{LEFT}\" y=\"{:.0}\">0 s</text><text x=\"{:.0}\" y=\"{:.0}\">{end:.0} s</text>",
        HEIGHT - 4.0,
        WIDTH - 36.0,
        HEIGHT - 4.0
    );
    for (n, (class, unit, points)) in lines.iter().enumerate() {
        let most = points.iter().map(|(_, value)| *value).filter(|v| v.is_finite()).fold(0.0, f64::max);
        let y = |value: f64| height - value / most.max(1e-9) * (height - 14.0);
        let path: Vec<String> = points.iter().map(|(at, v)| format!("{:.1},{:.1}", x(*at), y(*v))).collect();
        let _ = write!(
            page,
            "<polyline class=\"{class}\" points=\"{}\"/><text x=\"2\" y=\"{}\">{} {unit}</text>",
            path.join(" "),
            12 + 14 * n,
            short(most)
        );
    }
    for at in marks {
        let _ = write!(page, "<circle class=\"bad\" cx=\"{:.1}\" cy=\"5\" r=\"3\"/>", x(*at));
    }
    let _ = writeln!(page, "</svg><figcaption>{}</figcaption></figure>", escaped(name));
}

fn short(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::limits::limits;
    use super::super::tally::Tally;
    use super::*;

    #[test]
    fn a_page_shows_everything_and_asks_for_nothing_from_elsewhere() {
        let length = Duration::from_secs(10);
        let tally = Tally::new(length);
        tally.done("production.start", Duration::from_secs(1), Duration::from_millis(12));
        tally.failed("production.start", Duration::from_secs(2), "A<B");
        let acts = tally.figures(length);
        let look = |at_s: f64| Look {
            at_s,
            memory_mib: 100.0,
            cpus: 0.5,
            files: 40.0,
            actors: 30.0,
            queues: [("writes", 2.0)].into(),
            unaccounted: 0.0,
        };
        let report = Report {
            server: "http://127.0.0.1:8000".to_owned(),
            began: "2026-11-26T00:00:00Z".to_owned(),
            seconds: 10.0,
            limits: limits(&tally, &acts, 100, 0.0),
            acts,
            looks: vec![look(1.0), look(2.0)],
            notes: vec!["no headsets: say --admin-code".to_owned()],
        };
        let page = page(&report);
        for part in
            ["production.start", "A&lt;B", "MISSED", "waiting: writes", "class=\"bad\"", "no headsets"]
        {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href="));
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    }
}
