//! Figures per day, written: what is there is added to.

use std::sync::LazyLock;

use super::tally::Tally;
use crate::dialect::{Ladder, LazyLadder};
use crate::{StoreError, Tx};

static RUN_DAY: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO run_day (day, process_id, product_model_id, production_line_id, operator_id, equipment_id, \
         data_level, started, passed, failed, reworked, first_completed, first_passed, duration_us, duration_us_min, \
         duration_us_max) VALUES",
        16,
        "ON CONFLICT (day, process_id, product_model_id, production_line_id, operator_id, equipment_id, data_level) \
         DO UPDATE SET started = run_day.started + excluded.started, passed = run_day.passed + excluded.passed, \
         failed = run_day.failed + excluded.failed, reworked = run_day.reworked + excluded.reworked, \
         first_completed = run_day.first_completed + excluded.first_completed, \
         first_passed = run_day.first_passed + excluded.first_passed, \
         duration_us = run_day.duration_us + excluded.duration_us, \
         duration_us_min = CASE WHEN run_day.duration_us_min IS NULL \
         OR excluded.duration_us_min < run_day.duration_us_min THEN excluded.duration_us_min \
         ELSE run_day.duration_us_min END, \
         duration_us_max = CASE WHEN run_day.duration_us_max IS NULL \
         OR excluded.duration_us_max > run_day.duration_us_max THEN excluded.duration_us_max \
         ELSE run_day.duration_us_max END RETURNING process_id",
    )
});

static SERIAL_DAY: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO serial_day (day, product_model_id, production_line_id, created, started, passed, failed, \
         scrapped, reworked, first_passed) VALUES",
        10,
        "ON CONFLICT (day, product_model_id, production_line_id) DO UPDATE SET \
         created = serial_day.created + excluded.created, started = serial_day.started + excluded.started, \
         passed = serial_day.passed + excluded.passed, failed = serial_day.failed + excluded.failed, \
         scrapped = serial_day.scrapped + excluded.scrapped, reworked = serial_day.reworked + excluded.reworked, \
         first_passed = serial_day.first_passed + excluded.first_passed RETURNING product_model_id",
    )
});

static DEFECT_DAY: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO defect_day (day, process_id, code, severity, product_model_id, production_line_id, \
         operator_id, equipment_id, defects) VALUES",
        9,
        "ON CONFLICT (day, process_id, code, severity, product_model_id, production_line_id, operator_id, \
         equipment_id) DO UPDATE SET defects = defect_day.defects + excluded.defects RETURNING process_id",
    )
});

static COMPONENT_DAY: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO component_day (day, kind, component_lot, used, defects) VALUES",
        5,
        "ON CONFLICT (day, kind, component_lot) DO UPDATE SET used = component_day.used + excluded.used, \
         defects = component_day.defects + excluded.defects RETURNING used",
    )
});

/// Two spreads are joined as `Spread::and` joins them.
static MEASURE_DAY: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO measure_day (day, process_id, product_model_id, name, n, mean, squares, low, high) VALUES",
        9,
        "ON CONFLICT (day, process_id, product_model_id, name) DO UPDATE SET n = measure_day.n + excluded.n, \
         mean = measure_day.mean + (excluded.mean - measure_day.mean) * excluded.n / (measure_day.n + excluded.n), \
         squares = measure_day.squares + excluded.squares + (excluded.mean - measure_day.mean) \
         * (excluded.mean - measure_day.mean) * measure_day.n * excluded.n / (measure_day.n + excluded.n), \
         low = CASE WHEN excluded.low < measure_day.low THEN excluded.low ELSE measure_day.low END, \
         high = CASE WHEN excluded.high > measure_day.high THEN excluded.high ELSE measure_day.high END \
         RETURNING n",
    )
});

impl Tally {
    /// Adds everything to the stored figures.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<(), StoreError> {
        self.write_runs(tx).await?;
        self.write_serials(tx).await?;
        self.write_defects(tx).await
    }

    async fn write_runs(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let runs: Vec<_> = self.runs.iter().collect();
        write_rows!(
            tx,
            "figures_write",
            (i64,),
            RUN_DAY,
            &runs,
            |r| r.0.day.as_str(),
            r.0.process,
            r.0.model,
            r.0.line,
            r.0.operator,
            r.0.equipment,
            r.0.level,
            r.1.started,
            r.1.passed,
            r.1.failed,
            r.1.reworked,
            r.1.first_completed,
            r.1.first_passed,
            r.1.duration_us,
            r.1.duration_us_min,
            r.1.duration_us_max
        )?;
        let measures: Vec<_> = self.measures.iter().collect();
        write_rows!(
            tx,
            "figures_write",
            (i64,),
            MEASURE_DAY,
            &measures,
            |m| m.0.0.as_str(),
            m.0.1,
            m.0.2,
            m.0.3.as_str(),
            m.1.n,
            m.1.mean,
            m.1.squares,
            m.1.low,
            m.1.high
        )
        .map(|_| ())
    }

    async fn write_serials(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let serials: Vec<_> = self.serials.iter().collect();
        write_rows!(
            tx,
            "figures_write",
            (i64,),
            SERIAL_DAY,
            &serials,
            |s| s.0.0.as_str(),
            s.0.1,
            s.0.2,
            s.1.created,
            s.1.started,
            s.1.passed,
            s.1.failed,
            s.1.scrapped,
            s.1.reworked,
            s.1.first_passed
        )
        .map(|_| ())
    }

    async fn write_defects(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let defects: Vec<_> = self.defects.iter().collect();
        write_rows!(
            tx,
            "figures_write",
            (i64,),
            DEFECT_DAY,
            &defects,
            |d| d.0.day.as_str(),
            d.0.process,
            d.0.code.as_str(),
            d.0.severity,
            d.0.model,
            d.0.line,
            d.0.operator,
            d.0.equipment,
            *d.1
        )?;
        let components: Vec<_> = self.components.iter().collect();
        write_rows!(
            tx,
            "figures_write",
            (i64,),
            COMPONENT_DAY,
            &components,
            |c| c.0.0.as_str(),
            c.0.1.kind.as_str(),
            c.0.1.lot_number.as_str(),
            c.1.used,
            c.1.defects
        )
        .map(|_| ())
    }
}
