//! Random schedules of an owner and a thief.

use proptest::prelude::*;

use super::*;
use crate::Timestamp;
use std::time::Duration;

const START: Timestamp = Timestamp::from_s(1_800_000_000);

/// A session with all tokens that were ever given out, as the store keeps them.
struct Family {
    session: Session,
    tokens: Vec<RefreshToken>,
    rules: SessionRules,
}

/// Place of a token among those that were given out.
type Held = usize;

impl Family {
    fn new() -> (Self, Held) {
        let rules = SessionRules::default();
        let session = Session {
            id: SessionId(1),
            user_id: UserId(1),
            created_at: START,
            expires_at: START + rules.session,
            last_seen_at: START,
            generation: 0,
            ip_address: None,
            user_agent: None,
            revoked: None,
        };
        let mut family = Self { session, tokens: Vec::new(), rules };
        let first = family.issue(0, START);
        (family, first)
    }

    fn issue(&mut self, generation: u32, now: Timestamp) -> Held {
        let expires_at = self.session.refresh_ends(now, &self.rules);
        self.tokens.push(RefreshToken { session_id: SessionId(1), generation, expires_at, used: None });
        self.tokens.len() - 1
    }

    fn present(&mut self, held: Held, client: &ClientMark, now: Timestamp) -> Result<Held, RefreshRefusal> {
        match self.session.refresh(&self.tokens[held], client, &self.rules, now) {
            Ok(Refreshed::Next { generation }) => {
                self.tokens[held].used = Some((now, client.clone()));
                self.session.generation = generation;
                Ok(self.issue(generation, now))
            }
            Ok(Refreshed::Again { generation }) => Ok(self.issue(generation, now)),
            Err(RefreshRefusal::Reused) => {
                self.session.revoked = Some(Revoked { at: now, reason: RevokeReason::Reused });
                Err(RefreshRefusal::Reused)
            }
            Err(other) => Err(other),
        }
    }
}

fn mark(name: &str) -> ClientMark {
    ClientMark::of(None, name)
}

#[test]
fn a_lost_answer_is_given_again_and_only_then() {
    let s = |seconds: u64| START + Duration::from_secs(seconds);
    let owner = mark("owner");
    let (mut family, first) = Family::new();
    let lost = family.present(first, &owner, s(60)).expect("first use");
    let again = family.present(first, &owner, s(90)).expect("within the grace");
    assert_eq!(family.tokens[again].generation, family.tokens[lost].generation);
    family.present(again, &owner, s(91)).expect("the one that arrived");
    assert_eq!(family.present(first, &owner, s(92)), Err(RefreshRefusal::Reused), "its successor was used");
    assert_eq!(family.present(again, &owner, s(92)), Err(RefreshRefusal::Revoked));

    let (mut family, first) = Family::new();
    family.present(first, &owner, s(60)).expect("first use");
    assert_eq!(family.present(first, &owner, s(91)), Err(RefreshRefusal::Reused), "after the grace");

    let (mut family, first) = Family::new();
    family.present(first, &owner, s(60)).expect("first use");
    assert_eq!(family.present(first, &mark("thief"), s(61)), Err(RefreshRefusal::Reused), "another client");

    let (mut family, first) = Family::new();
    let lost = family.present(first, &owner, s(60)).expect("first use");
    let again = family.present(first, &owner, s(61)).expect("again");
    family.present(lost, &owner, s(62)).expect("the late answer arrived");
    assert_eq!(family.present(again, &owner, s(63)), Err(RefreshRefusal::Reused), "one of two was used");
}

#[test]
fn nothing_outlives_the_session() {
    let (mut family, first) = Family::new();
    let (session, rules) = (family.session.clone(), family.rules);
    let end = START + rules.session;
    assert_eq!(session.access_ends(end - Duration::from_secs(60), &rules), end);
    assert_eq!(session.access_ends(START, &rules), START + rules.access);
    assert_eq!(session.refresh_ends(START, &rules), end);
    assert_eq!(family.present(first, &mark("owner"), end), Err(RefreshRefusal::Expired));
    assert!(!session.is_valid(end));
    assert!(family.session.revoked.is_none());
}

#[test]
fn marks_tell_clients_apart() {
    let a = ClientMark::of(Some("10.0.0.1".parse().expect("address")), "curl");
    assert_eq!(a, ClientMark::stored(a.as_str()));
    assert_ne!(a, ClientMark::of(Some("10.0.0.2".parse().expect("address")), "curl"));
    assert_ne!(a, ClientMark::of(Some("10.0.0.1".parse().expect("address")), "curl/8"));
    for reason in RevokeReason::ALL {
        assert_eq!(RevokeReason::read(reason.as_str()), Some(reason));
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// The owner refreshes; the answer arrives or is lost, and then he tries again with what he has.
    Owner { wait_s: u64, lost: bool },
    /// The thief presents one of the tokens he holds.
    Thief { wait_s: u64, pick: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        (0u64..1_200, any::<bool>()).prop_map(|(wait_s, lost)| Step::Owner { wait_s, lost }),
        (0u64..1_200, any::<usize>()).prop_map(|(wait_s, pick)| Step::Thief { wait_s, pick }),
        (0u64..40, any::<usize>()).prop_map(|(wait_s, pick)| Step::Thief { wait_s, pick }),
    ];
    prop::collection::vec(one, 0..40)
}

/// What happened since the theft.
#[derive(Default)]
struct Since {
    /// Refreshes of the owner, his repetitions of one token counted once.
    owner_refreshes: u32,
    /// Whether the thief was given something after the owner's refreshes so far.
    thief_gains: Vec<u32>,
}

/// Plays `steps` after a theft of the owner's token and says after how many of the owner's refreshes the thief still
/// gained something.
fn play(steps: Vec<Step>, owner: &ClientMark, thief: &ClientMark) -> Since {
    let (mut family, mut mine) = Family::new();
    let mut stolen = vec![mine];
    let mut since = Since::default();
    let mut repeated: Option<Held> = None;
    let mut now = START;
    for step in steps {
        match step {
            Step::Owner { wait_s, lost } => {
                now = now + Duration::from_secs(wait_s);
                let presented = mine;
                let answer = family.present(presented, owner, now);
                if repeated != Some(presented) {
                    since.owner_refreshes += 1;
                }
                repeated = Some(presented);
                match answer {
                    Ok(next) if !lost => mine = next,
                    _ => {}
                }
            }
            Step::Thief { wait_s, pick } => {
                now = now + Duration::from_secs(wait_s);
                let held = stolen[pick % stolen.len()];
                if let Ok(gained) = family.present(held, thief, now) {
                    stolen.push(gained);
                    since.thief_gains.push(since.owner_refreshes);
                }
            }
        }
    }
    since
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Once the owner has refreshed, a thief elsewhere gains nothing any more, whoever was first.
    #[test]
    fn a_stolen_token_does_not_survive_its_owner_s_next_refresh(steps in steps()) {
        let since = play(steps, &mark("owner"), &mark("thief"));
        prop_assert!(since.thief_gains.iter().all(|refreshes| *refreshes == 0), "{:?}", since.thief_gains);
    }

    /// A thief who passes for the owner's own client may profit from the grace of the refresh after the theft; the
    /// next one ends it.
    #[test]
    fn not_even_a_perfect_double_survives_the_second(steps in steps()) {
        let since = play(steps, &mark("owner"), &mark("owner"));
        prop_assert!(since.thief_gains.iter().all(|refreshes| *refreshes <= 1), "{:?}", since.thief_gains);
    }

    /// Without a thief, a client that repeats at once what got no answer is never signed out before the session ends.
    #[test]
    fn an_honest_client_stays_signed_in(waits in prop::collection::vec((31u64..900, 0u32..3), 0..30)) {
        let (mut family, mut mine) = Family::new();
        let mut now = START;
        for (wait_s, lost) in waits {
            now = now + Duration::from_secs(wait_s);
            if now + Duration::from_secs(30) >= family.session.expires_at {
                break;
            }
            for _ in 0..lost {
                prop_assert!(family.present(mine, &mark("owner"), now).is_ok());
                now = now + Duration::from_secs(10);
            }
            let answer = family.present(mine, &mark("owner"), now);
            prop_assert!(answer.is_ok(), "{answer:?}");
            mine = answer.expect("checked");
        }
    }
}
