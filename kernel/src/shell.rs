//! The ractor actor around ours: it makes the actor in its own task, boxes its futures so that an idle actor
//! stays small, and keeps the pulse.

use std::marker::PhantomData;
use std::sync::Arc;

use futures::FutureExt;
use ractor::{ActorCell, ActorProcessingErr, ActorRef, SpawnErr};

use crate::actor::{Actor, Context};
use crate::child::{Being, Child};
use crate::fault::Fault;
use crate::port::{Envelope, Incarnation, Port, Vacancy};
use crate::pulse::{Busy, Pulse};
use crate::tree::MailboxView;

type Make<A> = Arc<dyn Fn() -> A + Send + Sync>;

/// Makes the lives of one child.
pub(crate) struct Mold<A: Actor> {
    port: Arc<Port<A::Message>>,
    make: Make<A>,
}

impl<A: Actor> Mold<A> {
    pub(crate) fn new(port: Arc<Port<A::Message>>, make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self { port, make: Arc::new(make) }
    }
}

impl<A: Actor> Being for Mold<A> {
    fn spawn(&self, child: &Arc<Child>, number: u32, warden: &ActorCell) -> Result<ActorCell, SpawnErr> {
        let incarnation = Incarnation::new(&self.port.mailbox);
        let pulse = Pulse::new(child.id, number, child.rules.budget);
        let body = Box::new(Body {
            actor: None,
            make: Arc::clone(&self.make),
            ctx: Context::new(Arc::clone(&self.port), Arc::clone(&incarnation), pulse),
            child: Arc::clone(child),
        });
        let shell = Shell::<A>(PhantomData);
        let actor = at_once(ractor::Actor::spawn_linked(None, shell, body, warden.clone()))?;
        let cell = actor.get_cell();
        self.port.occupy(incarnation, actor);
        Ok(cell)
    }

    fn vacate(&self, vacancy: Vacancy, drain: bool) {
        self.port.vacate(vacancy, drain);
    }

    fn mailbox(&self) -> MailboxView {
        MailboxView {
            depth: self.port.depth(),
            high_water: self.port.high_water(),
            capacity: self.port.mailbox.capacity,
        }
    }
}

/// Runs a ractor spawn whose `pre_start` never waits, so that spawning needs no task and no await.
pub(crate) fn at_once<M, J>(
    spawn: impl Future<Output = Result<(ActorRef<M>, J), SpawnErr>>,
) -> Result<ActorRef<M>, SpawnErr> {
    let Some(spawned) = tokio::task::unconstrained(spawn).now_or_never() else {
        return Err(SpawnErr::StartupFailed("spawning had to wait".into()));
    };
    spawned.map(|(actor, _)| actor)
}

struct Shell<A>(PhantomData<fn() -> A>);

struct Body<A: Actor> {
    /// Made when the life begins, dropped in the actor's own task when it ends in order.
    actor: Option<A>,
    make: Make<A>,
    ctx: Context<A::Message>,
    child: Arc<Child>,
}

fn busy<M: Send + 'static>(ctx: &Context<M>) -> Busy<'_> {
    let home = &ctx.port.home;
    home.ward.watch(&ctx.pulse, home.runtime.clock(), &home.wake)
}

fn failure(fault: Fault) -> ActorProcessingErr {
    ActorProcessingErr::from(fault.reason().to_owned())
}

impl<A: Actor> ractor::Actor for Shell<A> {
    type Msg = Envelope<A::Message>;
    type State = Box<Body<A>>;
    type Arguments = Box<Body<A>>;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        body: Box<Body<A>>,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(body)
    }

    async fn post_start(
        &self,
        _: ActorRef<Self::Msg>,
        body: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let running = busy(&body.ctx);
        let mut actor = (body.make)();
        Box::pin(actor.start(&body.ctx)).await.map_err(failure)?;
        drop(running);
        body.actor = Some(actor);
        body.child.started(body.ctx.pulse.incarnation, &body.ctx.port.home);
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        body: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Body { actor, ctx, .. } = &mut **body;
        let (Some(actor), Some((message, done))) = (actor, ctx.incarnation.open(envelope)) else {
            return Ok(());
        };
        let running = busy(ctx);
        let outcome = Box::pin(actor.handle(ctx, message)).await;
        drop(running);
        drop(done);
        outcome.map_err(failure)
    }

    async fn post_stop(
        &self,
        _: ActorRef<Self::Msg>,
        body: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Body { actor, ctx, .. } = &mut **body;
        let running = busy(ctx);
        if let Some(actor) = actor.as_mut() {
            Box::pin(actor.stop(ctx)).await;
        }
        // Dropped here: the body travels to the supervisor, which must not run a child's code.
        drop(actor.take());
        drop(running);
        Ok(())
    }
}
