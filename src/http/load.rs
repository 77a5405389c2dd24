//! How much is done at once: places for requests at work, and room for bodies that are still arriving.
//!
//! A request gives up its place while it waits for its body: clients that send half a body hold nothing that others need
//! but their share of the room, and that only for the time a body may take.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::App;
use super::problem::Problem;

/// What the room is counted in, bytes.
const BLOCK_BYTES: usize = 1_024;

/// What there is of both.
pub(crate) struct Capacity {
    places: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

impl Capacity {
    /// Places for `requests_max` requests, and room for `bodies_bytes_max` bytes.
    pub(crate) fn new(requests_max: usize, bodies_bytes_max: usize) -> Self {
        let room = bodies_bytes_max.div_ceil(BLOCK_BYTES);
        Self { places: Arc::new(Semaphore::new(requests_max)), room: Arc::new(Semaphore::new(room)) }
    }

    fn take(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let (places, room) = (Arc::clone(&self.places), Arc::clone(&self.room));
        Some(Place(Arc::new(Taken { places, room, permit: Mutex::new(Some(permit)) })))
    }

    /// Places that are free now.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.places.available_permits()
    }
}

/// A request's place among those at work. It is given back when the request has been answered.
#[derive(Clone)]
pub(crate) struct Place(Arc<Taken>);

struct Taken {
    places: Arc<Semaphore>,
    room: Arc<Semaphore>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Place {
    /// Lets others have it while this request waits for its client.
    pub(crate) fn leave(&self) {
        self.set(None);
    }

    /// Takes one again; refused when there is none.
    pub(crate) fn retake(&self) -> Result<(), Problem> {
        let permit = Arc::clone(&self.0.places).try_acquire_owned().map_err(|_| Problem::overloaded(1))?;
        self.set(Some(permit));
        Ok(())
    }

    /// What its body takes of the room, nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share { room: Arc::clone(&self.0.room), held: None, bytes: 0 }
    }

    fn set(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.0.permit.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}

/// Answers 503 instead of queueing once enough requests are being handled. Health, metrics and the tree are not behind
/// it: people must be able to look at an overloaded plant.
pub(crate) async fn shed_load(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let Some(place) = app.capacity.take() else { return Problem::overloaded(1).into_response() };
    request.extensions_mut().insert(place.clone());
    let response = next.run(request).await;
    drop(place);
    response
}

/// A body's share of the room, given back when it has come or is given up.
pub(crate) struct Share {
    room: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Share {
    /// Takes room for `more` bytes; refused when there is none.
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), Problem> {
        let held = self.bytes.div_ceil(BLOCK_BYTES);
        self.bytes += more;
        let blocks = u32::try_from(self.bytes.div_ceil(BLOCK_BYTES) - held).unwrap_or(u32::MAX);
        if blocks == 0 {
            return Ok(());
        }
        let permit = Arc::clone(&self.room).try_acquire_many_owned(blocks);
        let permit = permit.map_err(|_| Problem::overloaded(1))?;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_left_is_free_and_can_be_taken_again() {
        let capacity = Capacity::new(1, 1);
        let one = capacity.take().expect("free");
        assert!(capacity.take().is_none());
        one.leave();
        let other = capacity.take().expect("left");
        assert!(one.retake().is_err(), "taken by the other");
        drop(other);
        one.retake().expect("free again");
        drop(one);
        assert_eq!(capacity.free(), 1);
    }

    #[test]
    fn room_is_taken_as_bytes_come() {
        let capacity = Capacity::new(1, 4 * BLOCK_BYTES);
        let place = capacity.take().expect("free");
        let (mut one, mut other) = (place.share(), place.share());
        one.grow(1).expect("room");
        one.grow(BLOCK_BYTES - 1).expect("the same block");
        one.grow(BLOCK_BYTES * 2).expect("room");
        assert_eq!(capacity.room.available_permits(), 1);
        assert!(other.grow(BLOCK_BYTES + 1).is_err());
        drop(one);
        place.share().grow(4 * BLOCK_BYTES).expect("all of it");
    }
}
