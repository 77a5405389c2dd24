//! Frozen is not alive: handlers past their budget.

use std::time::Duration;

use nightshift_kernel::{AskError, ChildState, Clock, LifecycleKind, Random, Runtime, Supervisor};

use crate::support::{Doer, Order, SECOND, child, echo, event, in_state, root, spec, until};

#[tokio::test(start_paused = true)]
async fn a_handler_past_its_budget_is_reported_then_killed_and_the_child_restarted() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    let mut events = root.events();
    echo(&address, SECOND).await.unwrap();
    let before = root.clock().monotonic();
    address.send(Order::Hang, SECOND).await.unwrap();
    let question = tokio::spawn({
        let address = address.clone();
        async move { echo(&address, 60 * SECOND).await }
    });
    let reason = "frozen: a handler ran past its budget of 5s".to_owned();
    event(&mut events, "root/a", |kind| matches!(kind, LifecycleKind::Frozen { .. })).await;
    let after = root.clock().monotonic() - before;
    assert!(after >= 5 * SECOND && after < 6 * SECOND, "{after:?}");
    let failed = event(&mut events, "root/a", |kind| matches!(kind, LifecycleKind::Failed { .. })).await;
    assert_eq!(failed.kind, LifecycleKind::Failed { reason: reason.clone() }, "a kill counts as a failure");
    assert_eq!(question.await.unwrap(), Err(AskError::Failed));
    assert_eq!(address.ask(Order::Incarnation, 60 * SECOND).await, Ok(2));
    let node = child(&root, "root/a");
    assert_eq!((node.restarts, node.last_fault.unwrap().reason), (1, reason));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_keeps_freezing_is_parked_like_one_that_keeps_failing() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    for _ in 0..3 {
        address.send(Order::Hang, 60 * SECOND).await.unwrap();
    }
    // The three queue up in one life; each later life gets its own.
    for _ in 0..2 {
        until("it was restarted", || child(&root, "root/a").state == ChildState::Restarting).await;
        address.send(Order::Hang, 60 * SECOND).await.unwrap();
    }
    in_state(&root, "root/a", ChildState::Quarantined).await;
    assert_eq!(doer.lives(), 3);
}

#[tokio::test(start_paused = true)]
async fn progress_extends_the_budget() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    address.send(Order::Toil(60), SECOND).await.unwrap();
    until("the long work is done", || doer.traces.notes() == ["toiled"]).await;
    assert!(root.clock().monotonic() >= 60 * SECOND);
    assert_eq!(child(&root, "root/a").restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_actor_is_not_frozen() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    for _ in 0..20 {
        echo(&address, SECOND).await.unwrap();
        tokio::time::sleep(60 * SECOND).await;
    }
    assert_eq!(doer.lives(), 1);
}

/// Real time, since a blocked thread knows no other; every wait is for a condition.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_is_set_apart_and_replaced() {
    let runtime = Runtime::new(Clock::system(), Random::seeded(1), 4);
    let root = Supervisor::root("root", runtime).unwrap();
    let doer = Doer::new("a");
    let spec = spec("a").budget(Duration::from_millis(200)).mailbox(nightshift_kernel::Mailbox::reject(2));
    let address = root.spawn(spec, doer.mold()).unwrap();
    let mut events = root.events();
    let (release, blocked) = std::sync::mpsc::sync_channel::<()>(0);
    address.send(Order::Block(blocked), SECOND).await.unwrap();
    until("the handler has begun", || address.depth() == 0).await;
    address.try_send(Order::Note(1)).unwrap();
    address.try_send(Order::Note(2)).unwrap();
    event(&mut events, "root/a", |kind| matches!(kind, LifecycleKind::Frozen { .. })).await;
    event(&mut events, "root/a", |kind| *kind == LifecycleKind::SetApart).await;
    assert_eq!(
        address.ask(Order::Incarnation, 30 * SECOND).await,
        Ok(2),
        "its successor has a mailbox of its own"
    );
    assert_eq!(child(&root, "root").set_apart, 1);
    drop(release);
    until("the one set apart ends when its thread yields", || child(&root, "root").set_apart == 0).await;
    assert_eq!(address.ask(Order::Incarnation, 30 * SECOND).await, Ok(2), "its end is nobody's failure");
    assert_eq!(child(&root, "root/a").restarts, 1);
    assert!(root.shutdown(10 * SECOND).await.clean);
}
