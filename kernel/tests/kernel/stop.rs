//! The ordered stop.

use nightshift_kernel::{
    Actor, Address, AskError, ChildState, Context, Fault, Policy, SpawnError, StopOrder, Supervisor,
};

use crate::support::{Doer, Order, SECOND, echo, fail, root, spec, until};

fn together() -> Policy {
    Policy { stop_order: StopOrder::Together, ..Policy::default() }
}

#[tokio::test(start_paused = true)]
async fn children_stop_in_reverse_start_order_after_handling_what_waits() {
    let (root, first) = (root(), Doer::new("first"));
    let second = first.sharing("second");
    let group = root.supervisor("group", Policy::default()).unwrap();
    let first_address = root.spawn(spec("first"), first.mold()).unwrap();
    let second_address = root.spawn(spec("second"), second.mold()).unwrap();
    let inner_address = group.spawn(spec("inner"), first.sharing("inner").mold()).unwrap();
    for (address, value) in [(&inner_address, 1), (&first_address, 2), (&second_address, 3)] {
        address.try_send(Order::Note(value)).unwrap();
    }
    first_address.try_send(Order::Note(4)).unwrap();
    let report = root.shutdown(10 * SECOND).await;
    assert!(report.clean, "{report:?}");
    let notes = first.traces.notes();
    let at = |note: &str| notes.iter().position(|found| found == note).unwrap();
    assert!(at("3") < at("second stopped") && at("4") < at("first stopped") && at("1") < at("inner stopped"));
    assert!(at("second stopped") < at("first stopped") && at("first stopped") < at("inner stopped"));
    assert_eq!(notes.len(), 7);
    for address in [&first_address, &second_address, &inner_address] {
        assert_eq!(echo(address, 60 * SECOND).await, Err(AskError::Stopped));
    }
    assert_eq!(root.spawn(spec("late"), first.mold()).unwrap_err(), SpawnError::Stopping);
    assert_eq!(root.tree().state, ChildState::Stopped);
    assert_eq!(root.counts().total(), 0);
}

/// Asks an earlier sibling while it drains: the reason for the reverse order.
struct Writer {
    store: Address<Order>,
    written: Doer,
}

impl Actor for Writer {
    type Message = u32;

    async fn handle(&mut self, _: &Context<u32>, value: u32) -> Result<(), Fault> {
        self.store.send(Order::Note(value), SECOND).await?;
        Ok(())
    }

    async fn stop(&mut self, _: &Context<u32>) {
        if self.store.send(Order::Note(99), SECOND).await.is_err() {
            self.written.traces.note("lost");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_draining_child_can_still_reach_those_started_before_it() {
    let (root, store) = (root(), Doer::new("store"));
    let address = root.spawn(spec("store"), store.mold()).unwrap();
    let written = store.clone();
    let writer = root
        .spawn(nightshift_kernel::ChildSpec::new("writer"), move || Writer {
            store: address.clone(),
            written: written.clone(),
        })
        .unwrap();
    for value in 0..20 {
        writer.send(value, SECOND).await.unwrap();
    }
    assert!(root.shutdown(10 * SECOND).await.clean);
    let expected: Vec<_> =
        (0..20).chain([99]).map(|value| value.to_string()).chain(["store stopped".to_owned()]).collect();
    assert_eq!(store.traces.notes(), expected);
}

async fn with_one_stuck(root: Supervisor, policy: Policy) {
    let doer = Doer::new("good");
    let group = root.supervisor("group", policy).unwrap();
    let budget = 3_600 * SECOND;
    let before = group.spawn(spec("before"), doer.sharing("before").mold()).unwrap();
    let stuck = group.spawn(spec("stuck").budget(budget), Doer::new("stuck").mold()).unwrap();
    let after = group.spawn(spec("after"), doer.sharing("after").mold()).unwrap();
    stuck.send(Order::Hang, SECOND).await.unwrap();
    until("it hangs", || stuck.depth() == 0).await;
    before.try_send(Order::Note(1)).unwrap();
    after.try_send(Order::Note(2)).unwrap();
    let began = root.clock().monotonic();
    let report = root.shutdown(10 * SECOND).await;
    assert!(root.clock().monotonic() - began <= 12 * SECOND);
    assert!(!report.clean);
    assert_eq!(report.killed, ["root/group/stuck"]);
    let mut notes = doer.traces.notes();
    notes.sort();
    assert_eq!(notes, ["1", "2", "after stopped", "before stopped"], "the others stop in order");
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_stop_is_killed_and_named_and_the_others_drain() {
    with_one_stuck(root(), Policy::default()).await;
}

#[tokio::test(start_paused = true)]
async fn stopping_together_kills_only_the_one_that_does_not_stop() {
    with_one_stuck(root(), together()).await;
}

#[tokio::test(start_paused = true)]
async fn many_that_are_stuck_share_one_deadline() {
    let root = root();
    let group = root.supervisor("group", together()).unwrap();
    for index in 0..50 {
        let name = format!("stuck-{index}");
        let stuck = group.spawn(spec(&name).budget(3_600 * SECOND), Doer::new("x").mold()).unwrap();
        stuck.send(Order::Hang, SECOND).await.unwrap();
    }
    until("all hang", || {
        root.tree().children[0].children.iter().all(|node| node.mailbox.unwrap().depth == 0)
    })
    .await;
    let began = root.clock().monotonic();
    let report = root.shutdown(10 * SECOND).await;
    assert_eq!(report.killed.len(), 50);
    assert!(root.clock().monotonic() - began <= 12 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_hangs_is_killed_at_its_budget_and_named() {
    struct Clings;
    impl Actor for Clings {
        type Message = ();
        async fn handle(&mut self, _: &Context<()>, (): ()) -> Result<(), Fault> {
            Ok(())
        }
        async fn stop(&mut self, _: &Context<()>) {
            std::future::pending().await
        }
    }
    let root = root();
    let spec = nightshift_kernel::ChildSpec::new("clings").budget(5 * SECOND);
    root.spawn(spec, || Clings).unwrap();
    let began = root.clock().monotonic();
    let report = root.shutdown(3_600 * SECOND).await;
    assert_eq!(report.killed, ["root/clings"]);
    assert!(root.clock().monotonic() - began < 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_while_it_drains_is_named_and_not_restarted() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    address.try_send(Order::Fail("too late")).unwrap();
    let report = root.shutdown(10 * SECOND).await;
    assert_eq!((report.clean, report.failed), (false, vec!["root/a".to_owned()]));
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(doer.lives(), 1);
}

#[tokio::test(start_paused = true)]
async fn children_without_a_life_stop_at_once() {
    let root = root();
    let waiting = root.spawn(spec("waiting"), Doer::new("a").mold()).unwrap();
    let parked = root.spawn(spec("parked"), Doer::new("b").mold()).unwrap();
    for _ in 0..3 {
        fail(&parked, "x").await;
    }
    until("it is parked", || root.counts().quarantined == 1).await;
    waiting.send(Order::Fail("x"), SECOND).await.unwrap();
    until("it waits", || root.counts().restarting == 1).await;
    let began = root.clock().monotonic();
    assert!(root.shutdown(60 * SECOND).await.clean);
    assert_eq!(root.clock().monotonic(), began);
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!(echo(&waiting, SECOND).await, Err(AskError::Stopped));
    assert_eq!(echo(&parked, SECOND).await, Err(AskError::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_removed_child_leaves_its_name_to_another() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    assert_eq!(root.spawn(spec("a"), doer.mold()).unwrap_err(), SpawnError::NameTaken("a".to_owned()));
    address.try_send(Order::Note(1)).unwrap();
    assert!(root.remove("a", SECOND).await.unwrap().clean);
    assert!(root.remove("a", SECOND).await.is_err());
    assert_eq!(doer.traces.notes(), ["1", "a stopped"]);
    let again = root.spawn(spec("a"), doer.mold()).unwrap();
    assert_eq!(echo(&again, SECOND).await, Ok(7));
    assert_eq!(echo(&address, SECOND).await, Err(AskError::Stopped), "an address is not a name");
}

#[tokio::test(start_paused = true)]
async fn a_removed_supervisor_takes_its_children_along() {
    let (root, doer) = (root(), Doer::new("a"));
    let group = root.supervisor("group", together()).unwrap();
    let address = group.spawn(spec("a"), doer.mold()).unwrap();
    assert!(group.shutdown(SECOND).await.clean);
    assert_eq!(doer.traces.notes(), ["a stopped"]);
    assert_eq!(echo(&address, SECOND).await, Err(AskError::Stopped));
    assert!(root.tree().children.is_empty());
    root.supervisor("group", together()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_stops_at_once_both_end() {
    let (root, doer) = (root(), Doer::new("a"));
    root.spawn(spec("a"), doer.mold()).unwrap();
    let (removed, down) = tokio::join!(root.remove("a", SECOND), root.shutdown(SECOND));
    assert!(removed.unwrap().clean && down.clean);
    assert_eq!(doer.traces.notes(), ["a stopped"]);
}
