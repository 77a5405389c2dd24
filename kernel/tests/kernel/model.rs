//! Random schedules of failures, time and commands against a small model of a supervised child.

use std::time::Duration;

use nightshift_kernel::{Address, AskError, Backoff, ChildSpec, ChildState, Intensity, Supervisor, TreeNode};
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Doer, Order, SECOND, child, echo, runtime};

const CHILDREN: usize = 3;
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(15);
const MAX_RESTARTS: usize = 3;
const WITHIN: Duration = Duration::from_secs(60);
const QUARANTINE: Duration = Duration::from_secs(120);
/// What one step may take beside the time it says: no pause here is as short.
const SLACK: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug)]
enum Step {
    Fail(usize),
    Panic(usize),
    Ask(usize),
    Wait(u64),
    Release(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..CHILDREN).prop_map(Step::Fail),
        2 => (0..CHILDREN).prop_map(Step::Panic),
        3 => (0..CHILDREN).prop_map(Step::Ask),
        8 => (1..20_u64).prop_map(Step::Wait),
        1 => Just(Step::Wait(100)),
        1 => (0..CHILDREN).prop_map(Step::Release),
    ];
    proptest::collection::vec(step, 1..60)
}

/// A child as the page of guarantees describes it.
#[derive(Debug, Default)]
struct Model {
    running_since: Duration,
    /// When it comes back, and whether from quarantine.
    away: Option<(Duration, bool)>,
    failures: Vec<Duration>,
    in_a_row: u32,
    stays: u32,
    on_probation: bool,
    restarts: u32,
}

impl Model {
    fn state(&self) -> ChildState {
        match self.away {
            None => ChildState::Running,
            Some((_, false)) => ChildState::Restarting,
            Some((_, true)) => ChildState::Quarantined,
        }
    }

    fn forgive(&mut self) {
        self.failures.clear();
        (self.in_a_row, self.stays, self.on_probation) = (0, 0, false);
    }

    /// Takes a failure; returns the bounds of the pause that must follow.
    fn fail(&mut self, now: Duration) -> (Duration, Duration, bool) {
        if now - self.running_since >= WITHIN {
            self.forgive();
        }
        self.failures.push(now);
        self.failures.retain(|at| now - *at < WITHIN);
        if self.on_probation || self.failures.len() > MAX_RESTARTS {
            let pause = QUARANTINE * 2_u32.pow(self.stays.min(3));
            self.stays += 1;
            self.on_probation = true;
            self.failures.clear();
            return (pause, pause, true);
        }
        let pause = (FIRST * 2_u32.pow(self.in_a_row)).min(LONGEST);
        self.in_a_row += 1;
        (pause / 2, pause, false)
    }

    fn come_back(&mut self, now: Duration) {
        if let Some((at, _)) = self.away.filter(|(at, _)| *at <= now) {
            self.away = None;
            self.running_since = at;
            self.restarts += 1;
        }
    }
}

struct Rig {
    root: Supervisor,
    addresses: Vec<Address<Order>>,
    models: Vec<Model>,
}

impl Rig {
    fn new() -> Self {
        let root = Supervisor::root("root", runtime(11)).unwrap();
        let intensity = Intensity {
            max_restarts: u32::try_from(MAX_RESTARTS).unwrap(),
            within: WITHIN,
            quarantine_for: QUARANTINE,
        };
        let spec = |index: usize| {
            ChildSpec::new(index.to_string())
                .backoff(Backoff { first: FIRST, max: LONGEST })
                .intensity(intensity)
        };
        let addresses = (0..CHILDREN)
            .map(|index| root.spawn(spec(index), Doer::new(&index.to_string()).mold()).unwrap())
            .collect();
        Self { root, addresses, models: (0..CHILDREN).map(|_| Model::default()).collect() }
    }

    fn now(&self) -> Duration {
        self.root.clock().monotonic()
    }

    fn node(&self, index: usize) -> TreeNode {
        child(&self.root, &format!("root/{index}"))
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Wait(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Step::Fail(index) => self.fail(index, Order::Fail("on purpose")).await,
            Step::Panic(index) => self.fail(index, Order::Panic).await,
            Step::Ask(index) => self.ask(index).await,
            Step::Release(index) => self.release(index).await,
        }
        self.settle().await;
    }

    /// Lets everything due happen, in the model as well.
    async fn settle(&mut self) {
        tokio::time::sleep(SLACK).await;
        let now = self.now();
        for model in &mut self.models {
            model.come_back(now);
        }
    }

    async fn fail(&mut self, index: usize, order: Order) {
        if self.models[index].away.is_some() {
            return;
        }
        self.addresses[index].try_send(order).unwrap();
        tokio::time::sleep(SLACK).await;
        let (now, node) = (self.now(), self.node(index));
        let (shortest, longest, parked) = self.models[index].fail(now - SLACK);
        let pause = node.next_retry_in.unwrap() + SLACK;
        assert!(pause >= shortest && pause <= longest + SLACK, "{pause:?} in {shortest:?}..={longest:?}");
        self.models[index].away = Some((now - SLACK + pause, parked));
    }

    async fn ask(&self, index: usize) {
        let model = &self.models[index];
        let before = self.now();
        let answer = echo(&self.addresses[index], SECOND).await;
        match model.away {
            None => assert_eq!((answer, self.now()), (Ok(7), before)),
            Some((_, true)) => assert_eq!((answer, self.now()), (Err(AskError::Stopped), before)),
            Some((at, false)) if at > before + SECOND + SLACK => assert_eq!(answer, Err(AskError::Deadline)),
            Some(_) => assert!(matches!(answer, Ok(7) | Err(AskError::Deadline)), "{answer:?}"),
        }
    }

    async fn release(&mut self, index: usize) {
        let parked = self.models[index].state() == ChildState::Quarantined;
        assert_eq!(self.root.release(&index.to_string()).is_ok(), parked);
        if parked {
            let now = self.now();
            self.models[index].forgive();
            self.models[index].away = Some((now, true));
        }
    }

    fn check(&self, done: &[Step]) {
        for (index, model) in self.models.iter().enumerate() {
            let node = self.node(index);
            // Within the slack of a return, both answers are right.
            if model.away.is_some_and(|(at, _)| at <= self.now() + SLACK) {
                continue;
            }
            assert_eq!(node.state, model.state(), "child {index} after {done:?}: {model:?}");
            assert_eq!(node.restarts, model.restarts, "child {index} after {done:?}: {model:?}");
        }
        assert_eq!(self.root.counts().total(), CHILDREN);
    }
}

async fn follow(steps: Vec<Step>) {
    let mut rig = Rig::new();
    rig.settle().await;
    for index in 0..steps.len() {
        rig.step(steps[index]).await;
        rig.check(&steps[..=index]);
    }
    // Whatever happened, everybody comes back, and the stop is clean.
    tokio::time::sleep(QUARANTINE * 8 + SLACK).await;
    for address in &rig.addresses {
        assert_eq!(echo(address, SECOND).await, Ok(7));
    }
    assert!(rig.root.shutdown(SECOND).await.clean);
}

#[test]
fn random_schedules_agree_with_the_model() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // The panics that the schedules ask for would drown the one that matters.
        if info.payload_as_str() != Some("told to panic") {
            hook(info);
        }
    }));
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    runner
        .run(&steps(), |steps| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(follow(steps));
            Ok(())
        })
        .unwrap();
}
