//! `/api/v1/alerts`: raised by the plant and by people, read, put away, told to listeners.

mod life;
