//! Walks through what the domains have stored and looks whether it adds up, a page of each at a time.

use nightshift_store::system::{Astray, completions_astray, print_jobs_astray, records_astray, texts_astray};
use nightshift_store::{Db, StoreError};

use super::Ledger;

/// Things of each domain that are looked through in one round.
const PAGE: u32 = 200;

/// How far the walk through one domain has come.
#[derive(Debug, Default, Clone, Copy)]
struct Walk {
    after: i64,
    /// Found since the walk began.
    found: i64,
    /// Found by the walk before: what is wrong stays told until a whole walk finds nothing.
    before: i64,
}

impl Walk {
    /// Takes a page; what is known to be missing now.
    fn take(&mut self, page: Astray) -> i64 {
        self.found += page.count;
        match page.last {
            Some(last) => self.after = last,
            None => *self = Self { after: 0, found: 0, before: self.found },
        }
        self.found.max(self.before)
    }
}

/// The walks through all domains.
#[derive(Debug, Default)]
pub(super) struct Walks {
    completions: Walk,
    print_jobs: Walk,
    texts: Walk,
    records: Walk,
}

impl Walks {
    /// Looks through the next page of each domain and tells the ledger.
    pub(super) async fn go_on(&mut self, db: &Db, ledger: &Ledger) -> Result<(), StoreError> {
        let page = completions_astray(db, self.completions.after, PAGE).await?;
        tell(ledger, "production", page, self.completions.take(page));
        let page = print_jobs_astray(db, self.print_jobs.after, PAGE).await?;
        tell(ledger, "labels", page, self.print_jobs.take(page));
        let page = texts_astray(db, self.texts.after, PAGE).await?;
        tell(ledger, "briefing", page, self.texts.take(page));
        let page = records_astray(db, self.records.after, PAGE).await?;
        tell(ledger, "diagnosis", page, self.records.take(page));
        Ok(())
    }
}

fn tell(ledger: &Ledger, domain: &'static str, page: Astray, known: i64) {
    if page.count != 0 {
        tracing::error!(domain, count = page.count, up_to_id = page.last, "what is stored does not add up");
    }
    ledger.set(domain, known);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_stays_told_until_a_whole_walk_finds_nothing() {
        let mut walk = Walk::default();
        let page = |last: i64, count: i64| Astray { last: Some(last), count };
        let end = Astray { last: None, count: 0 };
        assert_eq!(walk.take(page(200, 0)), 0);
        assert_eq!(walk.take(page(400, 3)), 3);
        assert_eq!(walk.take(end), 3);
        assert_eq!((walk.after, walk.take(page(200, 0))), (0, 3));
        assert_eq!(walk.take(page(400, 0)), 3);
        assert_eq!(walk.take(end), 0);
    }
}
