//! Bringing a teller up to date: from the book, or from the journal where the book does not go back far enough.

use nightshift_domain::briefing::{Note, Teller};
use nightshift_store::{StoreError, system};

use super::shared::Shared;

/// Events read from the journal at once.
const PAGE: u32 = 2_000;
/// Most events that are made up for after the plant stood still; of more, the text says that it does not tell all.
const EVENTS_MAX: usize = 500_000;

/// Tells `teller` everything after event `after`, and gives the newest event. `progress` is called between pages.
pub(super) async fn catch_up(
    shared: &Shared,
    after: i64,
    teller: &mut Teller,
    progress: impl Fn(),
) -> Result<i64, StoreError> {
    let mut after = after;
    let mut read = 0;
    loop {
        if let Some(newest) = shared.book.tell(after, teller) {
            return Ok(newest.max(after));
        }
        if read == 0 {
            let (oldest, _) = system::events_bounds(&shared.db).await?;
            if oldest.is_none_or(|oldest| oldest > after + 1) {
                teller.missed();
            }
        }
        let page = system::events_after(&shared.db, after, None, PAGE).await?;
        let Some(last) = page.last() else { return Ok(after) };
        after = last.seq;
        read += page.len();
        page.iter().filter_map(Note::of).for_each(|note| teller.take(&note));
        progress();
        if read >= EVENTS_MAX {
            teller.missed();
            return Ok(shared.book.newest().max(after));
        }
    }
}
