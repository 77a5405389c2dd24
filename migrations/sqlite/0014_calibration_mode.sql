-- What the windows of a calibration were compared with (`window`, `bank`), and whether they were few and overlapped.
ALTER TABLE sensor_calibration ADD COLUMN mode TEXT NOT NULL DEFAULT 'window';
ALTER TABLE sensor_calibration ADD COLUMN provisional BOOLEAN NOT NULL DEFAULT FALSE;
