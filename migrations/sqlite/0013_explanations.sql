-- What an abnormal window looks like: kind, span and a sentence in each language.
ALTER TABLE result ADD COLUMN explanation JSON TEXT;
