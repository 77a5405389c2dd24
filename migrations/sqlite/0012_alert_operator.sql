-- Whose work raised an alert; of nobody's in particular when absent.

ALTER TABLE alert ADD COLUMN operator_id BIGINT;
