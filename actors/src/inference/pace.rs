//! How fast each device is with each model, as its warm-up showed, and which of them a batch should go to.
//!
//! A GPU is not always the faster one: a net of many small steps that wait for each other takes as long for one window as for
//! thousands, and a core may have scored a few before a GPU has begun.

use std::time::Duration;

use nightshift_models::WarmUp;

/// How much faster another device must be to get a batch that is a better one's: the CPU has other things to do as well.
const FASTER_TIMES: u32 = 2;

/// How long batches of one model take on one device.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace(Vec<(usize, Duration)>);

impl Pace {
    pub(super) fn of(timings: &[WarmUp]) -> Self {
        let mut known: Vec<_> = timings.iter().map(|run| (run.batch.max(1), run.second)).collect();
        known.sort_unstable();
        Self(known)
    }

    /// How long so many windows take: between the sizes that were tried, and in proportion above them. Zero where none was.
    fn expected(&self, windows: usize) -> Duration {
        let after = self.0.iter().position(|(batch, _)| *batch >= windows);
        match (after, self.0.last()) {
            (_, None) => Duration::ZERO,
            (Some(0), _) => self.0[0].1,
            (Some(i), _) => {
                let ((small, least), (large, most)) = (self.0[i - 1], self.0[i]);
                let share = (windows - small) as f64 / (large - small) as f64;
                least + most.saturating_sub(least).mul_f64(share)
            }
            (None, Some((batch, took))) => took.mul_f64(windows as f64 / *batch as f64),
        }
    }
}

/// Which of some devices, the best first, a batch of `windows` should go to: the best, but for one that is much faster.
pub(super) fn fastest<'a>(
    devices: impl IntoIterator<Item = (usize, Option<&'a Pace>)>,
    windows: usize,
) -> Option<usize> {
    let expected = |pace: Option<&Pace>| pace.map_or(Duration::ZERO, |pace| pace.expected(windows));
    let mut devices = devices.into_iter().map(|(device, pace)| (device, expected(pace)));
    let first = devices.next()?;
    let chosen = devices
        .fold(first, |best, other| if other.1.saturating_mul(FASTER_TIMES) < best.1 { other } else { best });
    Some(chosen.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(runs: &[(usize, u64)]) -> Pace {
        let run =
            |&(batch, ms)| WarmUp { batch, first: Duration::from_secs(9), second: Duration::from_millis(ms) };
        Pace::of(&runs.iter().map(run).collect::<Vec<_>>())
    }

    #[test]
    fn between_the_sizes_that_were_tried_time_grows_evenly() {
        let cpu = pace(&[(256, 260), (1, 5), (32, 36)]);
        let ms = |windows| cpu.expected(windows).as_millis();
        assert_eq!((ms(1), ms(32), ms(256)), (5, 36, 260));
        assert_eq!((ms(0), ms(144), ms(512)), (5, 148, 520));
        assert_eq!(Pace::default().expected(7), Duration::ZERO);
    }

    #[test]
    fn a_batch_goes_to_a_worse_device_only_where_that_is_much_faster() {
        let (gpu, cpu) = (pace(&[(1, 3), (256, 12)]), pace(&[(1, 1), (256, 116)]));
        let chosen = |windows| fastest([(0, Some(&gpu)), (1, Some(&cpu))], windows);
        assert_eq!((chosen(1), chosen(32), chosen(256), chosen(4_096)), (Some(1), Some(0), Some(0), Some(0)));
        // The same for one window as for thousands: nothing for a GPU until a batch is very large.
        let steps = pace(&[(1, 220), (4_096, 260)]);
        let light = pace(&[(1, 1), (256, 19)]);
        let chosen = |windows| fastest([(0, Some(&steps)), (1, Some(&light))], windows);
        assert_eq!((chosen(1), chosen(256), chosen(4_096)), (Some(1), Some(1), Some(0)));
    }

    #[test]
    fn where_nothing_is_known_the_best_gets_it() {
        assert_eq!(fastest([(2, None), (3, None)], 8), Some(2));
        assert_eq!(fastest([(0, Some(&pace(&[(1, 0)]))), (1, Some(&pace(&[(1, 0)])))], 8), Some(0));
        assert_eq!(fastest([], 8), None);
    }
}
