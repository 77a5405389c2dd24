//! The line now, and the production day at a glance.

use nightshift_domain::Timestamp;
use nightshift_domain::alerts::{DELAYED_PERCENT, OpenWork};
use nightshift_domain::production::{
    PlantDate, Process, ProcessLoad, ProcessNumber, bottleneck, cycle_time, percent,
};
use nightshift_store::production::{
    FigureQuery, LotFigureQuery, LotQuery, LotView, RunFigures, SerialFigures, hold_list, lot_figures,
    lot_list, lot_positions, open_by_process, runs_delayed, serial_figures, units_by_position,
};
use nightshift_store::{Page, Slice};

use super::super::Production;
use super::super::error::ProductionError;
use super::{days_back, whole};

/// Days over which cycle times are taken for what happens now.
const RECENT_DAYS: i64 = 7;
/// Lots that the day shows.
const DAY_LOTS: u32 = 10;
/// Delayed runs that are shown.
const DELAYED_MAX: u32 = 50;

/// What a process is doing now.
#[derive(Debug, Clone, PartialEq)]
pub struct Doing {
    /// The process.
    pub process: Process,
    /// Units that wait for it or are in it.
    pub wip: i64,
    /// Its open runs.
    pub running: i64,
    /// When the oldest of them was started.
    pub oldest: Option<Timestamp>,
    /// Mean time of its runs in the last 7 days, seconds.
    pub mean_s: Option<f64>,
}

/// What the line is doing now.
#[derive(Debug, Clone, PartialEq)]
pub struct LineNow {
    /// The active processes, in their order.
    pub processes: Vec<Doing>,
    /// The process that holds the line up.
    pub bottleneck: Option<ProcessNumber>,
}

/// A lot, and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct LotProgress {
    /// The lot.
    pub lot: LotView,
    /// Processes that its units have passed, in percent of those that all its planned units have to pass.
    pub percent: f64,
}

/// A production day.
#[derive(Debug, Clone, PartialEq)]
pub struct DayFigures {
    /// The day.
    pub date: PlantDate,
    /// What became of units on it.
    pub units: SerialFigures,
    /// The newest active lots, at most 10.
    pub lots: Vec<LotProgress>,
    /// The line now.
    pub line: LineNow,
}

/// The line at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct RealtimeFigures {
    /// The instant.
    pub at: Timestamp,
    /// Lots in which units may still be made.
    pub active_lots: i64,
    /// Pieces of equipment on hold.
    pub held: u64,
    /// What the processes are doing.
    pub line: LineNow,
    /// Runs that take too long, the oldest first.
    pub delayed: Vec<OpenWork>,
}

impl Production {
    /// What the line is doing now, and which process holds it up.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn line_now(&self) -> Result<LineNow, ProductionError> {
        let (db, today) = (&self.shared.db, self.today());
        let recent = FigureQuery {
            from: Some(days_back(today, RECENT_DAYS)),
            to: Some(today),
            ..FigureQuery::default()
        };
        let places = units_by_position(db).await?;
        let open = open_by_process(db).await?;
        let mut processes: Vec<Doing> = self
            .process_figures(&recent)
            .await?
            .into_iter()
            .map(|(process, sums)| {
                let open = open.iter().find(|(of, _, _)| *of == process.id);
                let (running, oldest) = open.map_or((0, None), |(_, n, at)| (*n, Some(*at)));
                let cycle = cycle_time(sums.completed(), sums.duration_us, None);
                Doing { process, wip: 0, running, oldest, mean_s: cycle.map(|c| c.mean_s) }
            })
            .collect();
        for (position, units) in places {
            // The next process after the highest that has passed is the one that a unit waits for, or is in.
            if let Some(next) = processes.iter_mut().find(|doing| doing.process.number() > position) {
                next.wip += units;
            }
        }
        let load = |d: &Doing| ProcessLoad { number: d.process.number(), wip: d.wip, mean_s: d.mean_s };
        let loads: Vec<ProcessLoad> = processes.iter().map(load).collect();
        Ok(LineNow { processes, bottleneck: bottleneck(&loads) })
    }

    /// What every process is doing now, with how its runs of today went.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn line_today(&self) -> Result<(LineNow, Vec<RunFigures>), ProductionError> {
        let today = self.of_today();
        let (now, sums) = futures::try_join!(self.line_now(), self.process_figures(&today))?;
        let of = |doing: &Doing| {
            let found = sums.iter().find(|(process, _)| process.id == doing.process.id);
            found.map(|(_, sums)| *sums).unwrap_or_default()
        };
        let runs = now.processes.iter().map(of).collect();
        Ok((now, runs))
    }

    fn of_today(&self) -> FigureQuery {
        let today = Some(self.today());
        FigureQuery { from: today, to: today, ..FigureQuery::default() }
    }

    /// The production day: units, active lots, work in progress.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn day_figures(&self) -> Result<DayFigures, ProductionError> {
        let units = whole(serial_figures(&self.shared.db, &self.of_today(), &[]).await?);
        let line = self.line_now().await?;
        let active = LotQuery { open_only: true, ..LotQuery::default() };
        let lots = lot_list(&self.shared.db, &active, Slice::first(DAY_LOTS)).await?;
        let lots = self.progress(lots.items, &line).await?;
        Ok(DayFigures { date: self.today(), units, lots, line })
    }

    /// Lots and how far they are, the newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lots_progress(&self, slice: Slice) -> Result<Page<LotProgress>, ProductionError> {
        let found = lot_list(&self.shared.db, &LotQuery::default(), slice).await?;
        let line = self.line_now().await?;
        Ok(Page { items: self.progress(found.items, &line).await?, total: found.total })
    }

    async fn progress(
        &self,
        lots: Vec<LotView>,
        line: &LineNow,
    ) -> Result<Vec<LotProgress>, ProductionError> {
        let ids: Vec<_> = lots.iter().map(|view| view.lot.id).collect();
        let positions = lot_positions(&self.shared.db, &ids).await?;
        let steps = &line.processes;
        let behind =
            |position| steps.iter().filter(|doing| doing.process.number() <= position).count() as i64;
        let of = |lot: LotView| {
            let units = positions.get(&lot.lot.id).map(Vec::as_slice).unwrap_or_default();
            let done: i64 = units.iter().map(|(position, n)| behind(*position) * n).sum();
            let all = i64::from(lot.lot.target_quantity) * steps.len() as i64;
            LotProgress { percent: percent(done, all).unwrap_or(0.0), lot }
        };
        Ok(lots.into_iter().map(of).collect())
    }

    /// The line now: work in progress, open and delayed runs, holds.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn realtime(&self) -> Result<RealtimeFigures, ProductionError> {
        let (db, at) = (&self.shared.db, self.shared.now());
        let line = self.line_now().await?;
        let lots = lot_figures(db, &LotFigureQuery::default()).await?;
        let held = hold_list(db, None, true, Slice::first(1)).await?.total;
        let delayed = runs_delayed(db, DELAYED_PERCENT, at, DELAYED_MAX).await?;
        Ok(RealtimeFigures { at, active_lots: lots.open, held, line, delayed })
    }
}
