//! `/api/v1/lots…`: up to a hundred units of one model, made together.

pub(crate) mod read;
pub(crate) mod write;
