//! `/api/v1/serials…`: the units of lots.

pub(crate) mod read;
pub(crate) mod write;
