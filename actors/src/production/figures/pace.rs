//! How fast the work is: cycle times, effectiveness, workers, days.

use std::collections::{BTreeMap, HashMap};

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    Equipment, EquipmentId, Hold, HoldState, Oee, OeeFacts, OperatorId, PlantDate, Process, ProcessId, oee,
};
use nightshift_domain::time::US_PER_S;
use nightshift_store::Slice;
use nightshift_store::production::{
    Dimension, FigureQuery, RunFigures, SerialFigures, durations_recent, equipment_find, hold_list,
    run_figures, serial_figures,
};

use super::super::Production;
use super::super::error::ProductionError;
use super::Trend;

/// Newest runs of a process whose times percentiles are taken of.
const RECENT_RUNS: u32 = 1_000;
/// Holds of a piece of equipment that are looked at.
const HOLDS_MAX: u32 = 1_000;

/// Overall equipment effectiveness of a piece of equipment.
#[derive(Debug, Clone, PartialEq)]
pub struct EquipmentOee {
    /// It.
    pub equipment: Equipment,
    /// How effective it is.
    pub oee: Oee,
}

/// Times of a process.
#[derive(Debug, Clone, PartialEq)]
pub struct CycleTimes {
    /// The process.
    pub process: Process,
    /// Its runs in the span.
    pub runs: RunFigures,
    /// Half of its newest runs took no longer, microseconds.
    pub recent_p50_us: Option<i64>,
    /// 95 of 100 of its newest runs took no longer, microseconds.
    pub recent_p95_us: Option<i64>,
}

/// The percentile of sorted values, by nearest rank: the smallest that `percent` of them do not exceed.
fn nearest_rank(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

impl Production {
    /// How the runs of every worker went.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn operator_figures(
        &self,
        query: &FigureQuery,
    ) -> Result<Vec<(OperatorId, RunFigures)>, ProductionError> {
        let sums = run_figures(&self.shared.db, query, &[Dimension::Operator]).await?;
        Ok(sums.into_iter().filter_map(|(key, sums)| Some((key.operator_id?, sums))).collect())
    }

    /// What became of units on every day of a trend.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn unit_days(&self, trend: &Trend) -> Result<Vec<(PlantDate, SerialFigures)>, ProductionError> {
        let rows = serial_figures(&self.shared.db, &trend.query, &[Dimension::Day]).await?;
        let days: BTreeMap<String, SerialFigures> =
            rows.into_iter().filter_map(|(key, sums)| Some((key.day?, sums))).collect();
        let of = |date: &PlantDate| (*date, days.get(&date.to_string()).copied().unwrap_or_default());
        Ok(trend.days.iter().map(of).collect())
    }

    /// Times of every process: sums of the span, percentiles of the newest runs.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn cycle_times(&self, query: &FigureQuery) -> Result<Vec<CycleTimes>, ProductionError> {
        let mut all = Vec::new();
        for (process, runs) in self.process_figures(query).await? {
            let mut recent_us = durations_recent(&self.shared.db, process.id, RECENT_RUNS).await?;
            recent_us.sort_unstable();
            let (recent_p50_us, recent_p95_us) = (nearest_rank(&recent_us, 50), nearest_rank(&recent_us, 95));
            all.push(CycleTimes { process, runs, recent_p50_us, recent_p95_us });
        }
        Ok(all)
    }

    /// Overall equipment effectiveness, of the equipment for which there is one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn effectiveness(&self, query: &FigureQuery) -> Result<Vec<EquipmentOee>, ProductionError> {
        let by = [Dimension::Process, Dimension::Equipment];
        let rows = run_figures(&self.shared.db, query, &by).await?;
        let planned: HashMap<ProcessId, i64> = self
            .active_processes()
            .iter()
            .filter_map(|p| Some((p.id, p.spec.estimated_duration_seconds? * US_PER_S)))
            .collect();
        let mut by_equipment: BTreeMap<EquipmentId, Vec<(i64, RunFigures)>> = BTreeMap::new();
        for (key, sums) in rows {
            let ideal_us = key.process_id.and_then(|id| planned.get(&id)).copied();
            if let (Some(id), Some(ideal_us)) = (key.equipment_id, ideal_us) {
                by_equipment.entry(id).or_default().push((ideal_us, sums));
            }
        }
        let mut all = Vec::new();
        for (id, work) in by_equipment {
            let Some(equipment) = equipment_find(&self.shared.db, id).await? else { continue };
            let (began, ended) = self.planned_time(query, &equipment);
            let completed: i64 = work.iter().map(|(_, sums)| sums.completed()).sum();
            let facts = OeeFacts {
                planned_us: ended.us_since(began),
                held_us: self.held(id, began, ended).await?,
                completed,
                good: work.iter().map(|(_, sums)| sums.first_passed).sum(),
                // Of equipment that serves several processes: the mean planned time of its runs.
                ideal_us: work.iter().map(|(us, sums)| us * sums.completed()).sum::<i64>() / completed.max(1),
            };
            all.extend(oee(&facts).map(|oee| EquipmentOee { equipment, oee }));
        }
        Ok(all)
    }

    /// From the first shift of the span to the last, as far as they are over; from the registration on.
    fn planned_time(&self, query: &FigureQuery, equipment: &Equipment) -> (Timestamp, Timestamp) {
        let calendar = self.calendar();
        let first = query.from.map(|day| calendar.production_day(day).start);
        let last = calendar.production_day(query.to.unwrap_or_else(|| self.today())).end;
        let began = first.unwrap_or(equipment.created_at).max(equipment.created_at);
        (began, last.min(self.shared.now()).max(began))
    }

    /// Microseconds for which a piece of equipment was held between two instants.
    async fn held(
        &self,
        id: EquipmentId,
        began: Timestamp,
        ended: Timestamp,
    ) -> Result<i64, ProductionError> {
        let holds = hold_list(&self.shared.db, Some(id), false, Slice::first(HOLDS_MAX)).await?;
        let within = |hold: Hold| {
            let until = match hold.state {
                HoldState::Active => ended,
                HoldState::Released { at, .. } => at.min(ended),
            };
            until.us_since(hold.since.max(began)).max(0)
        };
        Ok(holds.items.into_iter().map(within).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_there_were() {
        let values: Vec<i64> = (1..=20).collect();
        assert_eq!((nearest_rank(&values, 50), nearest_rank(&values, 95)), (Some(10), Some(19)));
        assert_eq!(
            (nearest_rank(&[7], 50), nearest_rank(&[7], 95), nearest_rank(&[], 50)),
            (Some(7), Some(7), None)
        );
    }
}
