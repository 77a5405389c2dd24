//! The fuzzer's entries on stable Rust, with so many seeded bytes that a run of the tests takes no longer for them: every seed
//! of `fuzz/seeds`, mutated, and bytes of any kind.

#[path = "../fuzz/entries.rs"]
mod entries;

use std::path::Path;

/// Mutations of each seed, and strings of any bytes.
const ROUNDS: u32 = 2_000;
/// Longest string of any bytes.
const BYTES_MAX: usize = 80;

/// The same numbers at every run (S. Vigna's SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("below 256")
    }
}

/// One to four changes: a byte set, added, taken away, or the rest cut off.
fn mutated(bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len() + 1);
        match chance.below(4) {
            0 if at < bytes.len() => bytes[at] = chance.byte(),
            1 => bytes.insert(at, chance.byte()),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at * 2 > bytes.len() => bytes.truncate(at),
            _ => {}
        }
    }
    bytes
}

#[test]
fn frames_of_any_bytes() {
    let mut chance = Chance(7);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/frames");
    let seeds =
        std::fs::read_dir(folder).expect("seeds").map(|seed| std::fs::read(seed.expect("seed").path()));
    let seeds: Vec<Vec<u8>> = seeds.map(|seed| seed.expect("bytes")).collect();
    assert!(!seeds.is_empty());
    for seed in &seeds {
        entries::frames(seed);
        // Without its tag the entry signs it itself, so that what lies behind the tag is reached too.
        let body = &seed[..seed.len().saturating_sub(16)];
        for _ in 0..ROUNDS {
            entries::frames(&mutated(body, &mut chance));
        }
    }
    for _ in 0..ROUNDS {
        let length = chance.below(BYTES_MAX + 1);
        let bytes: Vec<u8> = (0..length).map(|_| chance.byte()).collect();
        entries::frames(&bytes);
    }
}

#[test]
fn maps_of_any_texts() {
    let mut chance = Chance(11);
    let links = r#"{"nodes":[{"id":1,"x":0.0,"y":0.0},{"id":2,"x":120.0,"y":0.0,"exit":true}],"links":[{"id":1,"from":1,"to":2,"speed_limit_kmh":50,"lanes":2}]}"#;
    let surface = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}}]}"#;
    entries::maps(surface, links);
    let text = |text: &str, chance: &mut Chance| {
        String::from_utf8_lossy(&mutated(text.as_bytes(), chance)).into_owned()
    };
    for _ in 0..ROUNDS {
        entries::maps(&text(surface, &mut chance), links);
        entries::maps(surface, &text(links, &mut chance));
    }
}
