//! `/api/v1/analytics/…`: what the plant's work comes to. `docs/production.md` gives each formula.

pub(crate) mod now;
pub(crate) mod pace;
pub(crate) mod quality;
