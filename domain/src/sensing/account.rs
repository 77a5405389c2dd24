//! The account of readings: whatever was offered was stored, or it says why not.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// How many readings were offered and what became of each. `offered = stored + duplicate + late + rejected`, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    /// Readings that arrived in well-formed requests.
    pub offered: i64,
    /// Readings that are durable now.
    pub stored: i64,
    /// Readings that were stored before, with the same time and value.
    pub duplicate: i64,
    /// Readings older than the sensor's retention horizon.
    pub late: i64,
    /// Readings that were refused, each with a reason.
    pub rejected: i64,
}

/// The account does not balance: readings were lost or counted twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account of readings does not balance: {unaccounted} of {offered} offered are unaccounted for")]
pub struct AccountError {
    /// Readings offered.
    pub offered: i64,
    /// Readings offered without an outcome; negative when outcomes exceed offers.
    pub unaccounted: i64,
}

impl Account {
    /// Readings offered without an outcome. Anything but 0 is a defect.
    #[must_use]
    pub fn unaccounted(&self) -> i64 {
        self.offered - self.stored - self.duplicate - self.late - self.rejected
    }

    /// Checks the balance, also against `kept` rows and `expired` ones that retention took away.
    ///
    /// # Errors
    /// When the outcomes do not add up, or the store does not hold what was counted as stored.
    pub fn check(&self, kept: i64, expired: i64) -> Result<(), AccountError> {
        let unaccounted = self.unaccounted() + (self.stored - kept - expired);
        if unaccounted == 0 && self.unaccounted() == 0 {
            Ok(())
        } else {
            Err(AccountError { offered: self.offered, unaccounted })
        }
    }
}

impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.offered += other.offered;
        self.stored += other.stored;
        self.duplicate += other.duplicate;
        self.late += other.late;
        self.rejected += other.rejected;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_row_and_a_lost_count_both_show() {
        let account = Account { offered: 10, stored: 6, duplicate: 2, late: 1, rejected: 1 };
        assert_eq!(account.check(4, 2), Ok(()));
        assert_eq!(account.check(4, 1).expect_err("a row is gone").unaccounted, 1);
        let lost = Account { offered: 11, ..account };
        assert_eq!(lost.check(4, 2).expect_err("one has no outcome").unaccounted, 1);
    }
}
