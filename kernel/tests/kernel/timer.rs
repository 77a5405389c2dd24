//! Messages that an actor sends itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nightshift_kernel::{Actor, ChildSpec, Context, Fault, Mailbox, TIMERS_PER_ACTOR_MAX};

use crate::support::{SECOND, root, until};

enum Tick {
    Regular,
    Late(usize),
    Overload,
    Crash,
}

struct Ticker {
    life: usize,
    ticks: Arc<AtomicUsize>,
    late: Arc<AtomicUsize>,
    slow: Duration,
}

impl Actor for Ticker {
    type Message = Tick;

    async fn start(&mut self, ctx: &Context<Tick>) -> Result<(), Fault> {
        let life = self.life;
        ctx.send_every(SECOND, || Tick::Regular)?;
        ctx.send_after(90 * SECOND, Tick::Late(life))
    }

    async fn handle(&mut self, ctx: &Context<Tick>, tick: Tick) -> Result<(), Fault> {
        match tick {
            Tick::Regular => {
                self.ticks.fetch_add(1, Ordering::SeqCst);
                ctx.clock().sleep(self.slow).await;
            }
            Tick::Late(life) => self.late.store(life, Ordering::SeqCst),
            Tick::Overload => {
                for _ in 0..=TIMERS_PER_ACTOR_MAX {
                    ctx.send_after(SECOND, Tick::Regular)?;
                }
            }
            Tick::Crash => return Err(Fault::new("on purpose")),
        }
        Ok(())
    }
}

struct Bench {
    ticks: Arc<AtomicUsize>,
    late: Arc<AtomicUsize>,
    lives: Arc<AtomicUsize>,
}

fn ticker(slow: Duration) -> (Bench, impl Fn() -> Ticker + Send + Sync + 'static) {
    let bench = Bench { ticks: Arc::default(), late: Arc::default(), lives: Arc::default() };
    let (ticks, late, lives) = (bench.ticks.clone(), bench.late.clone(), bench.lives.clone());
    let mold = move || Ticker {
        life: lives.fetch_add(1, Ordering::SeqCst) + 1,
        ticks: ticks.clone(),
        late: late.clone(),
        slow,
    };
    (bench, mold)
}

#[tokio::test(start_paused = true)]
async fn a_regular_tick_comes_every_period() {
    let (root, (bench, mold)) = (root(), ticker(Duration::ZERO));
    root.spawn(ChildSpec::new("t"), mold).unwrap();
    tokio::time::sleep(10 * SECOND + SECOND / 2).await;
    assert_eq!(bench.ticks.load(Ordering::SeqCst), 10);
}

#[tokio::test(start_paused = true)]
async fn ticks_of_a_slow_actor_do_not_pile_up() {
    let (root, (bench, mold)) = (root(), ticker(9 * SECOND));
    let address = root.spawn(ChildSpec::new("t").mailbox(Mailbox::reject(4)), mold).unwrap();
    tokio::time::sleep(100 * SECOND + SECOND / 2).await;
    assert_eq!(bench.ticks.load(Ordering::SeqCst), 10, "one second of pause, nine of work");
    assert!(address.high_water() <= 2);
}

#[tokio::test(start_paused = true)]
async fn timers_end_with_their_life() {
    let (root, (bench, mold)) = (root(), ticker(Duration::ZERO));
    let address = root.spawn(ChildSpec::new("t"), mold).unwrap();
    tokio::time::sleep(30 * SECOND).await;
    address.send(Tick::Crash, SECOND).await.unwrap();
    until("it lives again", || bench.lives.load(Ordering::SeqCst) == 2).await;
    tokio::time::sleep(70 * SECOND).await;
    assert_eq!(bench.late.load(Ordering::SeqCst), 0, "the timer of the first life is gone");
    until("that of the second comes", || bench.late.load(Ordering::SeqCst) == 2).await;
    root.remove("t", SECOND).await.unwrap();
    let ticks = bench.ticks.load(Ordering::SeqCst);
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(bench.ticks.load(Ordering::SeqCst), ticks);
}

#[tokio::test(start_paused = true)]
async fn an_actor_has_a_limited_number_of_timers() {
    let (root, (_bench, mold)) = (root(), ticker(Duration::ZERO));
    let address = root.spawn(ChildSpec::new("t"), mold).unwrap();
    address.send(Tick::Overload, SECOND).await.unwrap();
    until("it is a failure", || {
        root.tree_page("root/t", 0).unwrap().last_fault.is_some_and(|fault| fault.reason == "too many timers")
    })
    .await;
}
