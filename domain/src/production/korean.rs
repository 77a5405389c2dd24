//! The refusals in Korean, for the people at the stations.

use super::{REWORKS_MAX, Refusal};

impl Refusal {
    /// The message in Korean.
    #[must_use]
    pub fn korean(&self) -> String {
        match self {
            Self::LotNotFound { number } => format!("LOT {number}을(를) 찾을 수 없습니다"),
            Self::SerialNotFound { number } => format!("시리얼 {number}을(를) 찾을 수 없습니다"),
            Self::ProcessNotFound { process } => format!("공정 {process}을(를) 찾을 수 없습니다"),
            Self::WorkerNotFound { worker } => format!("작업자 {worker}을(를) 찾을 수 없습니다"),
            Self::ProductModelNotFound { model } => format!("제품 모델 {model}을(를) 찾을 수 없습니다"),
            Self::LineNotFound { line } => format!("생산 라인 {line}을(를) 찾을 수 없습니다"),
            Self::SerialNotInLot { serial, lot } => {
                format!("시리얼 {serial}은(는) LOT {lot}에 속하지 않습니다")
            }
            Self::Inactive { name, .. } => format!("{name}은(는) 사용 중지 상태입니다"),
            Self::EquipmentOnHold { equipment, reason, .. } => {
                format!("설비 {equipment}은(는) 보류 중입니다: {reason}. 확인 후 다시 착공하십시오")
            }
            Self::LotClosed { status } => format!("LOT가 {} 상태이므로 작업할 수 없습니다", status.as_str()),
            Self::LotFull { target } => format!("LOT에 이미 {target}개가 모두 등록되어 있습니다"),
            Self::LotNotSettled { open, actual } => {
                format!("{actual}개 중 {open}개가 아직 합격 또는 폐기되지 않았습니다")
            }
            Self::LotNumbersExhausted { series } => format!("{series}의 LOT 번호를 모두 사용했습니다"),
            Self::DuplicateNumber { number, .. } => format!("{number}은(는) 이미 존재합니다"),
            Self::InvalidNumber(fault) => {
                format!("{} 값이 올바르지 않습니다: {}", fault.field, fault.message)
            }
            Self::DuplicateStart { process, .. } => format!("공정 {process}은(는) 이미 착공되었습니다"),
            Self::ProcessAlreadyPassed { process } => format!("공정 {process}은(는) 이미 합격되었습니다"),
            Self::DuplicatePassComplete { process } => {
                format!("공정 {process}은(는) 이미 PASS로 완공되었습니다")
            }
            Self::ProcessNotStarted { process } => format!("공정 {process}은(는) 착공되지 않았습니다"),
            Self::InvalidProcessSequence { process, next } => {
                format!("공정 {process}은(는) 순서가 아닙니다. 다음 공정은 {next}입니다")
            }
            Self::PreviousProcessNotCompleted { process, previous } => {
                format!("공정 {process}을(를) 착공하려면 공정 {previous}이(가) PASS여야 합니다")
            }
            Self::PassesMissing { process, first, last, passed } => format!(
                "공정 {process}을(를) 착공하려면 공정 {first}~{last}이(가) 모두 PASS여야 합니다. 현재 PASS: {passed}"
            ),
            Self::NotAllPassed { passed, of } => format!("전체 {of}개 공정 중 {passed}개만 PASS입니다"),
            Self::OverrideNotAllowed => "공정 순서는 MANAGER 또는 ADMIN만 변경할 수 있습니다".to_owned(),
            Self::SerialPassed => "이미 합격한 시리얼입니다".to_owned(),
            Self::ReworkRequired => "불합격한 시리얼입니다. 먼저 재작업 승인이 필요합니다".to_owned(),
            Self::SerialScrapped => "폐기된 시리얼입니다".to_owned(),
            Self::SerialNotFailed { status } => {
                format!("FAILED 상태의 시리얼만 재작업할 수 있습니다. 현재 상태: {}", status.as_str())
            }
            Self::ReworkNotAllowed => "재작업이 허용되지 않는 공정에서 불합격하여 폐기되었습니다".to_owned(),
            Self::ReworkLimitReached { .. } => format!("재작업은 최대 {REWORKS_MAX}회까지 가능합니다"),
            Self::ReasonRequired { field } => format!("{field}에 사유를 입력하십시오 (1~1000자)"),
            Self::InvalidProcessData(faults) => {
                let fields: Vec<String> =
                    faults.iter().map(|f| format!("{} ({})", f.field, f.message)).collect();
                format!("공정 데이터가 올바르지 않습니다: {}", fields.join("; "))
            }
            Self::InvalidTime { field, given, .. } => format!("{field} 시각이 올바르지 않습니다: {given}"),
            Self::ProcessRunning { process } => {
                format!("공정 {process}이(가) 진행 중입니다. 먼저 완공하십시오")
            }
            Self::InvalidTransition { from, to, .. } => format!("{from}에서 {to}(으)로 변경할 수 없습니다"),
            Self::InUse { what, by } => format!("{what}은(는) {by}에서 사용 중입니다"),
        }
    }
}
