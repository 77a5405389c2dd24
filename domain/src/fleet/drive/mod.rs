//! Driving on a map: how simulated vehicles move, flee and chase, and how well a roadblock does against plain chasing.
//!
//! Pure: time is a parameter and chance comes from a seed, so the same chase ends the same way every time.

mod driver;
mod evade;
mod trial;

pub use driver::{Driver, Ways};
pub use evade::{CAPTURE_M, evade, has_escaped, pursue};
pub use trial::{Ended, Ending, Strategy, Trial};
