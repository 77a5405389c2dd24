//! The facade and composition root of Nightshift.
