//! The eight processes of the first plant, as rows to begin with. They are data: another plant changes or removes them.

use std::sync::LazyLock;

use super::ProcessSpec;

static PROCESSES: LazyLock<Vec<ProcessSpec>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("processes.json")).expect("a test reads the file that is built in")
});

/// The processes that a new plant begins with, in order.
#[must_use]
pub fn seed_processes() -> &'static [ProcessSpec] {
    &PROCESSES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eight_processes_are_as_documented() {
        let seen: Vec<_> = seed_processes()
            .iter()
            .map(|p| {
                let planned = p.estimated_duration_seconds.expect("planned");
                (
                    p.process_number.0,
                    p.process_code.as_str(),
                    p.process_name_ko.as_str(),
                    planned,
                    p.rework_allowed,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (1, "LASER_MARKING", "레이저 마킹", 60, false),
                (2, "LMA_ASSEMBLY", "LMA 조립", 180, true),
                (3, "SENSOR_INSPECTION", "센서 검사", 120, true),
                (4, "FIRMWARE_UPLOAD", "펌웨어 업로드", 300, true),
                (5, "ROBOT_ASSEMBLY", "로봇 조립", 300, true),
                (6, "PERFORMANCE_TEST", "성능검사", 180, true),
                (7, "LABEL_PRINTING", "라벨 프린팅", 30, true),
                (8, "PACKAGING_INSPECTION", "포장 + 외관검사", 90, true),
            ]
        );
        for process in seed_processes() {
            assert_eq!(process.needs_all_before, process.process_number.0 == 7);
            assert_eq!(process.clone().validated().as_ref(), Ok(process));
        }
    }

    #[test]
    fn every_known_defect_of_the_data_is_in_the_catalogue() {
        for process in seed_processes() {
            let rules = process.data_schema["x-defects"].as_array().expect("rules");
            for code in
                rules.iter().filter(|r| r.get("when").is_some()).map(|r| r["code"].as_str().expect("code"))
            {
                let known = process.defect_kind(code).is_some() || process.defect_kinds.is_empty();
                assert!(known, "{code} of process {}", process.process_number);
            }
        }
    }
}
