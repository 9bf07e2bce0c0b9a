//! The guard: windows, shutting out, slowing down, forgiving, bounded memory.

use super::*;
use proptest::prelude::*;

const NOW: UnixSeconds = 1_800_000_000;
const ALICE: AccountTag = [1; 16];
const MALLORY: AccountTag = [2; 16];

fn at(address: &str, account: AccountTag) -> Attempt {
    Attempt::new(address.parse().unwrap(), Some(account))
}

fn fail(guard: &mut Guard, attempt: Attempt, now: UnixSeconds) {
    guard.begin(attempt, now).unwrap();
    guard.failed(attempt, now);
}

#[test]
fn five_failures_shut_an_address_out_for_fifteen_minutes() {
    let mut guard = Guard::new(Limits::default());
    for i in 0..5 {
        fail(&mut guard, at("192.0.2.1", [i; 16]), NOW + i64::from(i));
    }
    assert_eq!(guard.begin(at("192.0.2.1", ALICE), NOW + 4), Err(RetryAfter(900)));
    assert_eq!(guard.begin(at("192.0.2.1", ALICE), NOW + 903), Err(RetryAfter(1)));
    assert_eq!(guard.begin(at("192.0.2.1", ALICE), NOW + 904), Ok(()));
    assert_eq!(guard.begin(at("192.0.2.2", MALLORY), NOW + 4), Ok(()));
}

#[test]
fn the_window_slides() {
    let mut guard = Guard::new(Limits::default());
    for i in 0..20 {
        fail(&mut guard, at("192.0.2.1", [0; 16]), NOW + i64::from(i) * 76);
    }
}

#[test]
fn defect_019_an_account_is_slowed_whatever_the_address_but_never_locked() {
    let mut guard = Guard::new(Limits::default());
    let mut now = NOW;
    for i in 0..40u8 {
        let attempt = at(&format!("192.0.2.{i}"), ALICE);
        if let Err(RetryAfter(seconds)) = guard.begin(attempt, now) {
            assert!(i >= 5 && seconds <= 60, "{i}: {seconds}");
            now += i64::try_from(seconds).unwrap();
            guard.begin(attempt, now).unwrap();
        }
        guard.failed(attempt, now);
    }
    assert!(now - NOW > 300, "forty guesses took only {} s", now - NOW);
    let owner = at("198.51.100.7", ALICE);
    guard.begin(owner, now + 60).unwrap();
    guard.succeeded(owner);
    guard.begin(owner, now + 60).unwrap();
}

#[test]
fn defect_019_guesses_at_one_account_from_many_addresses_do_not_run_side_by_side() {
    let mut guard = Guard::new(Limits::default());
    let from = |i: u8| at(&format!("192.0.2.{i}"), ALICE);
    for i in 0..5 {
        guard.begin(from(i), NOW).unwrap();
    }
    assert_eq!(guard.begin(from(5), NOW), Err(RetryAfter(1)));
    assert_eq!(guard.begin(at("192.0.2.5", MALLORY), NOW), Ok(()));
    guard.succeeded(from(0));
    assert_eq!(guard.begin(from(5), NOW), Ok(()), "a place is free, the others still count");
    assert_eq!(guard.begin(from(6), NOW), Err(RetryAfter(1)));
    for i in 1..6 {
        guard.abandoned(from(i));
    }
    guard.abandoned(at("192.0.2.5", MALLORY));
    assert_eq!(guard.begin(from(7), NOW), Ok(()));
}

#[test]
fn an_ipv6_site_is_one_address_and_mapped_ipv4_is_ipv4() {
    let mut guard = Guard::new(Limits::default());
    for i in 0..5u8 {
        fail(&mut guard, at(&format!("2001:db8:1:2::{i:x}"), [i; 16]), NOW);
        fail(&mut guard, at(if i % 2 == 0 { "::ffff:192.0.2.9" } else { "192.0.2.9" }, [i + 10; 16]), NOW);
    }
    assert!(guard.begin(at("2001:db8:1:2:ffff::1", ALICE), NOW).is_err());
    assert!(guard.begin(at("2001:db8:1:3::1", ALICE), NOW).is_ok());
    assert!(guard.begin(at("192.0.2.9", ALICE), NOW).is_err());
}

#[test]
fn ones_own_success_does_not_forgive_guesses_at_others() {
    let mut guard = Guard::new(Limits::default());
    let own = at("192.0.2.1", MALLORY);
    for _ in 0..4 {
        fail(&mut guard, at("192.0.2.1", ALICE), NOW);
        guard.begin(own, NOW).unwrap();
        guard.succeeded(own);
    }
    fail(&mut guard, at("192.0.2.1", ALICE), NOW);
    assert!(guard.begin(own, NOW).is_err());
}

#[test]
fn a_success_forgives_ones_own_slips() {
    let mut guard = Guard::new(Limits::default());
    for _ in 0..10 {
        for _ in 0..4 {
            fail(&mut guard, at("192.0.2.1", ALICE), NOW);
        }
        guard.begin(at("192.0.2.1", ALICE), NOW).unwrap();
        guard.succeeded(at("192.0.2.1", ALICE));
    }
}

#[test]
fn guesses_side_by_side_do_not_pass_before_the_first_has_failed() {
    let mut guard = Guard::new(Limits::default());
    fail(&mut guard, at("192.0.2.1", ALICE), NOW);
    let begun = (0..50).filter(|_| guard.begin(at("192.0.2.1", ALICE), NOW).is_ok()).count();
    assert_eq!(begun, 4);
    guard.abandoned(at("192.0.2.1", ALICE));
    assert!(guard.begin(at("192.0.2.1", ALICE), NOW).is_ok());
}

#[test]
fn many_at_once_from_one_address_without_failures_are_no_guessing() {
    let mut guard = Guard::new(Limits::default());
    for i in 0..40 {
        guard.begin(at("192.0.2.1", [i; 16]), NOW).unwrap();
    }
}

proptest! {
    #[test]
    fn memory_is_bounded_and_the_books_agree(steps in proptest::collection::vec((any::<u16>(), 0u8..40, 0u8..4, 0i64..50), 1..400)) {
        let limits = Limits { remembered: 16, ..Limits::default() };
        let mut guard = Guard::new(limits);
        let mut now = NOW;
        for (host, account, what, pause) in steps {
            now += pause;
            let attempt = Attempt::new(IpAddr::from([10, 0, host.to_be_bytes()[0] % 4, host.to_be_bytes()[1]]), Some([account; 16]));
            if guard.begin(attempt, now).is_ok() {
                match what {
                    0 => guard.succeeded(attempt),
                    1 => guard.abandoned(attempt),
                    _ => guard.failed(attempt, now),
                }
            }
            prop_assert!(guard.len() <= limits.remembered);
            prop_assert_eq!(guard.entries.len(), guard.by_age.len());
        }
    }

    #[test]
    fn no_address_guesses_faster_than_the_limit(pauses in proptest::collection::vec(0i64..120, 1..300)) {
        let limits = Limits::default();
        let mut guard = Guard::new(limits);
        let (mut now, mut guesses) = (NOW, Vec::new());
        for (i, pause) in pauses.into_iter().enumerate() {
            now += pause;
            let mut account = [0; 16];
            account[..8].copy_from_slice(&(i as u64).to_be_bytes());
            if guard.begin(at("192.0.2.1", account), now).is_ok() {
                guard.failed(at("192.0.2.1", account), now);
                guesses.push(now);
            }
        }
        for start in &guesses {
            let inside = guesses.iter().filter(|t| (*start..start + limits.window).contains(t)).count();
            prop_assert!(inside <= limits.failures);
        }
    }
}
