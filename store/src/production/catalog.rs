//! What the catalogues share: how a change that cannot be is told.

use crate::StoreError;

/// Nobody else has the code.
pub(super) fn free(others: &[(i64,)], what: impl FnOnce() -> String) -> Result<(), StoreError> {
    if others.is_empty() { Ok(()) } else { Err(StoreError::Conflict { what: what() }) }
}

/// The change found its row.
pub(super) fn present(changed: u64, what: impl FnOnce() -> String) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::Missing { what: what() }) } else { Ok(()) }
}

/// Nothing refers to the row: `used` holds the name of what does.
pub(super) fn unused(used: Vec<(Option<String>,)>, what: impl FnOnce() -> String) -> Result<(), StoreError> {
    match used.into_iter().next() {
        Some((Some(by),)) => Err(StoreError::InUse { what: what(), by }),
        _ => Ok(()),
    }
}

/// The first row, as what it stands for.
pub(super) fn first<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>) -> Result<Option<T>, StoreError> {
    rows.into_iter().next().map(T::try_from).transpose()
}

/// All rows, as what they stand for.
pub(super) fn all<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(T::try_from).collect()
}
