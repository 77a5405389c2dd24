-- Production: what is made, where, in which steps; lots, serials, process runs, defects, reworks, holds and targets; and
-- the figures per day that analytics read instead of counting runs.

CREATE TABLE product_model (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    model_code            TEXT    NOT NULL UNIQUE,
    model_name            TEXT    NOT NULL,
    version               TEXT,
    description           TEXT,
    category              TEXT,
    production_cycle_days BIGINT,
    specifications        JSON TEXT NOT NULL,
    bom_data              JSON TEXT NOT NULL,
    status                TEXT    NOT NULL,
    created_at            BIGINT  NOT NULL,
    updated_at            BIGINT  NOT NULL
);
CREATE INDEX product_model_category ON product_model (category);

CREATE TABLE production_line (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    line_code          TEXT    NOT NULL UNIQUE,
    line_name          TEXT    NOT NULL,
    capacity_per_shift BIGINT,
    location           TEXT,
    is_active          BOOLEAN NOT NULL,
    created_at         BIGINT  NOT NULL,
    updated_at         BIGINT  NOT NULL
);

-- `data_schema` is the JSON Schema of a run's `process_data`; `defect_kinds` the defects that a FAIL may name.
CREATE TABLE process (
    id                         INTEGER PRIMARY KEY AUTOINCREMENT,
    process_number             BIGINT  NOT NULL UNIQUE,
    process_code               TEXT    NOT NULL UNIQUE,
    process_name_ko            TEXT    NOT NULL,
    process_name_en            TEXT    NOT NULL,
    description                TEXT,
    estimated_duration_seconds BIGINT,
    quality_criteria           JSON TEXT NOT NULL,
    data_schema                JSON TEXT NOT NULL,
    defect_kinds               JSON TEXT NOT NULL,
    rework_allowed             BOOLEAN NOT NULL,
    needs_all_before           BOOLEAN NOT NULL,
    is_active                  BOOLEAN NOT NULL,
    sort_order                 BIGINT,
    created_at                 BIGINT  NOT NULL,
    updated_at                 BIGINT  NOT NULL
);

-- `maintenance_due` is the next maintenance, said or reckoned.
CREATE TABLE equipment (
    id                        INTEGER PRIMARY KEY AUTOINCREMENT,
    equipment_code            TEXT    NOT NULL UNIQUE,
    equipment_name            TEXT    NOT NULL,
    equipment_type            TEXT,
    process_id                BIGINT  REFERENCES process (id),
    production_line_id        BIGINT  REFERENCES production_line (id),
    manufacturer              TEXT,
    model_number              TEXT,
    serial_number             TEXT,
    last_maintenance_date     TEXT,
    next_maintenance_date     TEXT,
    maintenance_interval_days BIGINT,
    maintenance_due           TEXT,
    is_active                 BOOLEAN NOT NULL,
    created_at                BIGINT  NOT NULL,
    updated_at                BIGINT  NOT NULL
);
CREATE INDEX equipment_process ON equipment (process_id);
CREATE INDEX equipment_line ON equipment (production_line_id);
CREATE INDEX equipment_maintenance ON equipment (maintenance_due) WHERE maintenance_due IS NOT NULL;

-- The counts are kept by the unit of work that changes a serial.
CREATE TABLE lot (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    lot_number         TEXT    NOT NULL UNIQUE,
    product_model_id   BIGINT  NOT NULL REFERENCES product_model (id),
    production_line_id BIGINT  REFERENCES production_line (id),
    production_date    TEXT    NOT NULL,
    shift              TEXT    NOT NULL,
    target_quantity    BIGINT  NOT NULL,
    actual_quantity    BIGINT  NOT NULL DEFAULT 0,
    passed_quantity    BIGINT  NOT NULL DEFAULT 0,
    failed_quantity    BIGINT  NOT NULL DEFAULT 0,
    scrapped_quantity  BIGINT  NOT NULL DEFAULT 0,
    status             TEXT    NOT NULL,
    work_order         TEXT,
    started_at         BIGINT,
    completed_at       BIGINT,
    closed_at          BIGINT,
    cancelled_at       BIGINT,
    created_at         BIGINT  NOT NULL,
    updated_at         BIGINT  NOT NULL
);
CREATE INDEX lot_status ON lot (status, id);
CREATE INDEX lot_product ON lot (product_model_id, id);
CREATE INDEX lot_line ON lot (production_line_id, id);
CREATE INDEX lot_date ON lot (production_date, id);

-- The last number given to a lot of a model and country (`prefix`), date (`YYMMDD`) and shift.
CREATE TABLE lot_counter (
    prefix    TEXT   NOT NULL,
    lot_date  TEXT   NOT NULL,
    shift     TEXT   NOT NULL,
    last_used BIGINT NOT NULL,
    PRIMARY KEY (prefix, lot_date, shift)
);

-- `position` is the number of the highest process that has passed: where the serial is in the line. `settled_at` is when
-- it passed or failed; the failure's columns are there while it counts as failed.
CREATE TABLE serial (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    serial_number     TEXT    NOT NULL UNIQUE,
    lot_id            BIGINT  NOT NULL REFERENCES lot (id),
    sequence_in_lot   BIGINT  NOT NULL,
    status            TEXT    NOT NULL,
    rework_count      BIGINT  NOT NULL DEFAULT 0,
    rework_waits      BOOLEAN NOT NULL DEFAULT FALSE,
    scrapped          BOOLEAN NOT NULL DEFAULT FALSE,
    position          BIGINT  NOT NULL DEFAULT 0,
    failure_reason    TEXT,
    failed_process_id BIGINT,
    started_at        BIGINT,
    settled_at        BIGINT,
    created_at        BIGINT  NOT NULL,
    updated_at        BIGINT  NOT NULL
);
CREATE UNIQUE INDEX serial_sequence ON serial (lot_id, sequence_in_lot);
CREATE INDEX serial_status ON serial (status, id);

-- A run from its start to its completion. Narrow, and indexed by what never changes, so that a completion touches no
-- index: the documents are in `run_data`, what is open in `run_open`, what did not pass in `run_failed`. No foreign
-- keys: the unit that starts a run has read all that it names, and nothing that runs name can be removed.
CREATE TABLE process_run (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    lot_id          BIGINT  NOT NULL,
    serial_id       BIGINT,
    process_id      BIGINT  NOT NULL,
    operator_id     BIGINT  NOT NULL,
    equipment_id    BIGINT,
    equipment_code  TEXT,
    attempt         BIGINT  NOT NULL,
    started_at      BIGINT  NOT NULL,
    completed_at    BIGINT,
    result          TEXT,
    override_reason TEXT,
    review_event    TEXT,
    reviewed_by     BIGINT,
    reviewed_at     BIGINT,
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL
);
CREATE UNIQUE INDEX process_run_serial ON process_run (serial_id, process_id, attempt) WHERE serial_id IS NOT NULL;
CREATE UNIQUE INDEX process_run_of_lot ON process_run (lot_id, process_id, attempt) WHERE serial_id IS NULL;
CREATE INDEX process_run_lot ON process_run (lot_id, id);
CREATE INDEX process_run_process ON process_run (process_id, id);
CREATE INDEX process_run_operator ON process_run (operator_id, id);
CREATE INDEX process_run_equipment ON process_run (equipment_id, started_at) WHERE equipment_id IS NOT NULL;
CREATE INDEX process_run_started ON process_run (started_at, id);
CREATE INDEX process_run_review ON process_run (review_event, id) WHERE review_event IS NOT NULL;

-- What a completion said. The document is text on both engines: it is given back as it is, and never searched.
CREATE TABLE run_data (
    run_id       BIGINT NOT NULL PRIMARY KEY,
    measurements TEXT   NOT NULL,
    notes        TEXT
);

CREATE TABLE run_open (
    run_id     BIGINT NOT NULL PRIMARY KEY,
    lot_id     BIGINT NOT NULL,
    serial_id  BIGINT,
    process_id BIGINT NOT NULL,
    started_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX run_open_serial ON run_open (serial_id, process_id) WHERE serial_id IS NOT NULL;
CREATE UNIQUE INDEX run_open_lot ON run_open (lot_id, process_id) WHERE serial_id IS NULL;

CREATE TABLE run_failed (
    run_id BIGINT NOT NULL PRIMARY KEY,
    result TEXT   NOT NULL
);
CREATE INDEX run_failed_result ON run_failed (result, run_id);

-- The columns after `run_id` up to `equipment_id` are those of the run, for the indexes.
CREATE TABLE defect (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id         BIGINT NOT NULL,
    lot_id         BIGINT NOT NULL,
    serial_id      BIGINT,
    process_id     BIGINT NOT NULL,
    operator_id    BIGINT NOT NULL,
    equipment_id   BIGINT,
    code           TEXT   NOT NULL,
    name           TEXT,
    severity       TEXT   NOT NULL,
    measured_value JSON TEXT,
    expected_range TEXT,
    cause          TEXT,
    analysis       TEXT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL
);
CREATE INDEX defect_run ON defect (run_id);
CREATE INDEX defect_serial ON defect (serial_id);
CREATE INDEX defect_lot ON defect (lot_id);
CREATE INDEX defect_code ON defect (code, created_at);
CREATE INDEX defect_process ON defect (process_id, created_at);
CREATE INDEX defect_created ON defect (created_at, id);

-- The lots of parts that went into a serial: the way back from a part to all that hold it.
CREATE TABLE component (
    run_id        BIGINT NOT NULL,
    kind          TEXT   NOT NULL,
    component_lot TEXT   NOT NULL,
    serial_id     BIGINT,
    lot_id        BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    PRIMARY KEY (run_id, kind)
);
CREATE INDEX component_by_lot ON component (component_lot, run_id);
CREATE INDEX component_serial ON component (serial_id) WHERE serial_id IS NOT NULL;

-- `failed_at` is when the failure was that it answers.
CREATE TABLE rework (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    serial_id      BIGINT NOT NULL REFERENCES serial (id),
    number         BIGINT NOT NULL,
    process_id     BIGINT,
    failure_reason TEXT   NOT NULL,
    failed_at      BIGINT NOT NULL,
    reason         TEXT   NOT NULL,
    approved_by    BIGINT NOT NULL,
    approved_at    BIGINT NOT NULL,
    restarted_at   BIGINT
);
CREATE UNIQUE INDEX rework_serial ON rework (serial_id, number);
CREATE INDEX rework_approved ON rework (approved_at, id);

-- No start on a piece of equipment while it is held. `event_id` links verdict, alert, hold and runs.
CREATE TABLE hold (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    equipment_id BIGINT NOT NULL REFERENCES equipment (id),
    reason       TEXT   NOT NULL,
    event_id     TEXT   NOT NULL,
    since        BIGINT NOT NULL,
    released_at  BIGINT,
    released_by  BIGINT,
    release_note TEXT
);
CREATE UNIQUE INDEX hold_active ON hold (equipment_id) WHERE released_at IS NULL;
CREATE INDEX hold_equipment ON hold (equipment_id, since);

-- From when to when the sensors of a piece of equipment were abnormal.
CREATE TABLE abnormal_span (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    equipment_id BIGINT NOT NULL REFERENCES equipment (id),
    event_id     TEXT   NOT NULL,
    rule         TEXT   NOT NULL,
    began_at     BIGINT NOT NULL,
    ended_at     BIGINT
);
CREATE UNIQUE INDEX abnormal_span_open ON abnormal_span (equipment_id) WHERE ended_at IS NULL;
CREATE INDEX abnormal_span_equipment ON abnormal_span (equipment_id, began_at);

-- What a day is to bring: of a line, of a model, of both, or of the plant.
CREATE TABLE target (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    day                TEXT   NOT NULL,
    production_line_id BIGINT REFERENCES production_line (id),
    product_model_id   BIGINT REFERENCES product_model (id),
    quantity           BIGINT NOT NULL,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL
);
CREATE UNIQUE INDEX target_of ON target (day, COALESCE(production_line_id, 0), COALESCE(product_model_id, 0));
CREATE INDEX target_line ON target (production_line_id) WHERE production_line_id IS NOT NULL;
CREATE INDEX target_model ON target (product_model_id) WHERE product_model_id IS NOT NULL;

-- Figures per plant day, kept by the units that change what they count; 0 stands for none. `first_*` count first
-- attempts alone; durations are in microseconds.
CREATE TABLE run_day (
    day                TEXT   NOT NULL,
    process_id         BIGINT NOT NULL,
    product_model_id   BIGINT NOT NULL,
    production_line_id BIGINT NOT NULL,
    operator_id        BIGINT NOT NULL,
    equipment_id       BIGINT NOT NULL,
    data_level         TEXT   NOT NULL,
    started            BIGINT NOT NULL,
    passed             BIGINT NOT NULL,
    failed             BIGINT NOT NULL,
    reworked           BIGINT NOT NULL,
    first_completed    BIGINT NOT NULL,
    first_passed       BIGINT NOT NULL,
    duration_us        BIGINT NOT NULL,
    duration_us_min    BIGINT,
    duration_us_max    BIGINT,
    PRIMARY KEY (day, process_id, product_model_id, production_line_id, operator_id, equipment_id, data_level)
) WITHOUT ROWID;

CREATE TABLE serial_day (
    day                TEXT   NOT NULL,
    product_model_id   BIGINT NOT NULL,
    production_line_id BIGINT NOT NULL,
    created            BIGINT NOT NULL,
    started            BIGINT NOT NULL,
    passed             BIGINT NOT NULL,
    failed             BIGINT NOT NULL,
    scrapped           BIGINT NOT NULL,
    reworked           BIGINT NOT NULL,
    first_passed       BIGINT NOT NULL,
    PRIMARY KEY (day, product_model_id, production_line_id)
) WITHOUT ROWID;

CREATE TABLE defect_day (
    day                TEXT   NOT NULL,
    process_id         BIGINT NOT NULL,
    code               TEXT   NOT NULL,
    severity           TEXT   NOT NULL,
    product_model_id   BIGINT NOT NULL,
    production_line_id BIGINT NOT NULL,
    operator_id        BIGINT NOT NULL,
    equipment_id       BIGINT NOT NULL,
    defects            BIGINT NOT NULL,
    PRIMARY KEY (day, process_id, code, severity, product_model_id, production_line_id, operator_id, equipment_id)
) WITHOUT ROWID;

-- `defects`: found that day on serials that hold a part of the lot.
CREATE TABLE component_day (
    day           TEXT   NOT NULL,
    kind          TEXT   NOT NULL,
    component_lot TEXT   NOT NULL,
    used          BIGINT NOT NULL,
    defects       BIGINT NOT NULL,
    PRIMARY KEY (day, kind, component_lot)
) WITHOUT ROWID;

-- Measured values: their number, mean, sum of squared distances from it, and extremes.
CREATE TABLE measure_day (
    day              TEXT   NOT NULL,
    process_id       BIGINT NOT NULL,
    product_model_id BIGINT NOT NULL,
    name             TEXT   NOT NULL,
    n                BIGINT NOT NULL,
    mean             DOUBLE PRECISION NOT NULL,
    squares          DOUBLE PRECISION NOT NULL,
    low              DOUBLE PRECISION NOT NULL,
    high             DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (day, process_id, product_model_id, name)
) WITHOUT ROWID;

-- The processes that a new plant begins with: those of the domain's `seed_processes`, as a test makes sure.
INSERT INTO process (process_number, process_code, process_name_ko, process_name_en, description, estimated_duration_seconds,
    quality_criteria, data_schema, defect_kinds, rework_allowed, needs_all_before, is_active, sort_order, created_at, updated_at) VALUES
(1, 'LASER_MARKING', '레이저 마킹', 'Laser marking', 'Engraves the lot number on the body.', 60, '{}',
 '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"lot_number_engraved":{"type":"string","minLength":1,"maxLength":100},"marking_result":{"enum":["SUCCESS","FAIL"]}},"required":["lot_number_engraved","marking_result"],"$defs":{"pass":{"properties":{"marking_result":{"const":"SUCCESS","x-message":"must be SUCCESS when the result is PASS"}},"required":["marking_result"]}},"x-defects":[{"when":{"properties":{"marking_result":{"const":"FAIL"}},"required":["marking_result"]},"code":"MARKING_FAIL","measured":"/marking_result","expected":"SUCCESS"}]}',
 '[]',
 FALSE, FALSE, TRUE, 1, 946684800000000, 946684800000000),
(2, 'LMA_ASSEMBLY', 'LMA 조립', 'LMA assembly', 'Assembles the linear muscle actuator from spring and busbar.', 180, '{}',
 '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"sma_spring_lot":{"type":"string","minLength":1,"maxLength":100,"x-component":"SMA_SPRING"},"busbar_lot":{"type":"string","minLength":1,"maxLength":100,"x-component":"BUSBAR"},"assembly_time":{"type":"number","exclusiveMinimum":0,"maximum":1440,"description":"minutes"},"visual_inspection":{"enum":["PASS","FAIL"]}},"required":["sma_spring_lot","busbar_lot","assembly_time","visual_inspection"],"$defs":{"pass":{"properties":{"visual_inspection":{"const":"PASS","x-message":"must be PASS when the result is PASS"}},"required":["visual_inspection"]}},"x-defects":[{"when":{"properties":{"visual_inspection":{"const":"FAIL"}},"required":["visual_inspection"]},"code":"ASSEMBLY_ERROR","measured":"/visual_inspection","expected":"PASS"}]}',
 '[{"code":"PART_DEFECT","name_ko":"부품 불량","name_en":"Part defect"},{"code":"ASSEMBLY_ERROR","name_ko":"조립 오류","name_en":"Assembly error"}]',
 TRUE, FALSE, TRUE, 2, 946684800000000, 946684800000000),
(3, 'SENSOR_INSPECTION', '센서 검사', 'Sensor inspection', 'Checks the temperature sensor and the time-of-flight sensor.', 120, '{}',
 '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"temp_sensor":{"type":"object","properties":{"measured_temp":{"type":"number","minimum":-40,"maximum":150,"description":"°C"},"target_temp":{"const":60,"description":"°C"},"tolerance":{"const":1,"description":"°C"},"result":{"enum":["PASS","FAIL"]}},"required":["measured_temp","result"],"if":{"properties":{"measured_temp":{"minimum":59.0,"maximum":61.0}},"required":["measured_temp"]},"then":{"properties":{"result":{"const":"PASS","x-message":"must be PASS when measured_temp is 59.0 to 61.0"}}},"else":{"properties":{"result":{"const":"FAIL","x-message":"must be FAIL when measured_temp is not 59.0 to 61.0"}}}},"tof_sensor":{"type":"object","properties":{"i2c_communication":{"type":["boolean","string"],"x-message":"must be true, false or a word"},"result":{"enum":["PASS","FAIL"]}},"required":["i2c_communication","result"]}},"required":["temp_sensor","tof_sensor"],"$defs":{"pass":{"properties":{"temp_sensor":{"properties":{"measured_temp":{"minimum":59.0,"maximum":61.0,"x-message":"must be 59.0 to 61.0 when the result is PASS"},"result":{"const":"PASS","x-message":"must be PASS when the result is PASS"}}},"tof_sensor":{"properties":{"result":{"const":"PASS","x-message":"must be PASS when the result is PASS"}}}},"required":["temp_sensor","tof_sensor"]}},"x-defects":[{"when":{"properties":{"temp_sensor":{"properties":{"result":{"const":"FAIL"}},"required":["result"]}},"required":["temp_sensor"]},"code":"SENSOR_TEMP_FAIL","measured":"/temp_sensor/measured_temp","expected":"59.0–61.0 °C"},{"when":{"properties":{"tof_sensor":{"properties":{"result":{"const":"FAIL"}},"required":["result"]}},"required":["tof_sensor"]},"code":"SENSOR_TOF_FAIL","measured":"/tof_sensor/result","expected":"PASS"}],"x-measures":[{"name":"temp_sensor.measured_temp","at":"/temp_sensor/measured_temp","lower":59.0,"upper":61.0}]}',
 '[{"code":"SENSOR_TEMP_FAIL","name_ko":"온도 센서 불량","name_en":"Temperature sensor failure"},{"code":"SENSOR_TOF_FAIL","name_ko":"TOF 센서 불량","name_en":"Time-of-flight sensor failure"}]',
 TRUE, FALSE, TRUE, 3, 946684800000000, 946684800000000),
(4, 'FIRMWARE_UPLOAD', '펌웨어 업로드', 'Firmware upload', 'Writes the firmware and reads its version back.', 300, '{}',
 '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"firmware_version":{"type":"string","maxLength":50,"pattern":"^v(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)$","x-message":"must have the form vX.Y.Z, for example v1.2.3"},"upload_result":{"enum":["SUCCESS","PASS","FAIL"]}},"required":["firmware_version","upload_result"],"$defs":{"pass":{"properties":{"upload_result":{"enum":["SUCCESS","PASS"],"x-message":"must be SUCCESS when the result is PASS"}},"required":["upload_result"]}},"x-defects":[{"when":{"properties":{"upload_result":{"const":"FAIL"}},"required":["upload_result"]},"code":"FIRMWARE_UPLOAD_FAIL","measured":"/firmware_version","expected":"SUCCESS"}]}',
 '[{"code":"FIRMWARE_UPLOAD_FAIL","name_ko":"펌웨어 업로드 실패","name_en":"Firmware upload failure"},{"code":"FIRMWARE_COMM_ERROR","name_ko":"펌웨어 통신 오류","name_en":"Firmware communication error"}]',
 TRUE, FALSE, TRUE, 4, 946684800000000, 946684800000000),
(5, 'ROBOT_ASSEMBLY', '로봇 조립', 'Robot assembly', 'Assembles the robot around the actuator.', 300, '{}',
 '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"assembly_time":{"type":"number","exclusiveMinimum":0,"maximum":1440,"description":"minutes"},"cable_connection":{"enum":["OK","FAIL"]},"final_visual_check":{"enum":["PASS","OK","FAIL",true,false]}},"required":["assembly_time","cable_connection","final_visual_check"],"$defs":{"pass":{"properties":{"cable_connection":{"const":"OK","x-message":"must be OK when the result is PASS"},"final_visual_check":{"enum":["PASS","OK",true],"x-message":"must be PASS when the result is PASS"}},"required":["cable_connection","final_visual_check"]}},"x-defects":[{"when":{"properties":{"cable_connection":{"const":"FAIL"}},"required":["cable_connection"]},"code":"ASSEMBLY_ERROR","measured":"/cable_connection","expected":"OK"},{"when":{"properties":{"final_visual_check":{"enum":["FAIL",false]}},"required":["final_visual_check"]},"code":"APPEARANCE_DEFECT","measured":"/final_visual_check","expected":"PASS"}]}',
 '[{"code":"ASSEMBLY_ERROR","name_ko":"조립 오류","name_en":"Assembly error"},{"code":"APPEARANCE_DEFECT","name_ko":"외관 불량","name_en":"Appearance defect"}]',
 TRUE, FALSE, TRUE, 5, 946684800000000, 946684800000000),
(6, 'PERFORMANCE_TEST', '성능검사', 'Performance test', 'Measures force over displacement and temperature.', 180, '{}',
 '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"test_results":{"type":"array","minItems":1,"maxItems":10000,"items":{"type":"object","properties":{"test_point_id":{"type":["string","integer"],"x-message":"must be a text or a number"},"temperature":{"type":"number","minimum":-40,"maximum":150,"description":"°C"},"displacement":{"type":"number","minimum":0,"maximum":250,"description":"mm"},"measured_force":{"type":"number","minimum":0,"maximum":30,"description":"kgf"},"spec":{"type":"object","properties":{"target_force":{"type":"number","minimum":0,"maximum":30,"description":"kgf"},"tolerance":{"type":"number","minimum":0,"maximum":30,"description":"kgf"}},"required":["target_force","tolerance"]},"result":{"enum":["PASS","FAIL"]}},"required":["test_point_id","displacement","measured_force","result"]}},"overall_result":{"enum":["PASS","FAIL"]}},"required":["test_results","overall_result"],"$defs":{"pass":{"properties":{"overall_result":{"const":"PASS","x-message":"must be PASS when the result is PASS"},"test_results":{"items":{"properties":{"result":{"const":"PASS","x-message":"must be PASS at every test point when the result is PASS"}}}}},"required":["overall_result","test_results"]}},"x-defects":[{"when":{"properties":{"overall_result":{"const":"FAIL"}},"required":["overall_result"]},"code":"PERFORMANCE_FAIL","measured":"/overall_result","expected":"PASS"}],"x-measures":[{"name":"test_results.force_deviation","each":"/test_results","at":"/measured_force","target":"/spec/target_force","tolerance":"/spec/tolerance","lower":-1.0,"upper":1.0}]}',
 '[{"code":"PERFORMANCE_FAIL","name_ko":"성능 불량","name_en":"Performance failure"}]',
 TRUE, FALSE, TRUE, 6, 946684800000000, 946684800000000),
(7, 'LABEL_PRINTING', '라벨 프린팅', 'Label printing', 'Prints and attaches the label of the unit.', 30, '{}',
 '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"serial_number":{"type":"string","minLength":1,"maxLength":80,"pattern":"^[A-Z0-9-]+$","x-message":"must be a serial number of A-Z, 0-9 and ''-''"},"label_printed":{"type":"boolean"},"printer_id":{"type":"string","minLength":1,"maxLength":100},"print_time":{"type":["string","number"],"maxLength":40},"barcode_verified":{"type":"boolean"}},"required":["serial_number","label_printed","printer_id","print_time","barcode_verified"],"$defs":{"pass":{"properties":{"label_printed":{"const":true,"x-message":"must be true when the result is PASS"},"barcode_verified":{"const":true,"x-message":"must be true when the result is PASS"}},"required":["label_printed","barcode_verified"]}},"x-defects":[{"when":{"properties":{"label_printed":{"const":false}},"required":["label_printed"]},"code":"LABEL_PRINT_FAIL","measured":"/label_printed","expected":"true"},{"when":{"properties":{"label_printed":{"const":true},"barcode_verified":{"const":false}},"required":["label_printed","barcode_verified"]},"code":"LABEL_ATTACH_ERROR","measured":"/barcode_verified","expected":"true"}]}',
 '[{"code":"LABEL_PRINT_FAIL","name_ko":"라벨 출력 불량","name_en":"Label print failure"},{"code":"LABEL_ATTACH_ERROR","name_ko":"라벨 부착 오류","name_en":"Label attachment error"}]',
 TRUE, TRUE, TRUE, 7, 946684800000000, 946684800000000),
(8, 'PACKAGING_INSPECTION', '포장 + 외관검사', 'Packaging and visual inspection', 'Looks the unit over and packs it.', 90, '{}',
 '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"inspection_result":{"enum":["PASS","FAIL"]},"visual_defects":{"type":"array","maxItems":100,"items":{"type":"object","properties":{"type":{"enum":["scratch","dirt","dent"]},"severity":{"enum":["minor","major","critical"]}},"required":["type","severity"]}}},"required":["inspection_result"],"$defs":{"pass":{"properties":{"inspection_result":{"const":"PASS","x-message":"must be PASS when the result is PASS"},"visual_defects":{"maxItems":0,"x-message":"must be empty when the result is PASS"}},"required":["inspection_result"]}},"x-defects":[{"each":"/visual_defects","code":"/type","severity":"/severity"}]}',
 '[]',
 TRUE, FALSE, TRUE, 8, 946684800000000, 946684800000000);
