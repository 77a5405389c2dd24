//! Backoff, quarantine, pacing, escalation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nightshift_kernel::{
    Actor, AskError, Backoff, ChildSpec, ChildState, Context, Fault, Intensity, LifecycleKind, Policy,
    Restart, Supervisor,
};

use crate::support::{
    Doer, Order, SECOND, child, echo, event, fail, in_state, root, runtime, spec, state, until,
};

/// Fails the child and returns the pause that the supervisor announces.
async fn fail_once(root: &Supervisor, address: &nightshift_kernel::Address<Order>, path: &str) -> Duration {
    let mut events = root.events();
    fail(address, "on purpose").await;
    match event(&mut events, path, |kind| matches!(kind, LifecycleKind::Restarting { .. })).await.kind {
        LifecycleKind::Restarting { after } => after,
        other => panic!("{other:?}"),
    }
}

async fn pauses(seed: u64) -> Vec<Duration> {
    let root = Supervisor::root("root", runtime(seed)).unwrap();
    let spec = spec("a")
        .backoff(Backoff { first: SECOND, max: 20 * SECOND })
        .intensity(Intensity { max_restarts: 100, ..Intensity::default() });
    let address = root.spawn(spec, Doer::new("a").mold()).unwrap();
    let mut pauses = Vec::new();
    for _ in 0..7 {
        pauses.push(fail_once(&root, &address, "root/a").await);
    }
    pauses
}

#[tokio::test(start_paused = true)]
async fn pauses_double_with_jitter_up_to_the_maximum() {
    let pauses = pauses(3).await;
    for (pause, full_s) in pauses.iter().zip([1, 2, 4, 8, 16, 20, 20]) {
        let full = Duration::from_secs(full_s);
        assert!(*pause >= full / 2 && *pause <= full, "{pause:?} of {full:?}");
    }
    let shares: Vec<_> = pauses.iter().zip([1.0, 2.0, 4.0, 8.0]).map(|(p, f)| p.as_secs_f64() / f).collect();
    assert!(shares.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 0.01), "no jitter in {shares:?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_pauses() {
    assert_eq!(pauses(3).await, pauses(3).await);
    assert_ne!(pauses(3).await, pauses(4).await);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_has_run_long_enough_begins_anew() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    for _ in 0..6 {
        assert!(fail_once(&root, &address, "root/a").await <= SECOND);
        in_state(&root, "root/a", ChildState::Running).await;
        tokio::time::sleep(60 * SECOND).await;
    }
    assert_eq!(child(&root, "root/a").restarts, 6);
}

#[tokio::test(start_paused = true)]
async fn too_many_failures_park_the_child_and_its_siblings_run_on() {
    let (root, bad, good) = (root(), Doer::new("bad"), Doer::new("good"));
    let good_address = root.spawn(spec("good"), good.mold()).unwrap();
    let address = root.spawn(spec("bad"), bad.mold()).unwrap();
    let mut events = root.events();
    for _ in 0..2 {
        fail_once(&root, &address, "root/bad").await;
    }
    fail(&address, "worn out").await;
    let parked =
        event(&mut events, "root/bad", |kind| matches!(kind, LifecycleKind::Quarantined { .. })).await;
    let expected = LifecycleKind::Quarantined { reason: "worn out".to_owned(), retry_after: 300 * SECOND };
    assert_eq!(parked.kind, expected);
    let node = child(&root, "root/bad");
    assert_eq!((node.state, node.restarts), (ChildState::Quarantined, 2));
    assert_eq!(node.reason.as_deref(), Some("worn out"));
    assert!(node.next_retry_in.unwrap() > 299 * SECOND);
    // Nobody waits for minutes.
    let before = root.clock().monotonic();
    assert_eq!(echo(&address, 60 * SECOND).await, Err(AskError::Stopped));
    assert_eq!(root.clock().monotonic(), before);
    assert_eq!(echo(&good_address, SECOND).await, Ok(7));
    assert_eq!(good.lives(), 1);
    // It is tried again after the pause, and one more failure parks it for longer.
    event(&mut events, "root/bad", |kind| *kind == LifecycleKind::Released).await;
    event(&mut events, "root/bad", |kind| *kind == LifecycleKind::Started).await;
    assert_eq!(bad.lives(), 4);
    fail(&address, "still bad").await;
    let parked =
        event(&mut events, "root/bad", |kind| matches!(kind, LifecycleKind::Quarantined { .. })).await;
    let expected = LifecycleKind::Quarantined { reason: "still bad".to_owned(), retry_after: 600 * SECOND };
    assert_eq!(parked.kind, expected);
    assert_eq!(good.lives(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_operator_releases_from_quarantine_with_a_clean_record() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    assert!(root.release("a").is_err());
    for _ in 0..3 {
        fail(&address, "x").await;
    }
    in_state(&root, "root/a", ChildState::Quarantined).await;
    root.release("a").unwrap();
    assert_eq!(echo(&address, SECOND).await, Ok(7));
    assert!(fail_once(&root, &address, "root/a").await <= SECOND, "no probation after a release");
    in_state(&root, "root/a", ChildState::Running).await;
}

#[tokio::test(start_paused = true)]
async fn panics_in_make_start_and_handler_are_failures_with_their_words() {
    struct Broken(&'static str);
    impl Actor for Broken {
        type Message = ();
        async fn start(&mut self, _: &Context<()>) -> Result<(), Fault> {
            if self.0 == "start" { Err(Fault::new("no start")) } else { panic!("start panicked") }
        }
        async fn handle(&mut self, _: &Context<()>, (): ()) -> Result<(), Fault> {
            Ok(())
        }
    }
    let root = root();
    root.spawn(ChildSpec::new("start"), || Broken("start")).unwrap();
    root.spawn(ChildSpec::new("panic"), || Broken("panic")).unwrap();
    root.spawn(ChildSpec::new("make"), || -> Broken { panic!("make panicked") }).unwrap();
    let address = root.spawn(spec("handler"), Doer::new("handler").mold()).unwrap();
    address.send(Order::Panic, SECOND).await.unwrap();
    for (name, words) in [
        ("start", "no start"),
        ("panic", "start panicked"),
        ("make", "make panicked"),
        ("handler", "told to panic"),
    ] {
        let path = format!("root/{name}");
        until(name, || child(&root, &path).last_fault.is_some_and(|fault| fault.reason == words)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn transient_and_temporary_children_are_forgotten_when_they_end() {
    let (root, doer) = (root(), Doer::new("a"));
    for (name, restart) in [("transient", Restart::Transient), ("temporary", Restart::Temporary)] {
        let address = root.spawn(spec(name).restart(restart), doer.mold()).unwrap();
        address.try_send(Order::Finish).unwrap();
        address.try_send(Order::Note(1)).unwrap();
        until("it is gone", || root.tree_page(&format!("root/{name}"), 0).is_none()).await;
        assert_eq!(echo(&address, SECOND).await, Err(AskError::Stopped));
    }
    assert_eq!(
        doer.traces.notes(),
        ["1", "a stopped", "1", "a stopped"],
        "what waits is handled, then `stop`"
    );
    let address = root.spawn(spec("t").restart(Restart::Temporary), doer.mold()).unwrap();
    address.try_send(Order::Fail("x")).unwrap();
    until("it is gone", || root.tree_page("root/t", 0).is_none()).await;
    let address = root.spawn(spec("u").restart(Restart::Transient), doer.mold()).unwrap();
    fail(&address, "x").await;
    assert_eq!(address.ask(Order::Incarnation, 30 * SECOND).await, Ok(5));
}

/// Counts how many are inside `start` at once.
struct Starter {
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Actor for Starter {
    type Message = Order;

    async fn start(&mut self, ctx: &Context<Order>) -> Result<(), Fault> {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        ctx.clock().sleep(SECOND).await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    async fn handle(&mut self, _: &Context<Order>, _: Order) -> Result<(), Fault> {
        Err(Fault::new("on purpose"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_mass_restart_is_paced_and_a_first_start_is_not() {
    let root = root();
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let groups = [root.supervisor("x", Policy::default()), root.supervisor("y", Policy::default())];
    let mut addresses = Vec::new();
    for (index, group) in groups.into_iter().cycle().take(40).enumerate() {
        let (inside, most) = (inside.clone(), most.clone());
        let mold = move || Starter { inside: inside.clone(), most: most.clone() };
        addresses.push(group.unwrap().spawn(spec(&index.to_string()), mold).unwrap());
    }
    until("all run", || root.counts().running == 40).await;
    assert_eq!(most.swap(0, Ordering::SeqCst), 40);
    for address in &addresses {
        address.try_send(Order::Panic).unwrap();
    }
    until("all have failed", || root.counts().running == 0).await;
    until("all run again", || root.counts().running == 40).await;
    assert_eq!(most.load(Ordering::SeqCst), 4, "as many as there are permits, over the whole tree");
    assert!(root.clock().monotonic() >= 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_gives_its_permit_back() {
    let root = Supervisor::root("root", runtime(1)).unwrap();
    struct Hangs;
    impl Actor for Hangs {
        type Message = Order;
        async fn start(&mut self, _: &Context<Order>) -> Result<(), Fault> {
            std::future::pending().await
        }
        async fn handle(&mut self, _: &Context<Order>, _: Order) -> Result<(), Fault> {
            Ok(())
        }
    }
    for index in 0..8 {
        root.spawn(spec(&format!("hangs-{index}")), || Hangs).unwrap();
    }
    until("all are parked", || root.counts().quarantined == 8).await;
    let address = root.spawn(spec("a"), Doer::new("a").mold()).unwrap();
    fail_once(&root, &address, "root/a").await;
    assert_eq!(echo(&address, 30 * SECOND).await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn an_essential_child_takes_its_supervisor_with_it_and_no_other() {
    let root = root();
    let (near, far) = (Doer::new("near"), Doer::new("far"));
    let group = root.supervisor("group", Policy::default()).unwrap();
    let other = root.supervisor("other", Policy::default()).unwrap();
    let near_address = group.spawn(spec("near"), near.mold()).unwrap();
    let far_address = other.spawn(spec("far"), far.mold()).unwrap();
    let heart = Doer::new("heart");
    let address = group.spawn(spec("heart").essential(true), heart.mold()).unwrap();
    let mut events = root.events();
    for _ in 0..3 {
        fail(&address, "broken heart").await;
    }
    event(&mut events, "root/group/heart", |kind| matches!(kind, LifecycleKind::Escalated { .. })).await;
    let failed = event(&mut events, "root/group", |kind| matches!(kind, LifecycleKind::Failed { .. })).await;
    assert_eq!(
        failed.kind,
        LifecycleKind::Failed { reason: "essential child root/group/heart failed: broken heart".to_owned() }
    );
    assert_eq!(echo(&address, 60 * SECOND).await, Ok(7));
    assert_eq!(echo(&near_address, 60 * SECOND).await, Ok(7));
    assert_eq!(near.lives(), 2, "the group is started again as one");
    assert_eq!(near.traces.notes(), ["near stopped"], "in order");
    assert_eq!(echo(&far_address, SECOND).await, Ok(7));
    assert_eq!(far.lives(), 1);
    assert_eq!(child(&root, "root/group").restarts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_keeps_failing_is_parked_as_one() {
    let root = root();
    let intensity = Intensity { max_restarts: 1, within: 600 * SECOND, quarantine_for: 900 * SECOND };
    let group = root.supervisor("group", Policy { intensity, ..Policy::default() }).unwrap();
    let near = group.spawn(spec("near"), Doer::new("near").mold()).unwrap();
    let heart = group.spawn(spec("heart").essential(true), Doer::new("heart").mold()).unwrap();
    for _ in 0..6 {
        fail(&heart, "x").await;
    }
    in_state(&root, "root/group", ChildState::Quarantined).await;
    assert_eq!(echo(&near, 60 * SECOND).await, Err(AskError::Stopped));
    root.release("group").unwrap();
    assert_eq!(echo(&near, 60 * SECOND).await, Ok(7));
    assert_eq!(echo(&heart, 60 * SECOND).await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn an_essential_child_of_the_root_is_told_to_the_process() {
    let root = root();
    let sibling = root.spawn(spec("sibling"), Doer::new("sibling").mold()).unwrap();
    let address = root.spawn(spec("heart").essential(true), Doer::new("heart").mold()).unwrap();
    let told = tokio::spawn({
        let root = root.clone();
        async move { root.escalated().await }
    });
    for _ in 0..3 {
        assert!(!told.is_finished());
        fail(&address, "x").await;
    }
    assert_eq!(told.await.unwrap(), "essential child root/heart failed: x");
    assert_eq!(state(&root, "root/heart"), ChildState::Quarantined);
    assert_eq!(echo(&sibling, SECOND).await, Ok(7), "the others run until the process stops them in order");
}

#[tokio::test(start_paused = true)]
async fn an_operators_restart_drains_and_is_no_failure() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    for _ in 0..5 {
        address.send(Order::Note(1), SECOND).await.unwrap();
        assert!(root.restart("a").await.unwrap().clean);
    }
    assert_eq!(address.ask(Order::Incarnation, SECOND).await, Ok(6));
    assert_eq!(doer.traces.notes(), ["1", "a stopped"].repeat(5));
    assert_eq!(child(&root, "root/a").last_fault, None);
}
