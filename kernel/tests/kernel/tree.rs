//! Everything shows: the tree, its pages, the counts, the events.

use nightshift_kernel::{ChildState, ControlError, LifecycleKind, NodeKind, Policy, Random, SpawnError};

use crate::support::{BASE_US, Doer, Order, SECOND, child, event, fail, in_state, root, spec, until};

#[tokio::test(start_paused = true)]
async fn the_tree_tells_path_state_reason_and_mailbox() {
    let root = root();
    let group = root.supervisor("group", Policy::default()).unwrap();
    let address = group.spawn(spec("unit/1"), Doer::new("a").mold()).unwrap();
    tokio::time::sleep(SECOND).await;
    address.send(Order::Fail("no ink"), SECOND).await.unwrap();
    in_state(&root, "root/group/unit/1", ChildState::Restarting).await;
    let tree = root.tree();
    assert_eq!((tree.path.as_str(), tree.kind, tree.children_total), ("root", NodeKind::Supervisor, 1));
    let node = &tree.children[0].children[0];
    assert_eq!((node.path.as_str(), node.kind), ("root/group/unit/1", NodeKind::Actor));
    assert_eq!(node.reason.as_deref(), Some("no ink"));
    let fault = node.last_fault.as_ref().unwrap();
    assert!(fault.at_us >= BASE_US + 1_000_000 && fault.at_us < BASE_US + 2_000_000);
    assert!(node.next_retry_in.unwrap() <= SECOND);
    let json = serde_json::to_value(&tree).unwrap();
    let node = &json["children"][0]["children"][0];
    assert_eq!(node["state"], "restarting");
    assert!(node["next_retry_in_us"].as_u64().unwrap() <= 1_000_000);
    assert_eq!(node["mailbox"]["capacity"], 64);
    assert_eq!(root.tree_page("root/group/unit/2", 10), None);
    assert_eq!(root.tree_page("rootless", 10), None);
}

#[tokio::test(start_paused = true)]
async fn pages_walk_all_children_once_though_some_leave() {
    let root = root();
    let group = root.supervisor("group", Policy::default()).unwrap();
    for index in 0..25 {
        group.spawn(spec(&format!("unit/{index}")), Doer::new("a").mold()).unwrap();
    }
    let first = root.tree_page("root/group", 10).unwrap();
    assert_eq!((first.children.len(), first.children_total), (10, 25));
    group.remove("unit/9", SECOND).await.unwrap();
    let mut seen: Vec<_> = first.children.iter().map(|node| node.path.clone()).collect();
    let mut after = first.next_after;
    while let Some(from) = after {
        let page = root.tree_page_after("root/group", from, 10).unwrap();
        seen.extend(page.children.into_iter().map(|node| node.path));
        after = page.next_after;
    }
    let expected: Vec<_> = (0..25).map(|index| format!("root/group/unit/{index}")).collect();
    assert_eq!(seen, expected);
    assert!(child(&root, "root").children.is_empty());
}

#[tokio::test(start_paused = true)]
async fn counts_follow_the_states() {
    let root = root();
    let group = root.supervisor("group", Policy::default()).unwrap();
    let bad = group.spawn(spec("bad"), Doer::new("a").mold()).unwrap();
    root.spawn(spec("good"), Doer::new("a").mold()).unwrap();
    until("both run", || root.counts().running == 2).await;
    for _ in 0..3 {
        fail(&bad, "x").await;
    }
    until("one is parked", || root.counts().quarantined == 1).await;
    assert_eq!((root.counts().running, root.counts().total()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn events_carry_wall_time_and_path() {
    let root = root();
    let mut events = root.events();
    tokio::time::sleep(SECOND).await;
    root.spawn(spec("a"), Doer::new("a").mold()).unwrap();
    let started = event(&mut events, "root/a", |kind| *kind == LifecycleKind::Started).await;
    assert_eq!(started.at_us, BASE_US + 1_000_000);
    root.remove("a", SECOND).await.unwrap();
    event(&mut events, "root/a", |kind| *kind == LifecycleKind::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_has_a_limited_number_of_children() {
    let root = root();
    let group = root.supervisor("group", Policy { children_max: 2, ..Policy::default() }).unwrap();
    group.spawn(spec("a"), Doer::new("a").mold()).unwrap();
    group.spawn(spec("b"), Doer::new("b").mold()).unwrap();
    assert_eq!(group.spawn(spec("c"), Doer::new("c").mold()).unwrap_err(), SpawnError::TooMany);
    assert_eq!(root.spawn(spec(""), Doer::new("").mold()).unwrap_err(), SpawnError::BadName(String::new()));
}

#[tokio::test(start_paused = true)]
async fn an_operator_reaches_any_child_by_its_path() {
    let root = root();
    let group = root.supervisor("group", Policy::default()).unwrap();
    let doer = Doer::new("a");
    let address = group.spawn(spec("unit/1"), doer.mold()).unwrap();
    until("it runs", || root.counts().running == 1).await;
    assert_eq!(root.release_at("root/group/unit/1"), Err(ControlError::NotQuarantined));
    for nothing in ["root", "root/", "root/group/unit", "root/group/unit/1/2", "other/group/unit/1", ""] {
        assert_eq!(root.release_at(nothing), Err(ControlError::NotFound), "{nothing}");
    }
    assert!(root.restart_at("root/group/unit/1").await.unwrap().clean);
    in_state(&root, "root/group/unit/1", ChildState::Running).await;
    assert_eq!(child(&root, "root/group/unit/1").restarts, 1);
    while child(&root, "root/group/unit/1").state != ChildState::Quarantined {
        in_state_or_parked(&root, "root/group/unit/1").await;
        let _ = address.send(Order::Fail("on purpose"), SECOND).await;
        tokio::time::sleep(SECOND).await;
    }
    root.release_at("root/group/unit/1").unwrap();
    in_state(&root, "root/group/unit/1", ChildState::Running).await;
}

/// Waits until the child runs again or is parked.
async fn in_state_or_parked(root: &nightshift_kernel::Supervisor, path: &str) {
    let settled = || matches!(child(root, path).state, ChildState::Running | ChildState::Quarantined);
    until("it runs or is parked", settled).await;
}

#[tokio::test(start_paused = true)]
async fn a_drill_kills_a_part_that_comes_back_and_spares_what_the_plant_cannot_do_without() {
    let root = root();
    root.spawn(spec("heart").essential(true), Doer::new("heart").mold()).unwrap();
    let small = root.supervisor("small", Policy::default()).unwrap();
    let large = root.supervisor("large", Policy::default()).unwrap();
    let doer = Doer::new("a");
    small.spawn(spec("one"), doer.mold()).unwrap();
    for index in 0..50 {
        large.spawn(spec(&format!("unit/{index}")), Doer::new("b").mold()).unwrap();
    }
    until("all run", || root.counts().running == 52).await;
    let random = Random::seeded(5);
    let drawn: Vec<String> = (0..400).filter_map(|_| root.draw(&random, &[])).collect();
    let small_ones = drawn.iter().filter(|path| *path == "root/small/one").count();
    assert_eq!(drawn.len(), 400);
    assert!((120..280).contains(&small_ones), "domains are drawn alike: {small_ones}");
    assert!(!drawn.iter().any(|path| path == "root/heart"));
    assert!((0..100).all(|_| root.draw(&random, &["root/large"]).as_deref() == Some("root/small/one")));

    let mut events = root.events();
    root.kill_at("root/small/one").unwrap();
    event(&mut events, "root/small/one", |kind| matches!(kind, LifecycleKind::Failed { .. })).await;
    assert_eq!(root.draw(&random, &["root/large"]), None, "what does not run is not killed again");
    event(&mut events, "root/small/one", |kind| matches!(kind, LifecycleKind::Started)).await;
    assert_eq!((doer.lives(), doer.traces.notes().len()), (2, 0), "its `stop` did not run");
    for spared in ["root/heart", "root/small", "root/nobody"] {
        assert_eq!(root.kill_at(spared), Err(ControlError::NotFound), "{spared}");
    }
}
