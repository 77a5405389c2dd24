//! What lives: the supervision tree and its actors.
