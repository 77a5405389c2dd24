//! Bounded mailboxes and stable addresses.

use nightshift_kernel::{AddressStatus, AskError, ChildState, Mailbox, SendError};

use crate::support::{Doer, Order, SECOND, child, echo, fail, in_state, root, spec, until};

/// Waits until the actor is inside its handler, so that the queue is empty and stays as we fill it.
async fn occupy(doer: &Doer, address: &nightshift_kernel::Address<Order>) {
    address.try_send(Order::Wait(0)).unwrap();
    until("the handler runs", || !doer.traces.notes().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_rejecting_mailbox_says_so_and_shows_its_depth() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a").mailbox(Mailbox::reject(3)), doer.mold()).unwrap();
    occupy(&doer, &address).await;
    for value in 1..=3 {
        address.try_send(Order::Note(value)).unwrap();
    }
    assert_eq!(address.try_send(Order::Note(4)), Err(SendError::Full));
    assert_eq!(address.send(Order::Note(4), SECOND).await, Err(SendError::Full));
    assert_eq!(echo(&address, SECOND).await, Err(AskError::Full));
    assert_eq!((address.depth(), address.high_water(), address.capacity()), (3, 3, 3));
    doer.gate.add_permits(1);
    until("the queue drains", || address.depth() == 0).await;
    assert_eq!(child(&root, "root/a").mailbox.unwrap().high_water, 3);
    assert_eq!(echo(&address, SECOND).await, Ok(7));
    assert_eq!(doer.traces.notes(), ["0", "1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_waiting_mailbox_makes_its_sender_wait_until_the_deadline() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a").mailbox(Mailbox::wait(1)).budget(60 * SECOND), doer.mold()).unwrap();
    occupy(&doer, &address).await;
    address.try_send(Order::Note(1)).unwrap();
    assert_eq!(address.try_send(Order::Note(9)), Err(SendError::Full));
    let before = root.clock().monotonic();
    assert_eq!(address.send(Order::Note(9), 2 * SECOND).await, Err(SendError::Full));
    assert!(root.clock().monotonic() - before >= 2 * SECOND);
    let waiting = tokio::spawn({
        let address = address.clone();
        async move { address.send(Order::Note(2), 30 * SECOND).await }
    });
    tokio::time::sleep(SECOND).await;
    assert!(!waiting.is_finished());
    doer.gate.add_permits(1);
    assert_eq!(waiting.await.unwrap(), Ok(()));
    until("all are handled", || doer.traces.notes() == ["0", "1", "2"]).await;
}

fn key(order: &Order) -> Option<u64> {
    match order {
        Order::Note(value) => Some(u64::from(value / 10)),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_latest_mailbox_keeps_the_newest_of_each_key_in_place() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a").mailbox(Mailbox::latest(3, key)), doer.mold()).unwrap();
    occupy(&doer, &address).await;
    for value in [11, 21, 12, 13, 22] {
        address.try_send(Order::Note(value)).unwrap();
    }
    assert_eq!(address.depth(), 2);
    let question = tokio::spawn({
        let address = address.clone();
        async move { echo(&address, 60 * SECOND).await }
    });
    until("the question waits", || address.depth() == 3).await;
    // Full: a new key is refused, a known key still replaces.
    assert_eq!(address.try_send(Order::Note(31)), Err(SendError::Full));
    assert_eq!(address.try_send(Order::Note(14)), Ok(()));
    doer.gate.add_permits(1);
    assert_eq!(question.await.unwrap(), Ok(7));
    assert_eq!(doer.traces.notes(), ["0", "14", "22"]);
    address.try_send(Order::Note(15)).unwrap();
    until("a handled key is new again", || doer.traces.notes().len() == 4).await;
}

#[tokio::test(start_paused = true)]
async fn credits_come_back_when_messages_die_in_a_failed_actors_queue() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a").mailbox(Mailbox::reject(4)), doer.mold()).unwrap();
    occupy(&doer, &address).await;
    address.try_send(Order::Fail("on purpose")).unwrap();
    address.try_send(Order::Note(1)).unwrap();
    address.try_send(Order::Note(2)).unwrap();
    let question = tokio::spawn({
        let address = address.clone();
        async move { echo(&address, 60 * SECOND).await }
    });
    until("all wait", || address.depth() == 4).await;
    doer.gate.add_permits(1);
    assert_eq!(question.await.unwrap(), Err(AskError::Failed), "a question that dies is told so");
    in_state(&root, "root/a", ChildState::Running).await;
    assert_eq!(address.depth(), 0);
    address.try_send(Order::Wait(5)).unwrap();
    until("the new life is busy", || doer.traces.notes().contains(&"5".to_owned())).await;
    for value in 6..10 {
        address.try_send(Order::Note(value)).unwrap();
    }
    assert_eq!(address.try_send(Order::Note(10)), Err(SendError::Full));
    assert!(!doer.traces.notes().contains(&"1".to_owned()), "queued messages die with their life");
}

#[tokio::test(start_paused = true)]
async fn credits_come_back_when_messages_die_in_a_killed_actors_queue() {
    let (root, doer) = (root(), Doer::new("a"));
    for mailbox in [Mailbox::reject(2), Mailbox::wait(2), Mailbox::latest(2, key)] {
        let name = format!("{mailbox:?}");
        let address = root.spawn(spec(&name).mailbox(mailbox), doer.mold()).unwrap();
        address.send(Order::Hang, SECOND).await.unwrap();
        until("it hangs", || address.depth() == 0).await;
        address.try_send(Order::Note(10)).unwrap();
        address.try_send(Order::Note(20)).unwrap();
        until("it is killed and started again", || child(&root, &format!("root/{name}")).restarts == 1).await;
        in_state(&root, &format!("root/{name}"), ChildState::Running).await;
        assert_eq!(address.depth(), 0, "{name}");
        assert_eq!(echo(&address, SECOND).await, Ok(7), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_sender_arrive_in_order() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a").mailbox(Mailbox::wait(3)), doer.mold()).unwrap();
    for value in 0..50 {
        address.send(Order::Note(value), SECOND).await.unwrap();
    }
    echo(&address, SECOND).await.unwrap();
    assert_eq!(doer.traces.notes(), (0..50).map(|value| value.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_ask_sent_while_restarting_is_answered_by_the_next_life() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    address.send(Order::Fail("on purpose"), SECOND).await.unwrap();
    in_state(&root, "root/a", ChildState::Restarting).await;
    assert_eq!(address.status(), AddressStatus::Restarting);
    assert_eq!(address.try_send(Order::Note(1)), Err(SendError::Full), "nobody waits in `try_send`");
    assert_eq!(address.ask(Order::Incarnation, 30 * SECOND).await, Ok(2));
    assert_eq!(address.status(), AddressStatus::Running);
}

#[tokio::test(start_paused = true)]
async fn an_ask_ends_at_its_deadline_when_the_next_life_does_not_come() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    address.send(Order::Fail("on purpose"), SECOND).await.unwrap();
    in_state(&root, "root/a", ChildState::Restarting).await;
    let before = root.clock().monotonic();
    assert_eq!(echo(&address, SECOND / 10).await, Err(AskError::Deadline));
    assert!(root.clock().monotonic() - before < SECOND / 2);
}

#[tokio::test(start_paused = true)]
async fn an_ask_ends_at_its_deadline_when_the_handler_is_slow() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    occupy(&doer, &address).await;
    assert_eq!(echo(&address, SECOND).await, Err(AskError::Deadline));
}

#[tokio::test(start_paused = true)]
async fn an_ask_whose_handling_fails_is_told_failed_and_never_delivered_again() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    assert_eq!(address.ask(Order::FailAsked, 30 * SECOND).await, Err(AskError::Failed));
    in_state(&root, "root/a", ChildState::Restarting).await;
    fail(&address, "once").await;
    assert_eq!(address.ask(Order::Incarnation, 30 * SECOND).await, Ok(3));
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(doer.traces.notes(), ["fails: once"]);
    assert_eq!(doer.lives(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_actor_says_so_at_once() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a"), doer.mold()).unwrap();
    root.remove("a", SECOND).await.unwrap();
    let before = root.clock().monotonic();
    assert_eq!(address.status(), AddressStatus::Stopped);
    assert_eq!(address.try_send(Order::Note(1)), Err(SendError::Stopped));
    assert_eq!(echo(&address, 60 * SECOND).await, Err(AskError::Stopped));
    assert_eq!(root.clock().monotonic(), before);
}

#[tokio::test(start_paused = true)]
async fn one_who_waits_for_room_is_served_by_the_next_life_after_a_crash() {
    let (root, doer) = (root(), Doer::new("a"));
    let address = root.spawn(spec("a").mailbox(Mailbox::wait(1)), doer.mold()).unwrap();
    occupy(&doer, &address).await;
    address.try_send(Order::Panic).unwrap();
    let waiting = tokio::spawn({
        let address = address.clone();
        async move { address.ask(Order::Incarnation, 30 * SECOND).await }
    });
    tokio::time::sleep(SECOND / 10).await;
    doer.gate.add_permits(1);
    // It got the place that the panicking message left, or waited on: either way it is answered or told.
    let answer = waiting.await.unwrap();
    assert!(matches!(answer, Ok(2) | Err(AskError::Failed)), "{answer:?}");
}
