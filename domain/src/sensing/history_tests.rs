use super::*;
use proptest::prelude::*;

const STEP: Duration = Duration::from_secs(120);
const FRESH: Duration = Duration::from_secs(1_800);
const SPAN: Duration = Duration::from_secs(2 * 86_400);

fn reading(s: i64) -> Reading {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    Reading { at: Timestamp::from_s(s), value: (s % 97) as f64 }
}

fn regular(n: i64) -> Vec<Reading> {
    (0..n).map(|i| reading(1_700_000_000 + 120 * i)).collect()
}

#[test]
fn a_full_regular_day_is_a_window_and_costs_three_kilobytes() {
    let readings = regular(1_000);
    let history = History::from_readings(&readings);
    let end = readings[999].at;
    let window = history.window(end, STEP, FRESH, SPAN).expect("a window");
    assert_eq!(window.values.len(), 720);
    assert!(window.times.iter().eq(readings[280..].iter().map(|r| &r.at)));
    assert_eq!(window.facts, WindowFacts { start: readings[280].at, end, count: 720, gaps: 0 });
    assert!(history.heap_bytes() <= 720 * 4, "{}", history.heap_bytes());
}

#[test]
fn too_few_stale_and_stretched_are_told_apart() {
    let history = History::from_readings(&regular(719));
    let end = history.newest().expect("newest");
    let short = history.window(end, STEP, FRESH, SPAN).expect_err("too few");
    assert_eq!(short.to_string(), "719 of 720 readings in the window");

    let history = History::from_readings(&regular(720));
    let end = history.newest().expect("newest");
    let stale = history.window(end + Duration::from_secs(1_801), STEP, FRESH, SPAN).expect_err("stale");
    assert!(matches!(stale, WindowShortfall::Stale { age_s: 1_801, .. }), "{stale:?}");

    let mut stretched = regular(719);
    stretched.push(reading(1_700_000_000 + 120 * 1_441));
    let history = History::from_readings(&stretched);
    let end = history.newest().expect("newest");
    assert!(matches!(history.window(end, STEP, FRESH, SPAN), Err(WindowShortfall::TooFew { .. })));
    assert_eq!(
        History::default().window(end, STEP, FRESH, SPAN),
        Err(WindowShortfall::TooFew { facts: None })
    );
}

#[test]
fn gaps_are_counted_not_filled() {
    let mut readings = regular(722);
    readings.remove(400);
    readings.remove(100);
    let history = History::from_readings(&readings);
    let end = history.newest().expect("newest");
    let facts = history.window(end, STEP, FRESH, SPAN).expect("window").facts;
    assert_eq!((facts.count, facts.gaps), (720, 2));
}

proptest! {
    /// Against a sorted list: whatever the order and rhythm of arrival, the newest 720 are held, oldest first.
    #[test]
    fn holds_the_newest_in_order(
        steps in prop::collection::vec(prop_oneof![4 => Just(120i64), 1 => 1..4_000i64], 1..900),
        swap in prop::collection::vec((0usize..900, 1usize..4), 0..6),
    ) {
        let mut s = 1_700_000_000;
        let mut arriving: Vec<Reading> = steps.iter().map(|d| { s += d; reading(s) }).collect();
        for (i, d) in swap {
            if i + d < arriving.len() {
                arriving.swap(i, i + d);
            }
        }
        let mut history = History::default();
        for r in &arriving {
            history.extend(&[*r]);
        }
        arriving.sort_by_key(|r| r.at);
        // An old reading that arrives when 720 newer ones are held is dropped at once, so the list may differ only there.
        let want: Vec<Timestamp> = arriving[arriving.len().saturating_sub(720)..].iter().map(|r| r.at).collect();
        let held: Vec<Timestamp> = (0..history.len()).map(|i| history.time(i)).collect();
        prop_assert_eq!(held.last(), want.last());
        prop_assert_eq!(held.len(), want.len());
        prop_assert_eq!(held, want);
        prop_assert_eq!(history.newest(), arriving.last().map(|r| r.at));
    }

    #[test]
    fn no_window_panics(n in 0i64..760, ahead in -4_000i64..400_000) {
        let history = History::from_readings(&regular(n));
        let at = Timestamp::from_s(1_700_000_000 + 120 * n + ahead);
        let _ = history.window(at, STEP, FRESH, SPAN);
    }
}
