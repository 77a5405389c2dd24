//! How much many idle actors cost: `cargo run -p nightshift-kernel --example many -- 100000`.
//!
//! Prints the time to spawn and start them all, resident memory per actor, the time for one message to each,
//! and the time of an ordered stop.

use std::error::Error;
use std::time::Duration;

use nightshift_kernel::{
    Actor, ChildSpec, Clock, Context, Fault, Policy, Reply, Runtime, StopOrder, Supervisor,
};

const ACTORS_DEFAULT: usize = 100_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps a little state, as a small actor does.
struct Idle {
    seen: u64,
}

impl Actor for Idle {
    type Message = Reply<u64>;

    async fn handle(&mut self, _: &Context<Self::Message>, reply: Reply<u64>) -> Result<(), Fault> {
        self.seen += 1;
        reply.send(self.seen);
        Ok(())
    }
}

/// Resident memory in kB, where the system tells it.
fn resident_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "its output is its purpose")]
async fn main() -> Result<(), Box<dyn Error>> {
    let actors = std::env::args().nth(1).map_or(Ok(ACTORS_DEFAULT), |count| count.parse())?;
    let clock = Clock::system();
    let root = Supervisor::root("root", Runtime::system())?;
    let policy = Policy { stop_order: StopOrder::Together, children_max: actors, ..Policy::default() };
    let group = root.supervisor("group", policy)?;
    let before_kb = resident_kb();

    let began = clock.monotonic();
    let mut addresses = Vec::with_capacity(actors);
    for index in 0..actors {
        addresses.push(group.spawn(ChildSpec::new(format!("unit/{index}")), || Idle { seen: 0 })?);
    }
    println!("spawn: {actors} actors in {:?}", clock.monotonic() - began);
    while group.counts().running < actors {
        clock.sleep(Duration::from_millis(5)).await;
    }
    println!("all running after {:?}", clock.monotonic() - began);
    if let (Some(before_kb), Some(after_kb)) = (before_kb, resident_kb()) {
        let bytes = after_kb.saturating_sub(before_kb) * 1_024;
        println!("memory: {} bytes per actor", bytes / u64::try_from(actors.max(1))?);
    }

    let began = clock.monotonic();
    for address in &addresses {
        address.ask(|reply| reply, PATIENCE).await?;
    }
    println!("one question to each: {:?}", clock.monotonic() - began);
    if let (Some(before_kb), Some(after_kb)) = (before_kb, resident_kb()) {
        let bytes = after_kb.saturating_sub(before_kb) * 1_024;
        println!("memory after: {} bytes per actor", bytes / u64::try_from(actors.max(1))?);
    }
    let began = clock.monotonic();
    let page = root.tree_page("root/group", 50).map_or(0, |page| page.children.len());
    println!("a page of {page}: {:?}", clock.monotonic() - began);
    let began = clock.monotonic();
    let report = root.shutdown(PATIENCE).await;
    println!("ordered stop: {:?}, clean: {}", clock.monotonic() - began, report.clean);
    Ok(())
}
