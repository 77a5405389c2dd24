//! How long a search may go on: counted in arcs looked at, not in time, so that the same question has the same answer.

/// What is left of it.
#[derive(Debug)]
pub(super) struct Effort {
    arcs: u64,
}

impl Effort {
    pub(super) fn new(arcs: u64) -> Self {
        Self { arcs }
    }

    /// Spends `passes` looks at each of `arcs`; false when that is more than what is left.
    #[must_use]
    pub(super) fn spend(&mut self, arcs: usize, passes: u64) -> bool {
        let price = arcs as u64 * passes;
        let enough = price <= self.arcs;
        self.arcs = self.arcs.saturating_sub(price);
        enough
    }
}
