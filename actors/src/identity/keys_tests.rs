use super::*;

fn clock() -> Clock {
    Clock::system()
}

fn dir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("nightshift-keys-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("directory");
    dir
}

#[test]
fn keys_are_made_once_and_only_their_owner_may_read_them() {
    let path = dir("once").join("jwt.keys");
    let first = KeyRing::open(&path, clock()).expect("made").newest();
    let mode = fs::metadata(&path).expect("file").permissions().mode() & 0o777;
    assert_eq!(mode, OWNER_ONLY);
    assert_eq!(KeyRing::open(&path, clock()).expect("read").newest().kid, first.kid);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("mode");
    let refused = KeyRing::open(&path, clock()).expect_err("readable by others").to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
    assert!(!format!("{first:?}").contains(&first.key));
}

#[tokio::test(start_paused = true)]
async fn a_rotation_reaches_a_running_ring_and_keeps_the_key_before() {
    let path = dir("rotate").join("jwt.keys");
    let (clock, _hand) = Clock::simulated(1_790_000_000_000_000);
    let ring = KeyRing::open(&path, clock.clone()).expect("made");
    let first = ring.newest().kid;
    let second = KeyRing::rotate(&path, now(&clock)).expect("rotated");
    assert_eq!(ring.newest().kid, first, "not looked at yet");
    clock.sleep(LOOK_INTERVAL).await;
    assert_eq!(ring.newest().kid, second);
    assert!(ring.find(&first).is_some());
    let third = KeyRing::rotate(&path, now(&clock)).expect("rotated");
    clock.sleep(LOOK_INTERVAL).await;
    assert_eq!(ring.newest().kid, third);
    assert!(ring.find(&first).is_none() && ring.find(&second).is_some());
    for kid in ["", "../../etc/passwd", "' OR 1=1 --", "unknown"] {
        assert!(ring.find(kid).is_none(), "{kid}");
    }
}

#[test]
fn a_given_key_is_long_enough_and_keeps_its_id() {
    let key = |text: &str| KeyRing::given(&SecretString::from(text.to_owned()), clock());
    assert!(matches!(key("short"), Err(KeyError::Short)));
    let text = "h2f3TQ0Xy8mZk1s9Yw4v7u6t5r3q1p0oN+M/L8K7J6I=";
    assert_eq!(key(text).expect("base64").newest().bytes().len(), 32);
    assert_eq!(key(text).expect("base64").newest().kid, key(text).expect("again").newest().kid);
}

#[test]
fn a_damaged_file_is_refused() {
    let path = dir("damaged").join("audit.key");
    let made = key_file(&path).expect("made");
    assert_eq!(key_file(&path).expect("read"), made);
    for text in ["", "[]", "AAAA"] {
        fs::write(&path, text).expect("written");
        assert!(key_file(&path).is_err(), "{text}");
        assert!(KeyRing::open(&path, clock()).is_err(), "{text}");
    }
}
