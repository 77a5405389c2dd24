//! Figures: sums that the store keeps per day, put together with what the line is. Formulas are the domain's; here is
//! only which sums go into which of them.

mod now;
mod pace;
mod quality;

use nightshift_domain::production::{PlantDate, Process};
use nightshift_store::production::{
    Dimension, FigureKey, FigureQuery, LotFigureQuery, RunFigures, run_figures,
};

pub use now::{DayFigures, Doing, LineNow, LotProgress, RealtimeFigures};
pub use pace::{CycleTimes, EquipmentOee};
pub use quality::{ComponentDefects, DefectBars, MeasuredCapability, ProcessYield, QualityFigures};

use super::Production;
use super::error::ProductionError;

/// Days of a trend when nobody says how many.
const TREND_DAYS: i64 = 30;
/// Most days of a trend.
pub const TREND_DAYS_MAX: usize = 731;

/// The days of a trend, both ends included: at most [`TREND_DAYS_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    /// What it is of.
    query: FigureQuery,
    days: Vec<PlantDate>,
}

impl Trend {
    /// The days of `query`; without both ends the last 30 until its end, or until `today`. `None` when they are too many.
    #[must_use]
    pub fn of(query: FigureQuery, today: PlantDate) -> Option<Self> {
        let to = query.to.unwrap_or(today);
        let from = query.from.unwrap_or_else(|| days_back(to, TREND_DAYS));
        let next = |day: &PlantDate| day.tomorrow().ok();
        let days: Vec<PlantDate> = std::iter::successors(Some(from), next)
            .take_while(|day| *day <= to)
            .take(TREND_DAYS_MAX + 1)
            .collect();
        let query = FigureQuery { from: Some(from), to: Some(to), ..query };
        (days.len() <= TREND_DAYS_MAX).then_some(Self { query, days })
    }
}

/// The first of the last `days` days, `today` being the last.
fn days_back(today: PlantDate, days: i64) -> PlantDate {
    (1..days).fold(today, |day, _| day.yesterday().unwrap_or(day))
}

/// The one row of sums that were asked for without a dimension.
fn whole<T: Default>(rows: Vec<(FigureKey, T)>) -> T {
    rows.into_iter().next().map(|(_, sums)| sums).unwrap_or_default()
}

/// The same span, model and line, of lots.
fn lots_of(query: &FigureQuery) -> LotFigureQuery {
    LotFigureQuery {
        from: query.from,
        to: query.to,
        product_model_id: query.product_model_id,
        production_line_id: query.production_line_id,
    }
}

impl Production {
    /// The production day that it is.
    #[must_use]
    pub fn today(&self) -> PlantDate {
        self.calendar().production_date(self.shared.now())
    }

    /// The active processes, in the order of the line.
    fn active_processes(&self) -> Vec<Process> {
        self.shared.line_up().active().map(|step| step.process.clone()).collect()
    }

    /// How the runs of every active process that `query` is about went, in the order of the line.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn process_figures(
        &self,
        query: &FigureQuery,
    ) -> Result<Vec<(Process, RunFigures)>, ProductionError> {
        let sums = run_figures(&self.shared.db, query, &[Dimension::Process]).await?;
        let of = |process: Process| {
            let found = sums.iter().find(|(key, _)| key.process_id == Some(process.id));
            let sums = found.map(|(_, sums)| *sums).unwrap_or_default();
            (process, sums)
        };
        let wanted = |process: &Process| query.process_id.is_none_or(|id| id == process.id);
        Ok(self.active_processes().into_iter().filter(wanted).map(of).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_has_both_its_ends_and_a_limit() {
        let day = |text: &str| text.parse::<PlantDate>().expect("a date");
        let today = day("2025-11-10");
        let days = |from: Option<&str>, to: Option<&str>| {
            let query = FigureQuery { from: from.map(day), to: to.map(day), ..FigureQuery::default() };
            Trend::of(query, today).map(|trend| {
                let last = trend.days.last().expect("days").to_string();
                (trend.days.len(), trend.days[0].to_string(), last)
            })
        };
        let whole = |n, from: &str, to: &str| Some((n, from.to_owned(), to.to_owned()));
        assert_eq!(days(None, None), whole(30, "2025-10-12", "2025-11-10"));
        assert_eq!(days(None, Some("2025-03-01")), whole(30, "2025-01-31", "2025-03-01"));
        assert_eq!(days(Some("2025-11-10"), None), whole(1, "2025-11-10", "2025-11-10"));
        assert_eq!(days(Some("2023-11-11"), None), whole(731, "2023-11-11", "2025-11-10"));
        assert_eq!(days(Some("2023-11-10"), None), None);
    }
}
