//! When the plant raises an alert by itself, and in which words.

use crate::Timestamp;
use crate::production::{
    DefectSpec, EquipmentId, LineId, Lot, LotId, OperatorId, PlantDate, Process, ProcessId, ProcessNumber,
    ProductModelId, Run, RunId, Serial, SerialId,
};

use super::alert::MESSAGE_CHARS_MAX;
use super::{AlertType, Raise, Repeat};

/// A day's target counts as missed below this share of what should be made by now, percent.
pub const TARGET_PERCENT: i64 = 80;
/// A run counts as delayed above this share of its planned time, percent.
pub const DELAYED_PERCENT: i64 = 150;

/// A target, and what was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetProgress {
    /// The production day.
    pub date: PlantDate,
    /// The line; every line when absent.
    pub line: Option<(LineId, String)>,
    /// The model; every model when absent.
    pub model: Option<(ProductModelId, String)>,
    /// Units that are to pass in the whole day.
    pub target: i64,
    /// Units that passed so far.
    pub passed: i64,
}

/// A run that is not completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWork {
    /// The run.
    pub run_id: RunId,
    /// Its lot.
    pub lot_id: LotId,
    /// Its unit.
    pub serial_id: Option<SerialId>,
    /// The number of its unit or lot.
    pub number: String,
    /// Its process.
    pub process_id: ProcessId,
    /// The process's number.
    pub process_number: ProcessNumber,
    /// Planned time, seconds.
    pub planned_s: i64,
    /// When it was started.
    pub started_at: Timestamp,
    /// Where.
    pub equipment_id: Option<EquipmentId>,
    /// Who started it.
    pub operator_id: OperatorId,
}

fn raise(alert_type: AlertType, subject: String, repeat: Repeat, at: Timestamp) -> Raise {
    Raise {
        alert_type,
        subject,
        repeat,
        severity: alert_type.severity(),
        title: String::new(),
        message: String::new(),
        lot_id: None,
        serial_id: None,
        process_id: None,
        equipment_id: None,
        operator_id: None,
        event_id: None,
        at,
    }
}

impl TargetProgress {
    /// Whether it is missed: fewer passed than [`TARGET_PERCENT`] of the target. Asked when the day is over.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        self.passed.saturating_mul(100) < self.target.saturating_mul(TARGET_PERCENT)
    }
}

/// TARGET_NOT_MET, when the production day has ended below [`TARGET_PERCENT`] of its target.
#[must_use]
pub fn target_not_met(progress: &TargetProgress, now: Timestamp) -> Option<Raise> {
    if !progress.is_missed() {
        return None;
    }
    let line = progress.line.as_ref().map_or(0, |(id, _)| id.0);
    let model = progress.model.as_ref().map_or(0, |(id, _)| id.0);
    let subject = format!("target:{}/{line}/{model}", progress.date);
    let of = [progress.line.as_ref().map(|(_, name)| name), progress.model.as_ref().map(|(_, name)| name)];
    let of: String = of.into_iter().flatten().map(|name| format!(" {name}")).collect();
    let (passed, target) = (progress.passed, progress.target);
    Some(Raise {
        title: format!("생산 목표 미달 / target not met: {}{of}", progress.date),
        message: format!("{passed} / {target} ({} %)", passed.saturating_mul(100) / target.max(1)),
        ..raise(AlertType::TargetNotMet, subject, Repeat::Once, now)
    })
}

/// PROCESS_DELAYED, when a run takes longer than [`DELAYED_PERCENT`] of its planned time.
#[must_use]
pub fn process_delayed(work: &OpenWork, now: Timestamp) -> Option<Raise> {
    let elapsed_us = now.us_since(work.started_at);
    let planned_us = work.planned_s.saturating_mul(crate::time::US_PER_S);
    if work.planned_s <= 0 || elapsed_us.saturating_mul(100) <= planned_us.saturating_mul(DELAYED_PERCENT) {
        return None;
    }
    let (number, process) = (&work.number, work.process_number);
    let elapsed_s = elapsed_us / crate::time::US_PER_S;
    Some(Raise {
        title: format!("공정 지연 / process {process} delayed: {number}"),
        message: format!("{elapsed_s} s, planned {} s", work.planned_s),
        lot_id: Some(work.lot_id),
        serial_id: work.serial_id,
        process_id: Some(work.process_id),
        equipment_id: work.equipment_id,
        operator_id: Some(work.operator_id),
        ..raise(AlertType::ProcessDelayed, format!("run:{}", work.run_id), Repeat::Once, now)
    })
}

/// DEFECT_DETECTED: a run failed. Repeats at one process of one lot are one alert, told in the newest words: a bad
/// batch of parts is one thing to look at, not a hundred.
#[must_use]
pub fn defect_detected(
    lot: &Lot,
    serial: Option<&Serial>,
    process: &Process,
    run: &Run,
    defects: &[DefectSpec],
    now: Timestamp,
) -> Raise {
    let number = serial.map_or(lot.lot_number.as_str(), |s| s.serial_number.as_str());
    let codes: Vec<&str> = defects.iter().map(|d| d.code.as_str()).collect();
    let name = &process.spec.process_name_ko;
    let message = format!("{name} / {}: {}", process.spec.process_name_en, codes.join(", "));
    let subject = format!("lot:{}/process:{}", lot.id, process.id);
    Raise {
        title: format!("불량 발생 / defect at process {}: {number}", process.number()),
        message: message.chars().take(MESSAGE_CHARS_MAX).collect(),
        lot_id: Some(lot.id),
        serial_id: serial.map(|s| s.id),
        process_id: Some(process.id),
        equipment_id: run.run.equipment_id,
        operator_id: Some(run.run.operator_id),
        event_id: run.run.review.as_ref().map(|r| r.event_id.clone()),
        ..raise(AlertType::DefectDetected, subject, Repeat::Count, now)
    }
}

/// LOT_COMPLETED: every unit passed or was scrapped.
#[must_use]
pub fn lot_completed(lot: &Lot, now: Timestamp) -> Raise {
    let counts = lot.counts;
    Raise {
        title: format!("LOT 완료 / lot completed: {}", lot.lot_number),
        message: format!("{} units: {} passed, {} scrapped", counts.actual, counts.passed, counts.scrapped),
        lot_id: Some(lot.id),
        ..raise(AlertType::LotCompleted, format!("lot:{}", lot.id), Repeat::Once, now)
    }
}

/// FIRMWARE_UPDATE for a new version.
#[must_use]
pub fn firmware_update(model_code: &str, version: &str, now: Timestamp) -> Raise {
    Raise {
        title: format!("펌웨어 업데이트 / firmware update: {model_code} {version}"),
        message: format!("{version} is now the latest firmware of {model_code}"),
        ..raise(AlertType::FirmwareUpdate, format!("firmware:{model_code}/{version}"), Repeat::Once, now)
    }
}

/// PRINTER_TROUBLE: a printer does not print, and something waits for it.
#[must_use]
pub fn printer_trouble(printer_id: &str, advice: &str, now: Timestamp) -> Raise {
    Raise {
        title: format!("프린터 이상 / printer does not print: {printer_id}"),
        message: advice.to_owned(),
        ..raise(AlertType::PrinterTrouble, format!("printer:{printer_id}"), Repeat::Count, now)
    }
}

/// STATION_TROUBLE: a station's agent cannot help itself with `trouble`.
#[must_use]
pub fn station_trouble(station_id: &str, trouble: &str, advice: &str, now: Timestamp) -> Raise {
    Raise {
        title: format!("작업장 이상 / station in trouble: {station_id}"),
        message: advice.to_owned(),
        ..raise(AlertType::StationTrouble, format!("station:{station_id}/{trouble}"), Repeat::Count, now)
    }
}

/// STORAGE_TROUBLE: `place` of the plant has no room left, or fails.
#[must_use]
pub fn storage_trouble(place: &str, advice: &str, now: Timestamp) -> Raise {
    Raise {
        title: format!("저장소 이상 / storage in trouble: {place}"),
        message: advice.chars().take(MESSAGE_CHARS_MAX).collect(),
        ..raise(AlertType::StorageTrouble, format!("storage:{place}"), Repeat::Count, now)
    }
}

/// MANUAL: what a person wrote. `unique` keeps it apart from every other one.
#[must_use]
pub fn manual(unique: &str, title: &str, message: &str, now: Timestamp) -> Raise {
    Raise {
        title: title.to_owned(),
        message: message.to_owned(),
        ..raise(AlertType::Manual, format!("manual:{unique}"), Repeat::Once, now)
    }
}

/// EQUIPMENT_ABNORMAL: its sensors' verdicts tripped a rule.
#[must_use]
pub fn equipment_abnormal(
    equipment_id: EquipmentId,
    equipment_code: &str,
    reason: &str,
    event_id: &str,
    now: Timestamp,
) -> Raise {
    Raise {
        title: format!("설비 이상 / equipment abnormal: {equipment_code}"),
        message: reason.to_owned(),
        equipment_id: Some(equipment_id),
        event_id: Some(event_id.to_owned()),
        ..raise(AlertType::EquipmentAbnormal, format!("equipment:{equipment_code}"), Repeat::Count, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_missed_below_eighty_percent() {
        let day = |passed| TargetProgress {
            date: jiff::civil::date(2025, 11, 10),
            line: Some((LineId(2), "LINE-A".into())),
            model: None,
            target: 100,
            passed,
        };
        let now = Timestamp::from_s(0);
        assert_eq!(target_not_met(&day(80), now), None);
        let raise = target_not_met(&day(79), now).expect("missed");
        assert_eq!(
            (raise.subject.as_str(), raise.message.as_str()),
            ("target:2025-11-10/2/0", "79 / 100 (79 %)")
        );
        assert!(raise.validated().is_ok());
    }

    #[test]
    fn a_run_is_delayed_above_one_and_a_half_times_the_plan() {
        let work = |planned_s| OpenWork {
            run_id: RunId(5),
            lot_id: LotId(1),
            serial_id: None,
            number: "WF-KR-251110D-001".into(),
            process_id: ProcessId(3),
            process_number: ProcessNumber(3),
            planned_s,
            started_at: Timestamp::from_s(1_000),
            equipment_id: None,
            operator_id: OperatorId(4),
        };
        assert_eq!(process_delayed(&work(120), Timestamp::from_s(1_180)), None);
        let raise = process_delayed(&work(120), Timestamp::from_s(1_181)).expect("delayed");
        assert_eq!((raise.subject.as_str(), raise.message.as_str()), ("run:5", "181 s, planned 120 s"));
        assert_eq!(raise.operator_id, Some(OperatorId(4)));
        assert_eq!(process_delayed(&work(0), Timestamp::MAX), None, "nobody planned it");
    }
}
