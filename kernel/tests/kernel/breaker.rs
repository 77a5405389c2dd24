//! The breaker: its traps one by one, then random schedules against a small model.

use std::time::Duration;

use nightshift_kernel::{Breaker, BreakerConfig, BreakerError, BreakerState, Clock};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

use crate::support::{BASE_US, SECOND};

const CONFIG: BreakerConfig = BreakerConfig {
    failures: 3,
    window: Duration::from_secs(10),
    open_for: Duration::from_secs(30),
    probes: 1,
};

fn breaker(config: BreakerConfig) -> Breaker {
    Breaker::new("line", config, Clock::simulated(BASE_US).0)
}

async fn succeed(breaker: &mut Breaker) -> Result<u32, BreakerError<&'static str>> {
    breaker.call(SECOND, async { Ok(1) }).await
}

async fn fail(breaker: &mut Breaker) -> Result<u32, BreakerError<&'static str>> {
    breaker.call(SECOND, async { Err("down") }).await
}

async fn open(breaker: &mut Breaker) {
    while breaker.state() == BreakerState::Closed {
        fail(breaker).await.unwrap_err();
    }
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn it_opens_at_the_last_failure_allowed_and_refuses_without_calling() {
    let mut breaker = breaker(CONFIG);
    for _ in 0..2 {
        assert_eq!(fail(&mut breaker).await, Err(BreakerError::Failed("down")));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
    assert_eq!(fail(&mut breaker).await, Err(BreakerError::Failed("down")));
    assert_eq!(breaker.state(), BreakerState::Open);
    tokio::time::sleep(10 * SECOND).await;
    let mut called = false;
    let outcome: Result<u32, BreakerError<&str>> = breaker
        .call(SECOND, async {
            called = true;
            Ok(1)
        })
        .await;
    assert_eq!(outcome, Err(BreakerError::Open { retry_after: 20 * SECOND }));
    assert!(!called);
    let shown = breaker.view().snapshot();
    assert_eq!((shown.state, shown.trips), (BreakerState::Open, 1));
    assert_eq!((shown.opened_at_us, shown.retry_after), (Some(BASE_US), Some(20 * SECOND)));
}

#[tokio::test(start_paused = true)]
async fn only_failures_within_the_window_count() {
    let mut breaker = breaker(CONFIG);
    for _ in 0..20 {
        fail(&mut breaker).await.unwrap_err();
        assert!(breaker.view().snapshot().failures <= 2);
        tokio::time::sleep(5 * SECOND).await;
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn successes_in_between_do_not_hide_failures() {
    let mut breaker = breaker(CONFIG);
    for _ in 0..3 {
        for _ in 0..100 {
            succeed(&mut breaker).await.unwrap();
        }
        fail(&mut breaker).await.unwrap_err();
    }
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn successes_before_the_trip_do_not_count_as_probes() {
    let mut breaker = breaker(BreakerConfig { probes: 3, ..CONFIG });
    for _ in 0..10 {
        succeed(&mut breaker).await.unwrap();
    }
    open(&mut breaker).await;
    tokio::time::sleep(30 * SECOND).await;
    for _ in 0..2 {
        succeed(&mut breaker).await.unwrap();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }
    succeed(&mut breaker).await.unwrap();
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert_eq!(breaker.view().snapshot().failures, 0);
}

#[tokio::test(start_paused = true)]
async fn many_probes_can_close_it() {
    let mut breaker = breaker(BreakerConfig { probes: 50, ..CONFIG });
    open(&mut breaker).await;
    tokio::time::sleep(30 * SECOND).await;
    for _ in 0..50 {
        succeed(&mut breaker).await.unwrap();
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_it_for_another_pause() {
    let mut breaker = breaker(CONFIG);
    open(&mut breaker).await;
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(fail(&mut breaker).await, Err(BreakerError::Failed("down")));
    assert_eq!(succeed(&mut breaker).await, Err(BreakerError::Open { retry_after: 30 * SECOND }));
    assert_eq!(breaker.view().snapshot().trips, 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_past_its_deadline_and_a_panic_are_failures() {
    let mut breaker = breaker(BreakerConfig { failures: 2, ..CONFIG });
    let slow: Result<u32, BreakerError<&str>> = breaker.call(SECOND, std::future::pending()).await;
    assert_eq!(slow, Err(BreakerError::Deadline));
    let broken: Result<u32, BreakerError<&str>> = breaker.call(SECOND, async { panic!("on purpose") }).await;
    assert_eq!(broken, Err(BreakerError::Panicked));
    assert_eq!(breaker.state(), BreakerState::Open);
    // And so they are as probes: it opens again instead of staying half-open.
    for _ in 0..2 {
        tokio::time::sleep(30 * SECOND).await;
        let broken: Result<u32, BreakerError<&str>> =
            breaker.call(SECOND, async { panic!("on purpose") }).await;
        assert_eq!(broken, Err(BreakerError::Panicked));
        assert_eq!(breaker.state(), BreakerState::Open);
    }
    tokio::time::sleep(30 * SECOND).await;
    succeed(&mut breaker).await.unwrap();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_probe_is_given_back() {
    let mut breaker = breaker(CONFIG);
    open(&mut breaker).await;
    tokio::time::sleep(30 * SECOND).await;
    for _ in 0..10 {
        let view = breaker.view();
        let probe = breaker.call::<u32, &str, _>(60 * SECOND, std::future::pending());
        assert!(tokio::time::timeout(SECOND, probe).await.is_err());
        assert_eq!(view.snapshot().state, BreakerState::Open);
        assert_eq!(view.snapshot().retry_after, Some(Duration::ZERO));
    }
    succeed(&mut breaker).await.unwrap();
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert_eq!(breaker.view().snapshot().trips, 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_an_answer_is_no_failure() {
    let mut breaker = breaker(CONFIG);
    for _ in 0..10 {
        let outcome: Result<u32, _> =
            breaker.call_unless(SECOND, async { Err("not found") }, |error| *error == "not found").await;
        assert_eq!(outcome, Err(BreakerError::Failed("not found")));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Succeed,
    Fail,
    Panic,
    TimeOut,
    Cancel,
    Wait(u64),
    ForceOpen,
    ForceClosed,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Succeed),
        6 => Just(Step::Fail),
        1 => Just(Step::Panic),
        1 => Just(Step::TimeOut),
        2 => Just(Step::Cancel),
        4 => (1..40_u64).prop_map(Step::Wait),
        1 => Just(Step::ForceOpen),
        1 => Just(Step::ForceClosed),
    ];
    proptest::collection::vec(step, 1..80)
}

/// What a breaker is, in as few words as possible. Times in seconds.
struct Model {
    config: BreakerConfig,
    now: u64,
    failures: Vec<u64>,
    open_until: Option<u64>,
    probed: u32,
    trips: u64,
}

impl Model {
    fn admits(&self) -> bool {
        self.open_until.is_none_or(|until| self.now >= until)
    }

    fn trip(&mut self) {
        self.open_until = Some(self.now + self.config.open_for.as_secs());
        self.probed = 0;
        self.trips += 1;
    }

    fn close(&mut self) {
        self.open_until = None;
        self.failures.clear();
        self.probed = 0;
    }

    fn end(&mut self, works: bool) {
        match (self.open_until.is_some(), works) {
            (false, true) => {}
            (false, false) => {
                let from = self.now;
                self.failures.push(self.now);
                self.failures.retain(|at| from - at < self.config.window.as_secs());
                if self.failures.len() >= self.config.failures as usize {
                    self.trip();
                }
            }
            (true, true) => {
                self.probed += 1;
                if self.probed == self.config.probes {
                    self.close();
                }
            }
            (true, false) => self.trip(),
        }
    }
}

async fn follow(config: BreakerConfig, steps: Vec<Step>) {
    let mut breaker = breaker(config);
    let mut model = Model { config, now: 0, failures: Vec::new(), open_until: None, probed: 0, trips: 0 };
    for (index, step) in steps.into_iter().enumerate() {
        let admits = model.admits();
        let (refused, works) = match step {
            Step::Succeed => {
                (matches!(succeed(&mut breaker).await, Err(BreakerError::Open { .. })), Some(true))
            }
            Step::Fail => (matches!(fail(&mut breaker).await, Err(BreakerError::Open { .. })), Some(false)),
            Step::Panic => {
                let outcome = breaker.call::<u32, &str, _>(SECOND, async { panic!("on purpose") }).await;
                (matches!(outcome, Err(BreakerError::Open { .. })), Some(false))
            }
            Step::TimeOut => {
                let outcome = breaker.call::<u32, &str, _>(SECOND, std::future::pending()).await;
                let refused = matches!(outcome, Err(BreakerError::Open { .. }));
                model.now += u64::from(!refused);
                (refused, Some(false))
            }
            Step::Cancel => {
                let call = breaker.call::<u32, &str, _>(60 * SECOND, std::future::pending());
                let cancelled = tokio::time::timeout(SECOND, call).await.is_err();
                model.now += u64::from(cancelled);
                (!cancelled, None)
            }
            Step::Wait(seconds) => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                model.now += seconds;
                (!admits, None)
            }
            Step::ForceOpen => {
                breaker.force_open();
                model.trip();
                (!admits, None)
            }
            Step::ForceClosed => {
                breaker.force_closed();
                model.close();
                (!admits, None)
            }
        };
        assert_eq!(refused, !admits, "step {index} {step:?}");
        if let Some(works) = works.filter(|_| !refused) {
            model.end(works);
        }
        let shown = breaker.view().snapshot();
        assert_eq!(shown.trips, model.trips, "step {index} {step:?}");
        assert_eq!(shown.state == BreakerState::Closed, model.open_until.is_none(), "step {index} {step:?}");
    }
    // Whatever happened, it is not stuck: after one pause, enough successes close it.
    tokio::time::sleep(config.open_for).await;
    for _ in 0..config.probes {
        succeed(&mut breaker).await.unwrap();
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn random_schedules_agree_with_the_model_and_never_stick() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // The panics that the schedules ask for would drown the one that matters.
        if info.payload_as_str() != Some("on purpose") {
            hook(info);
        }
    }));
    let configs =
        (1..5_u32, 1..30_u64, 1..60_u64, 1..4_u32).prop_map(|(failures, window, open_for, probes)| {
            BreakerConfig {
                failures,
                window: Duration::from_secs(window),
                open_for: Duration::from_secs(open_for),
                probes,
            }
        });
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    runner
        .run(&(configs, steps(), any::<bool>()), |(config, steps, _)| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(follow(config, steps));
            Ok(())
        })
        .unwrap();
}
