use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_s(1_800_000_000);

/// An account with its buckets and known networks, as the store keeps them.
#[derive(Default)]
struct Account {
    buckets: HashMap<Place, Bucket>,
    known: HashMap<String, Timestamp>,
}

impl Account {
    fn attempt(&mut self, address: IpAddr, right: bool, now: Timestamp) -> Result<bool, Locked> {
        let rules = LockRules::default();
        let place = Place::of(address, self.known.get(&network_of(address)).copied(), &rules, now);
        let bucket = self.buckets.get(&place).copied().unwrap_or_default();
        bucket.check(now)?;
        if right {
            self.buckets.remove(&place);
            self.known.insert(network_of(address), now);
        } else {
            self.buckets.insert(place, bucket.failed(now, &rules));
        }
        Ok(right)
    }
}

fn v4(n: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, n])
}

#[test]
fn five_failures_lock_for_ten_minutes() {
    let mut account = Account::default();
    let s = |seconds: u64| START + Duration::from_secs(seconds);
    for i in 0..5 {
        assert_eq!(account.attempt(v4(1), false, s(i)), Ok(false));
    }
    let until = s(604);
    assert_eq!(account.attempt(v4(2), true, s(5)), Err(Locked { until }));
    assert_eq!(account.attempt(v4(2), false, s(603)), Err(Locked { until }));
    assert_eq!(account.attempt(v4(1), true, s(604)), Ok(true));
}

#[test]
fn hosts_of_one_ipv6_network_are_one() {
    let a: IpAddr = "2001:db8:1:2:aaaa::1".parse().expect("address");
    let b: IpAddr = "2001:db8:1:2:bbbb::2".parse().expect("address");
    assert_eq!(network_of(a), network_of(b));
    assert_eq!(network_of(a), "2001:db8:1:2::/64");
    assert_eq!(network_of("::ffff:10.0.0.1".parse().expect("address")), "10.0.0.1");
}

#[test]
fn old_failures_and_old_networks_are_forgotten() {
    let rules = LockRules::default();
    let mut bucket = Bucket::default();
    for _ in 0..4 {
        bucket = bucket.failed(START, &rules);
    }
    assert_eq!(bucket.tries_left(START, &rules), 1);
    assert_eq!(bucket.failed(START + rules.forget, &rules).failures, 1);
    assert_eq!(Place::of(v4(1), Some(START), &rules, START + rules.known), Place::Elsewhere);
    assert_eq!(Place::of(v4(1), None, &rules, START), Place::Elsewhere);
}

#[derive(Debug, Clone)]
struct Attempt {
    wait_s: u64,
    address: u8,
    right: bool,
}

fn attempts(addresses: std::ops::Range<u8>) -> impl Strategy<Value = Vec<Attempt>> {
    let one = (0u64..900, addresses, any::<bool>()).prop_map(|(wait_s, address, right)| Attempt {
        wait_s,
        address,
        right,
    });
    prop::collection::vec(one, 0..120)
}

proptest! {
    /// Whatever strangers do elsewhere, who knows the password gets in from a network that the account knows.
    #[test]
    fn strangers_cannot_lock_the_owner_out(strangers in attempts(10..20)) {
        let mut account = Account::default();
        let mut now = START;
        prop_assert_eq!(account.attempt(v4(1), true, now), Ok(true));
        for stranger in strangers {
            now = now + Duration::from_secs(stranger.wait_s);
            let _ = account.attempt(v4(stranger.address), false, now);
            prop_assert_eq!(account.attempt(v4(1), true, now), Ok(true));
        }
    }

    /// Five failures in a row at one place lock it, whatever came before.
    #[test]
    fn five_failures_always_lock(before in attempts(1..4), gaps in prop::collection::vec(0u64..86_400, 4)) {
        let mut account = Account::default();
        let mut now = START;
        for a in before {
            now = now + Duration::from_secs(a.wait_s);
            let _ = account.attempt(v4(a.address), a.right, now);
        }
        let mut fail = |now| {
            let _ = account.attempt(v4(1), false, now);
            account.buckets.values().any(|b| b.locked_until.is_some_and(|until| until > now))
        };
        let mut locked = fail(now);
        for gap in gaps {
            now = now + Duration::from_secs(gap);
            locked |= fail(now);
        }
        prop_assert!(locked);
    }

    /// However long somebody guesses, no more than five guesses in ten minutes are looked at.
    #[test]
    fn guesses_are_few(guesses in attempts(10..20)) {
        let mut account = Account::default();
        let mut now = START;
        let mut tried: Vec<Timestamp> = Vec::new();
        for guess in guesses {
            now = now + Duration::from_secs(guess.wait_s % 120);
            if account.attempt(v4(guess.address), false, now).is_ok() {
                tried.push(now);
            }
        }
        for six in tried.windows(6) {
            prop_assert!(six[5].since(six[0]) >= LockRules::default().lock);
        }
    }

    /// A lock ends when it said it would, whatever is tried meanwhile.
    #[test]
    fn a_lock_is_never_drawn_out(tries in prop::collection::vec(0u64..600, 0..50)) {
        let rules = LockRules::default();
        let mut bucket = Bucket::default();
        for _ in 0..5 {
            bucket = bucket.failed(START, &rules);
        }
        for wait in tries {
            bucket = bucket.failed(START + Duration::from_secs(wait), &rules);
        }
        prop_assert_eq!(bucket.locked_until, Some(START + rules.lock));
        prop_assert_eq!(bucket.check(START + rules.lock), Ok(()));
    }
}
