//! The wire against the vectors of existing clients, and against everything else.

use std::fmt::Debug;

use proptest::prelude::*;

use super::*;
use crate::fleet::{CarId, Damage, Kind, MapId};

const EACH_WORD: [ErrorCode; 6] = [
    ErrorCode::InvalidFormat,
    ErrorCode::DuplicateName,
    ErrorCode::InvalidCoordinate,
    ErrorCode::InvalidData,
    ErrorCode::Internal,
    ErrorCode::Database,
];

fn secret() -> Secret {
    Secret::new("testkey").expect("a key")
}

fn name(text: &str) -> WireName {
    WireName::cut(text).expect("a name")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A vector holds in both directions.
fn vector<P: PacketV1 + PartialEq + Debug>(packet: P, want: &str) {
    let frame = encode(&packet, &secret().shared());
    assert_eq!(hex(&frame), want);
    assert_eq!(decode::<P>(&frame, &secret().shared()), Ok(packet));
}

#[test]
fn existing_clients_connect_unchanged() {
    let vehicle = VehicleId(3);
    let register = FromVehicle::Register { vehicle, kind: Kind::Police, name: name("POLICE_2") };
    vector(register, "a00300000000504f4c4943455f3200008a0be2ec2ea785e52b94c254e69caf04");
    vector(
        FromVehicle::Position { vehicle, x: 1.5, y: -2.25 },
        "13030000000000c03f000010c06af6cba563ddaf189fd7439770610e60",
    );
    let status = FromVehicle::Status { vehicle, fuel: 90, collision_count: 1, status: Damage::HalfDestroyed };
    vector(status, "12030000005a0101bdd717873410c1983fbf188bf23ac4a8");
    vector(
        FromVehicle::Catch { catcher: vehicle, runner: VehicleId(2) },
        "fe03000000020000000b1c77833eb1d2f312491f9864608c00",
    );
}

#[test]
fn existing_dashboards_connect_unchanged() {
    let id = CarId(7);
    let known = ToFront::Registered { id, vehicle: VehicleId(3), kind: Kind::Police, name: name("POLICE_2") };
    vector(known, "a2070000000300000000504f4c4943455f320000c33e2ec0372d8670b93efd8abd0072eb");
    let state = ToFront::State { id, collision_count: 1, status: Damage::HalfDestroyed, fuel: 90 };
    vector(state, "100700000001015a1f696a3cb294f15d012fb6bff43ac3e5");
}

#[test]
fn every_frame_has_its_size() {
    let key = secret().shared();
    let (v, id) = (VehicleId(1), CarId(1));
    let from = |p: FromVehicle| encode(&p, &key).len();
    assert_eq!(from(FromVehicle::Register { vehicle: v, kind: Kind::Runner, name: name("runner") }), 32);
    assert_eq!(from(FromVehicle::Position { vehicle: v, x: 0.0, y: 0.0 }), 29);
    assert_eq!(from(FromVehicle::CatchFailed { catcher: v, runner: v }), 25);
    let to = |p: ToVehicle| encode(&p, &key).len();
    assert_eq!(to(ToVehicle::Nack(ErrorCode::InvalidData)), 18);
    assert_eq!(to(ToVehicle::Run { runner: v }), 21);
    assert_eq!(to(ToVehicle::Target { runner: v, x: 0.0, y: 0.0 }), 29);
    assert_eq!(to(ToVehicle::Catch { catcher: v, runner: v }), 25);
    let front = |p: &ToFront| encode(p, &key).len();
    let cars = vec![CarPosition { id, x: 0.0, y: 0.0 }; POSITIONS_MAX + 3];
    let sizes: Vec<usize> = Positions::frames(MapId(1), &cars).map(|f| front(&f)).collect();
    assert_eq!(sizes, [25 + 12 * POSITIONS_MAX, 25 + 12 * 3]);
    assert_eq!(front(&ToFront::trace(id, TraceStatus::Run, crate::Timestamp::Y2000)), 26);
    assert_eq!(front(&ToFront::CatchFailed { catcher: id, runner: id }), 25);
    assert_eq!(front(&ToFront::SystemError(ErrorCode::Internal)), 18);
    let order = |p: ToVehicleV2| encode_v2(&p, Stamp::default(), &key).len();
    assert_eq!(order(ToVehicleV2::Registered { vehicle: v, id, session: 1 }), 13 + 8 + 16);
    assert_eq!(order(ToVehicleV2::Control { vehicle: v, command: Command::Stop, plan_no: 1 }), 10 + 8 + 16);
}

#[test]
fn says_why_a_frame_is_refused() {
    let key = secret().shared();
    let signed = |body: &[u8]| seal(body.to_vec(), &key);
    let read = |bytes: &[u8]| decode::<FromVehicle>(bytes, &key).expect_err("bad");
    assert_eq!(read(&[]), FrameError::Short(0));
    assert_eq!(read(&[0x13; 16]), FrameError::Short(16));
    assert_eq!(read(&[0x13; 29]), FrameError::Tag);
    assert_eq!(read(&signed(&[0x77, 0, 0])), FrameError::Type(0x77));
    assert_eq!(read(&signed(&[0x13, 0, 0])), FrameError::Size(0x13));
    assert_eq!(read(&signed(&[0x13; 14])), FrameError::Size(0x13));
    assert_eq!(read(&signed(&[0x12, 1, 0, 0, 0, 9, 9, 3])), FrameError::Word { field: "status", value: 3 });
    let mut nameless = vec![0xA0; 6];
    nameless.extend([0xC3; 10]);
    assert_eq!(read(&signed(&nameless)), FrameError::Name);
    let lying = signed(&[0x11, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(decode::<ToFront>(&lying, &key), Err(FrameError::Size(0x11)));
    assert_eq!(Secret::new("").expect_err("no key"), SecretError);
}

#[test]
fn a_bad_frame_is_answered_as_ever() {
    let nack = Answer::Nack(ErrorCode::InvalidFormat);
    for (channel, first, want) in [
        (Channel::Vehicles, 0xA0, Answer::Drop),
        (Channel::Vehicles, 0x13, Answer::Drop),
        (Channel::Vehicles, 0x12, nack),
        (Channel::Vehicles, 0x77, Answer::Drop),
        (Channel::Events, 0xFE, nack),
        (Channel::Events, 0x77, nack),
    ] {
        assert_eq!(Answer::to_bad_frame(channel, &[first, 0]), want, "{channel:?} {first:#x}");
    }
    assert_eq!(Answer::to_bad_frame(Channel::Events, &[]), Answer::Drop);
}

/// Made with an independent implementation (Python's `hmac` and `hashlib`); `docs/fleet.md` shows the same.
#[test]
fn version_2_vectors() {
    let key = secret().of_vehicle(VehicleId(3));
    let stamp = Stamp { session: 5, counter: 9 };
    let position = FromVehicle::Position { vehicle: VehicleId(3), x: 1.5, y: -2.25 };
    let frame = encode_v2(&position, stamp, &key);
    assert_eq!(hex(&frame), "13030000000000c03f000010c00500000009000000c5b4db8d1005f0ca542199496b435dcc");
    let deploy = ToVehicleV2::Deploy {
        vehicle: VehicleId(3),
        plan_no: 12,
        x: 100.0,
        y: -50.5,
        heading_rad: 1.25,
        arrive_by_s: 7.5,
    };
    let frame = encode_v2(&deploy, stamp, &key);
    assert_eq!(
        hex(&frame),
        "20030000000c0000000000c84200004ac20000a03f0000f0400500000009000000a7fc8232e287fc321049f70f41a5ce79"
    );
}

#[test]
fn a_vehicles_key_is_its_own_and_its_frames_cannot_be_sent_back() {
    let (three, four) = (secret().of_vehicle(VehicleId(3)), secret().of_vehicle(VehicleId(4)));
    let catch = FromVehicle::Catch { catcher: VehicleId(3), runner: VehicleId(2) };
    let frame = encode_v2(&catch, Stamp { session: 1, counter: 1 }, &three);
    assert_eq!(claimed_sender(&frame), Some(VehicleId(3)));
    assert_eq!(decode_v2::<FromVehicle>(&frame, &four), Err(FrameError::Tag));
    assert_eq!(decode_v2::<FromVehicle>(&frame, &secret().shared()), Err(FrameError::Tag));
    assert_eq!(decode::<FromVehicle>(&frame, &three), Err(FrameError::Size(0xFE)));
    assert!(decode_v2::<ToVehicleV2>(&frame, &three).is_err(), "the directions share no type");
    assert_eq!(claimed_sender(&[0xFE, 1, 2, 3]), None);
}

fn finite() -> impl Strategy<Value = f32> {
    prop::num::f32::NORMAL | prop::num::f32::ZERO
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Police), Just(Kind::Runner)]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![Just(Damage::Normal), Just(Damage::HalfDestroyed), Just(Damage::CompleteDestroyed)]
}

fn wire_name() -> impl Strategy<Value = WireName> {
    "[^\0]{1,12}".prop_filter_map("cut to nothing", |text| WireName::cut(&text).ok())
}

fn vehicle() -> impl Strategy<Value = VehicleId> {
    any::<u32>().prop_map(VehicleId)
}

fn car() -> impl Strategy<Value = CarId> {
    any::<u32>().prop_map(CarId)
}

fn from_vehicle() -> impl Strategy<Value = FromVehicle> {
    prop_oneof![
        (vehicle(), kind(), wire_name()).prop_map(|(vehicle, kind, name)| FromVehicle::Register {
            vehicle,
            kind,
            name
        }),
        (vehicle(), finite(), finite()).prop_map(|(vehicle, x, y)| FromVehicle::Position { vehicle, x, y }),
        (vehicle(), any::<u8>(), any::<u8>(), damage()).prop_map(
            |(vehicle, fuel, collision_count, status)| {
                FromVehicle::Status { vehicle, fuel, collision_count, status }
            }
        ),
        (vehicle(), vehicle()).prop_map(|(catcher, runner)| FromVehicle::Catch { catcher, runner }),
        (vehicle(), vehicle()).prop_map(|(catcher, runner)| FromVehicle::CatchFailed { catcher, runner }),
    ]
}

fn to_vehicle() -> impl Strategy<Value = ToVehicle> {
    prop_oneof![
        prop::sample::select(&EACH_WORD).prop_map(ToVehicle::Nack),
        vehicle().prop_map(|runner| ToVehicle::Run { runner }),
        (vehicle(), finite(), finite()).prop_map(|(runner, x, y)| ToVehicle::Target { runner, x, y }),
        (vehicle(), vehicle()).prop_map(|(catcher, runner)| ToVehicle::Catch { catcher, runner }),
        (vehicle(), vehicle()).prop_map(|(catcher, runner)| ToVehicle::CatchFailed { catcher, runner }),
    ]
}

fn to_vehicle_v2() -> impl Strategy<Value = ToVehicleV2> {
    let command = prop_oneof![Just(Command::Stop), Just(Command::Resume), Just(Command::Return)];
    prop_oneof![
        to_vehicle().prop_map(ToVehicleV2::Plain),
        (vehicle(), car(), any::<u32>()).prop_map(|(vehicle, id, session)| ToVehicleV2::Registered {
            vehicle,
            id,
            session
        }),
        (vehicle(), any::<u32>(), [finite(), finite(), finite(), finite()]).prop_map(
            |(vehicle, plan_no, [x, y, heading_rad, arrive_by_s])| ToVehicleV2::Deploy {
                vehicle,
                plan_no,
                x,
                y,
                heading_rad,
                arrive_by_s
            }
        ),
        (vehicle(), command, any::<u32>()).prop_map(|(vehicle, command, plan_no)| ToVehicleV2::Control {
            vehicle,
            command,
            plan_no
        }),
    ]
}

fn to_front() -> impl Strategy<Value = ToFront> {
    let status = prop_oneof![Just(TraceStatus::Run), Just(TraceStatus::Catch), Just(TraceStatus::Failed)];
    let position = (car(), finite(), finite()).prop_map(|(id, x, y)| CarPosition { id, x, y });
    prop_oneof![
        (car(), vehicle(), kind(), wire_name()).prop_map(|(id, vehicle, kind, name)| ToFront::Registered {
            id,
            vehicle,
            kind,
            name
        }),
        (any::<u32>(), prop::collection::vec(position, 1..20))
            .prop_map(|(map, cars)| { Positions::frames(MapId(map), &cars).next().expect("at least one") }),
        (car(), any::<u8>(), damage(), any::<u8>()).prop_map(|(id, collision_count, status, fuel)| {
            ToFront::State { id, collision_count, status, fuel }
        }),
        (car(), status, finite()).prop_map(|(runner, status, unix_s)| ToFront::Trace {
            runner,
            status,
            unix_s
        }),
        (car(), car()).prop_map(|(catcher, runner)| ToFront::Catch { catcher, runner }),
        (car(), car()).prop_map(|(catcher, runner)| ToFront::CatchFailed { catcher, runner }),
        prop::sample::select(&EACH_WORD).prop_map(ToFront::SystemError),
    ]
}

/// Both versions give back what was sent; one flipped bit, anywhere, and they give nothing.
fn survives_and_detects<P: PacketV1 + PartialEq + Debug>(packet: &P, stamp: Stamp, flip: usize) {
    let key = secret().shared();
    let mut frame = encode(packet, &key);
    assert_eq!(decode::<P>(&frame, &key).as_ref(), Ok(packet));
    let bit = flip % (frame.len() * 8);
    frame[bit / 8] ^= 1 << (bit % 8);
    assert_eq!(decode::<P>(&frame, &key), Err(FrameError::Tag));
    survives_and_detects_v2(packet, stamp, flip);
}

fn survives_and_detects_v2<P: Packet + PartialEq + Debug>(packet: &P, stamp: Stamp, flip: usize) {
    let key = secret().of_vehicle(VehicleId(9));
    let mut frame = encode_v2(packet, stamp, &key);
    let (back, seen) = decode_v2::<P>(&frame, &key).expect("just encoded");
    assert_eq!((&back, seen), (packet, stamp));
    let bit = flip % (frame.len() * 8);
    frame[bit / 8] ^= 1 << (bit % 8);
    assert_eq!(decode_v2::<P>(&frame, &key), Err(FrameError::Tag));
}

proptest! {
    #[test]
    fn what_is_sent_arrives_or_nothing_does(
        from in from_vehicle(), to in to_vehicle(), order in to_vehicle_v2(), front in to_front(),
        session in any::<u32>(), counter in any::<u32>(), flip in any::<usize>(),
    ) {
        let stamp = Stamp { session, counter };
        survives_and_detects(&from, stamp, flip);
        survives_and_detects(&to, stamp, flip);
        survives_and_detects(&front, stamp, flip);
        survives_and_detects_v2(&order, stamp, flip);
        prop_assert!(encode_v2(&from, stamp, &secret().shared()).len() <= FROM_VEHICLE_BYTES_MAX);
    }

    #[test]
    fn any_float_travels_bit_by_bit(x in any::<u32>(), y in any::<u32>()) {
        let key = secret().shared();
        let sent = FromVehicle::Position { vehicle: VehicleId(1), x: f32::from_bits(x), y: f32::from_bits(y) };
        let frame = encode(&sent, &key);
        let back = decode::<FromVehicle>(&frame, &key).expect("NaN is for the rules to refuse");
        prop_assert_eq!(encode(&back, &key), frame);
    }

    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..80), kind in any::<u8>()) {
        let key = secret().shared();
        let typed = [&[kind], body.as_slice()].concat();
        // Unsigned bytes, and the same bytes from a sender that has the key.
        for frame in [body.clone(), typed.clone(), seal(typed, &key)] {
            let _ = decode::<FromVehicle>(&frame, &key);
            let _ = decode::<ToVehicle>(&frame, &key);
            let _ = decode::<ToFront>(&frame, &key);
            let _ = decode_v2::<FromVehicle>(&frame, &key);
            let _ = decode_v2::<ToVehicleV2>(&frame, &key);
            let _ = claimed_sender(&frame);
            let _ = Answer::to_bad_frame(Channel::Vehicles, &frame);
        }
    }
}
