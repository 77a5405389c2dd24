//! Briefing: the plant tells people how it is.
//!
//! Events become [`Note`]s; a [`Teller`] folds them into a [`Digest`] and what holds ([`Standing`]), and [`compose`] makes a
//! note of it in the reader's [`Style`]. Every number leaves its [`Evidence`].

mod binding;
mod compose;
mod custom;
mod daily;
mod delivery;
mod digest;
mod korean;
mod name;
mod note;
mod observation;
mod request;
mod standing;
mod tally;
mod teller;
mod watched;
mod wording;

pub use compose::{Brief, Composition, SUMMARY_LINES, compose, summarise};
pub use custom::{Custom, Language, Length, Style, Tone, WISH_CHARS_MAX, WISHES_MAX};
pub use daily::{DailyTime, Day, NoTimeOfDay};
pub use delivery::{Channel, DeliveryState, Settled, TRIES_MAX, signature};
pub use digest::{Digest, Figures};
pub use name::Name;
pub use note::{Note, What};
pub use observation::{OBSERVED_KIND, Observation};
pub use request::{
    AlreadyEnded, AskerId, AskerName, EndReason, EndTime, INTERVAL_S_MAX, Interval, NewRequest, Request,
    RequestError, RequestId, RequestState,
};
pub use standing::Standing;
pub use tally::{Evidence, Tally};
pub use teller::{Carry, Teller};
pub use watched::{WATCHED_FOR, Watch, Watched};
pub use wording::{Prompt, WordingFault};
