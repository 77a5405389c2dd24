//! What the fuzzer does with its bytes. `tests/fuzz_entries.rs` does the same with seeded ones, on every run of the tests.

use nightshift_domain::fleet::VehicleId;
use nightshift_domain::fleet::map::{MapFiles, RoadMap};
use nightshift_domain::fleet::wire::{
    Answer, Channel, FrameKey, FromVehicle, Guard, Packet, PacketV1, Secret, ToFront, ToVehicle, ToVehicleV2,
    claimed_sender, decode, decode_v2, encode, encode_v2,
};

/// Names, and floats that are no numbers, have several writings: those packets are compared by what they write.
fn v1<P: PacketV1>(frame: &[u8], key: &FrameKey) {
    if let Ok(packet) = decode::<P>(frame, key) {
        let again = encode(&packet, key);
        let packet: P = decode(&again, key).expect("what was written can be read");
        assert_eq!(encode(&packet, key), again);
    }
}

fn v2<P: Packet>(frame: &[u8], key: &FrameKey) {
    if let Ok((packet, stamp)) = decode_v2::<P>(frame, key) {
        let again = encode_v2(&packet, stamp, key);
        let (packet, stamp): (P, _) = decode_v2(&again, key).expect("what was written can be read");
        assert_eq!(encode_v2(&packet, stamp, key), again);
        let guard = Guard::default();
        let _ = guard.register(stamp).map(|(guard, _)| guard.accept(stamp));
    }
}

/// Any bytes, as they come and properly signed: nothing panics, and whatever is read writes itself back to the same bytes.
#[allow(dead_code, reason = "each target has its own entry")]
pub(crate) fn frames(data: &[u8]) {
    let secret = Secret::new("testkey").expect("not empty");
    let keys = [secret.shared(), secret.of_vehicle(VehicleId(3))];
    for key in &keys {
        let signed = [data, &key.tag(data)].concat();
        for frame in [data, signed.as_slice()] {
            v1::<FromVehicle>(frame, key);
            v1::<ToVehicle>(frame, key);
            v1::<ToFront>(frame, key);
            v2::<FromVehicle>(frame, key);
            v2::<ToVehicleV2>(frame, key);
            let _ = claimed_sender(frame);
            let _ = Answer::to_bad_frame(Channel::Vehicles, frame);
            let _ = Answer::to_bad_frame(Channel::Events, frame);
        }
        // One flipped bit, and nothing is read any more.
        if let Some(last) = data.last() {
            let mut flipped = signed.clone();
            let bit = usize::from(*last) % (flipped.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                decode::<FromVehicle>(&flipped, key).is_err() && decode::<ToFront>(&flipped, key).is_err()
            );
        }
    }
}

/// Any texts as the files of a map folder: nothing panics, and a map that is taken can be asked where things are.
#[allow(dead_code, reason = "each target has its own entry")]
pub(crate) fn maps(surface: &str, links: &str) {
    let about = r#"{"map_id":9,"map_name":"Yard"}"#;
    if let Ok(map) = RoadMap::load(MapFiles { about, surface, links }) {
        for at in [[0.0, 0.0], [f64::NAN, 1.0], [1e9, -1e9]] {
            let _ = map.nearest_spot(at);
            let _ = map.nearest_node(at);
        }
    }
}
