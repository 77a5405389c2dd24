//! A history as bytes, so that a hundred thousand windows can be read back in seconds.
//!
//! Layout, little-endian: version `u8`, count `u16`, newest `i64` (µs), then either tag 0, first `i64`, step `i64` (µs), or
//! tag 1, base `i64` (s) and count × `u32` offsets (s); last, count × `f32` values.

use super::WINDOW_READINGS;
use super::history::{History, Times};
use crate::Timestamp;

const VERSION: u8 = 1;

impl History {
    /// The history as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + 8 * self.len());
        out.push(VERSION);
        out.extend(u16::try_from(self.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend(self.newest.unwrap_or_default().us().to_le_bytes());
        match &self.times {
            Times::Regular { first, step_us } => {
                out.push(0);
                out.extend(first.us().to_le_bytes());
                out.extend(step_us.to_le_bytes());
            }
            Times::Irregular { base_s, offsets_s } => {
                out.push(1);
                out.extend(base_s.to_le_bytes());
                out.extend(offsets_s.iter().flat_map(|o| o.to_le_bytes()));
            }
        }
        out.extend(self.values.iter().flat_map(|v| v.to_le_bytes()));
        out
    }

    /// The history that [`Self::to_bytes`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        if u8::from_le_bytes(take(&mut rest)?) != VERSION {
            return None;
        }
        let count = usize::from(u16::from_le_bytes(take(&mut rest)?));
        if count > WINDOW_READINGS {
            return None;
        }
        let newest = Timestamp::from_us(i64::from_le_bytes(take(&mut rest)?));
        let times = match u8::from_le_bytes(take(&mut rest)?) {
            0 => {
                let first = Timestamp::from_us(i64::from_le_bytes(take(&mut rest)?));
                let step_us = i64::from_le_bytes(take(&mut rest)?);
                // What is read must end where it says that it ends, or it is no history.
                let last = step_us.checked_mul(i64::try_from(count).ok()?.saturating_sub(1))?;
                if count > 0 && first.us().checked_add(last)? != newest.us() {
                    return None;
                }
                Times::Regular { first, step_us }
            }
            1 => {
                let base_s = i64::from_le_bytes(take(&mut rest)?);
                base_s.checked_add(u32::MAX.into())?;
                let mut offsets_s = Vec::with_capacity(WINDOW_READINGS);
                for _ in 0..count {
                    offsets_s.push(u32::from_le_bytes(take(&mut rest)?));
                }
                if !offsets_s.is_sorted() {
                    return None;
                }
                Times::Irregular { base_s, offsets_s }
            }
            _ => return None,
        };
        let mut values = Vec::with_capacity(if count == 0 { 0 } else { WINDOW_READINGS });
        for _ in 0..count {
            values.push(Some(f32::from_le_bytes(take(&mut rest)?)).filter(|v| v.is_finite())?);
        }
        rest.is_empty().then_some(Self { values, times, newest: (count > 0).then_some(newest) })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(steps in prop::collection::vec(prop_oneof![9 => Just(120i64), 1 => 1..4_000i64], 0..800)) {
            let mut s = 1_700_000_000;
            let readings: Vec<Reading> =
                steps.iter().map(|d| { s += d; Reading { at: Timestamp::from_s(s), value: f64::from(u32::try_from(s % 97).unwrap()) } }).collect();
            let history = History::from_readings(&readings);
            prop_assert_eq!(History::from_bytes(&history.to_bytes()), Some(history));
        }

        #[test]
        fn damaged_bytes_never_panic(cut in 0usize..3_000, flip in 0usize..3_000, bit in 0u8..8) {
            let readings: Vec<Reading> = (0..720).map(|i| Reading { at: Timestamp::from_s(1_700_000_000 + i * 120 + i % 2), value: 1.0 }).collect();
            let mut bytes = History::from_readings(&readings).to_bytes();
            let at = flip % bytes.len();
            bytes[at] ^= 1 << bit;
            bytes.truncate(cut);
            if let Some(history) = History::from_bytes(&bytes) {
                let _ = history.window(Timestamp::from_s(1_700_090_000), std::time::Duration::from_secs(120), std::time::Duration::MAX, std::time::Duration::MAX);
            }
        }
    }
}
