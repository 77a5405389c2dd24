//! A seeded source of numbers: SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).

/// The source.
#[derive(Debug, Clone)]
pub(in crate::fleet) struct Seed(u64);

impl Seed {
    pub(in crate::fleet) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 up to, not including, 1.
    pub(in crate::fleet) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From `-range` to `range`.
    pub(in crate::fleet) fn around(&mut self, range: f64) -> f64 {
        (self.unit() * 2.0 - 1.0) * range
    }

    /// True in `part` of all cases.
    pub(in crate::fleet) fn chance(&mut self, part: f64) -> bool {
        self.unit() < part
    }
}
