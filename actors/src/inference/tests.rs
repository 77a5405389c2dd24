//! The batcher against devices that behave as told: on paused time, no net involved.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::join_all;
use nightshift_kernel::{Actor, Clock, Context, Fault, Random, Restart, Runtime};
use nightshift_models::{WarmUp, WindowScore};

use super::*;

/// What a test device does with a batch.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// Scores it: the score is the window's first value.
    Good,
    /// Refuses it, and dies of that.
    Bad,
    /// Never answers.
    Hung,
}

struct FakeDevice {
    index: usize,
    manner: Manner,
    paces: Arc<[Pace]>,
    board: Arc<Board>,
    batcher: Address<BatcherMessage>,
    sizes: Arc<std::sync::Mutex<Vec<usize>>>,
}

impl Actor for FakeDevice {
    type Message = DeviceMessage;

    async fn start(&mut self, ctx: &Context<DeviceMessage>) -> Result<(), Fault> {
        let device = WarmDevice { address: ctx.address(), paces: self.paces.clone() };
        self.board.set_warm(self.index, Some(device));
        self.batcher.send(BatcherMessage::Ready { device: self.index }, Duration::from_secs(1)).await?;
        Ok(())
    }

    async fn handle(&mut self, _: &Context<DeviceMessage>, message: DeviceMessage) -> Result<(), Fault> {
        let DeviceMessage::Run { windows, reply, .. } = message else { return Ok(()) };
        self.sizes.lock().expect("sizes").push(windows.len());
        let score = |w: &Vec<f32>| WindowScore { score: w[0], abnormal: false, readings: None, logits: None };
        match self.manner {
            Manner::Good => reply.send(Ok(windows.iter().map(score).collect())),
            Manner::Bad => {
                reply.send(Err("broken".to_owned()));
                return Err(Fault::new("broken"));
            }
            Manner::Hung => std::future::pending().await,
        };
        Ok(())
    }
}

struct Pool {
    batcher: Address<BatcherMessage>,
    board: Arc<Board>,
    sizes: Vec<Arc<std::sync::Mutex<Vec<usize>>>>,
    _root: Supervisor,
}

fn view(i: usize) -> DeviceView {
    DeviceView {
        label: format!("device {i}").into(),
        state: DeviceState::Starting,
        batches: 0,
        windows: 0,
        failures: 0,
        last_failure: None,
        canary_difference: None,
        warm_up_s: None,
    }
}

fn pool(config: &InferenceConfig, manners: &[Manner]) -> Pool {
    paced(config, &manners.iter().map(|manner| (*manner, Vec::new())).collect::<Vec<_>>())
}

/// Devices with what their warm-up showed: windows of a batch, and milliseconds.
fn paced(config: &InferenceConfig, devices: &[(Manner, Vec<(usize, u64)>)]) -> Pool {
    let manners: Vec<Manner> = devices.iter().map(|(manner, _)| *manner).collect();
    let (clock, _) = Clock::simulated(1_800_000_000_000_000);
    let root = Supervisor::root("test", Runtime::new(clock, Random::seeded(7), 8)).expect("root");
    let views = (0..manners.len()).map(view);
    let board = Arc::new(Board {
        devices: RwLock::new(views.collect()),
        warm: RwLock::new(vec![None; manners.len()]),
        queued: 0.into(),
    });
    let (for_batcher, shown) = (config.clone(), Arc::clone(&board));
    let spec = ChildSpec::new("batcher").mailbox(Mailbox::reject(BATCHER_MAILBOX));
    let batcher = root.spawn(spec, move || Batcher::new(&for_batcher, Arc::clone(&shown))).expect("batcher");
    let sizes: Vec<_> = manners.iter().map(|_| Arc::default()).collect();
    for (index, manner) in manners.iter().copied().enumerate() {
        let (board, batcher, sizes) = (Arc::clone(&board), batcher.clone(), Arc::clone(&sizes[index]));
        let timings = devices[index].1.iter().map(|&(batch, ms)| WarmUp {
            batch,
            first: Duration::from_secs(1),
            second: Duration::from_millis(ms),
        });
        let paces: Arc<[Pace]> = Arc::new([Pace::of(&timings.collect::<Vec<_>>())]);
        let spec = ChildSpec::new(format!("device-{index}"))
            .restart(if manner == Manner::Good { Restart::Permanent } else { Restart::Temporary })
            .budget(Duration::from_secs(3_600));
        root.spawn(spec, move || FakeDevice {
            index,
            manner,
            paces: Arc::clone(&paces),
            board: Arc::clone(&board),
            batcher: batcher.clone(),
            sizes: Arc::clone(&sizes),
        })
        .expect("device");
    }
    Pool { batcher, board, sizes, _root: root }
}

impl Pool {
    async fn score(&self, value: f32) -> Result<(f32, Option<String>), InferenceError> {
        self.ask(value, false).await
    }

    async fn ask(&self, value: f32, spare: bool) -> Result<(f32, Option<String>), InferenceError> {
        let make = |reply| {
            BatcherMessage::Score(Job {
                model: 0,
                values: vec![value; 4],
                reply,
                waited_since: None,
                failed_on: None,
                spare,
            })
        };
        let raw = self.batcher.ask(make, Duration::from_secs(600)).await.expect("the batcher answers")?;
        Ok((raw.score.score, raw.degraded))
    }

    fn sizes(&self, device: usize) -> Vec<usize> {
        self.sizes[device].lock().expect("sizes").clone()
    }
}

#[tokio::test(start_paused = true)]
async fn windows_share_batches_and_each_gets_its_own_score() {
    let pool = pool(&InferenceConfig { batch_max: 64, ..InferenceConfig::default() }, &[Manner::Good]);
    let scores = join_all((0..200u16).map(|i| pool.score(f32::from(i)))).await;
    for (i, score) in scores.into_iter().enumerate() {
        assert_eq!(score.expect("scored").0 as usize, i);
    }
    let sizes = pool.sizes(0);
    assert_eq!(sizes.iter().sum::<usize>(), 200);
    assert!(sizes.iter().all(|n| *n <= 64) && sizes.len() <= 8, "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_single_window_waits_no_longer_than_it_must() {
    let config = InferenceConfig { batch_wait: Duration::from_millis(2), ..InferenceConfig::default() };
    let pool = pool(&config, &[Manner::Good]);
    let (clock, _) = Clock::simulated(0);
    let begun = clock.monotonic();
    pool.score(1.0).await.expect("scored");
    let took = clock.monotonic() - begun;
    assert!(took < Duration::from_millis(20), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_devices_batch_goes_to_the_next_and_says_so() {
    let pool = pool(&InferenceConfig::default(), &[Manner::Bad, Manner::Good]);
    let scores = join_all((0..10u8).map(|i| pool.score(f32::from(i)))).await;
    let retried = AtomicU32::new(0);
    for score in scores {
        let (_, degraded) = score.expect("scored on the other device");
        if degraded.is_some_and(|reason| reason.contains("device 0 failed: broken")) {
            retried.fetch_add(1, Ordering::Relaxed);
        }
    }
    assert!(retried.load(Ordering::Relaxed) >= 1);
    assert!(pool.board.warm()[0].is_none(), "the failed device must not be asked again");
    assert!(!pool.sizes(1).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_where_it_is_done_much_sooner() {
    let config = InferenceConfig { batch_max: 64, ..InferenceConfig::default() };
    // The best device takes as long for one window as for many; the other is as fast with few.
    let devices = [(Manner::Good, vec![(1, 50), (64, 60)]), (Manner::Good, vec![(1, 1), (64, 400)])];
    let pool = paced(&config, &devices);
    pool.score(1.0).await.expect("scored");
    join_all((0..64u8).map(|i| pool.score(f32::from(i)))).await;
    assert_eq!((pool.sizes(0), pool.sizes(1)), (vec![64], vec![1]));
    // With the best one away the other gets all of it.
    let broken = [(Manner::Bad, vec![(1, 50), (64, 60)]), (Manner::Good, vec![(1, 1), (64, 400)])];
    let pool = paced(&config, &broken);
    let scores = join_all((0..64u8).map(|i| pool.score(f32::from(i)))).await;
    assert!(scores.iter().all(Result::is_ok));
    assert_eq!(pool.sizes(1), vec![64]);
}

#[tokio::test(start_paused = true)]
async fn a_hung_device_is_given_up_and_its_batch_scored_elsewhere() {
    let pool = pool(&InferenceConfig::default(), &[Manner::Hung, Manner::Good]);
    let (score, degraded) = pool.score(3.0).await.expect("scored");
    assert_eq!(score, 3.0);
    assert!(degraded.expect("says so").contains("did not answer"));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_everywhere_ends_in_words() {
    let pool = pool(&InferenceConfig::default(), &[Manner::Bad, Manner::Bad]);
    let error = pool.score(1.0).await.expect_err("no device works");
    assert!(matches!(error, InferenceError::Unavailable { reason } if reason == "broken"));
}

#[tokio::test(start_paused = true)]
async fn without_a_device_jobs_end_at_their_deadline_and_the_queue_is_bounded() {
    let config =
        InferenceConfig { queue_max: 5, job_deadline: Duration::from_secs(30), ..InferenceConfig::default() };
    // The device is still starting: it may yet come.
    let pool = pool(&config, &[]);
    pool.board.devices.write().expect("board").push(view(0));
    let outcomes = join_all((0..8u8).map(|i| pool.score(f32::from(i)))).await;
    let count =
        |wanted: &InferenceError| outcomes.iter().filter(|o| o.as_ref().err() == Some(wanted)).count();
    assert_eq!((count(&InferenceError::Deadline), count(&InferenceError::Overloaded)), (5, 3));
}

#[tokio::test(start_paused = true)]
async fn when_every_device_is_down_nobody_waits() {
    let pool = pool(&InferenceConfig::default(), &[]);
    let down = DeviceView { state: DeviceState::Down, last_failure: Some("burnt".into()), ..view(0) };
    pool.board.devices.write().expect("board").push(down);
    let error = pool.score(1.0).await.expect_err("no device works");
    assert!(matches!(error, InferenceError::Unavailable { reason } if reason == "burnt"));
}

#[tokio::test(start_paused = true)]
async fn spare_windows_wait_for_all_others_and_go_few_at_once() {
    let config = InferenceConfig { batch_max: 64, ..InferenceConfig::default() };
    let pool = pool(&config, &[Manner::Good]);
    let spare = join_all((0..40u8).map(|i| pool.ask(f32::from(i), true)));
    let others = join_all((0..100u8).map(|i| pool.score(f32::from(i))));
    let (spare, others) = tokio::join!(spare, others);
    for (i, score) in spare.into_iter().enumerate() {
        assert_eq!(score.expect("scored at last").0 as usize, i);
    }
    assert!(others.iter().all(Result::is_ok));
    // The first spare ones may have met an idle device; once others wait, none goes before them.
    let sizes = pool.sizes(0);
    assert_eq!(sizes.iter().sum::<usize>(), 140);
    let last_of_others = sizes.iter().rposition(|n| *n > 16).expect("a batch of the others");
    let before: usize = sizes[..last_of_others].iter().filter(|n| **n <= 16).sum();
    assert!(before <= 16 + 100 % 64, "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn spare_windows_take_the_worst_idle_device() {
    let pool = pool(&InferenceConfig::default(), &[Manner::Good, Manner::Good]);
    // Both devices are known once each has scored.
    join_all((0..4u8).map(|i| pool.score(f32::from(i)))).await;
    let best = pool.sizes(0).len();
    for i in 0..5u8 {
        pool.ask(f32::from(i), true).await.expect("scored");
    }
    assert_eq!((pool.sizes(0).len(), pool.sizes(1).len()), (best, 5));
}

#[tokio::test(start_paused = true)]
async fn spare_windows_that_fail_a_device_are_tried_nowhere_else_and_pause() {
    let pool = pool(&InferenceConfig::default(), &[Manner::Good, Manner::Bad]);
    pool.score(1.0).await.expect("the best device works");
    let failed = pool.ask(1.0, true).await.expect_err("the worst one is broken");
    assert!(matches!(failed, InferenceError::Unavailable { reason } if reason == "broken"));
    let paused = pool.ask(1.0, true).await.expect_err("none for a while");
    assert!(matches!(paused, InferenceError::Unavailable { reason } if reason.contains("a short while ago")));
    pool.score(2.0).await.expect("others go on");
    tokio::time::sleep(Duration::from_secs(601)).await;
    assert_eq!(pool.ask(3.0, true).await.expect("tried again, where there is a device").0, 3.0);
}
