//! The guard: windows, blocking, slowing down, clearing, bounded memory.

use super::*;
use proptest::prelude::*;
use std::net::IpAddr;

const NOW: UnixSeconds = 1_800_000_000;
const ALICE: AccountTag = [1; 16];
const MALLORY: AccountTag = [2; 16];

fn at(address: &str, account: AccountTag) -> Attempt {
    Attempt::new(address.parse().unwrap(), Some(account))
}

fn fail(guard: &mut Guard, attempt: Attempt, now: UnixSeconds) {
    let attempt = guard.begin(attempt, now).unwrap();
    guard.failed(attempt, now);
}

fn succeed(guard: &mut Guard, attempt: Attempt, now: UnixSeconds) {
    let attempt = guard.begin(attempt, now).unwrap();
    guard.succeeded(attempt, now);
}

fn try_it(guard: &mut Guard, attempt: Attempt, now: UnixSeconds) -> Result<(), RetryAfter> {
    guard.begin(attempt, now).map(drop)
}

#[test]
fn five_failures_block_an_address_for_fifteen_minutes() {
    let mut guard = Guard::new(Limits::default());
    for i in 0..5 {
        fail(&mut guard, at("192.0.2.1", [i; 16]), NOW + i64::from(i));
    }
    assert_eq!(try_it(&mut guard, at("192.0.2.1", ALICE), NOW + 4), Err(RetryAfter(900)));
    assert_eq!(try_it(&mut guard, at("192.0.2.1", ALICE), NOW + 903), Err(RetryAfter(1)));
    assert_eq!(try_it(&mut guard, at("192.0.2.1", ALICE), NOW + 904), Ok(()));
    assert_eq!(try_it(&mut guard, at("192.0.2.2", MALLORY), NOW + 4), Ok(()));
}

#[test]
fn failures_reduce_the_attempts_that_are_left() {
    let mut guard = Guard::new(Limits::default());
    let attempt = at("192.0.2.1", ALICE);
    for left in (0..5).rev() {
        assert_eq!(guard.left(attempt, NOW), left + 1);
        fail(&mut guard, attempt, NOW);
        assert_eq!(guard.left(attempt, NOW), left);
    }
    assert_eq!(guard.left(at("192.0.2.2", ALICE), NOW), 5, "of this source only");
    assert_eq!(guard.left(attempt, NOW + 900), 5);
}

#[test]
fn the_window_slides() {
    let mut guard = Guard::new(Limits::default());
    for i in 0..20 {
        fail(&mut guard, at("192.0.2.1", [0; 16]), NOW + i64::from(i) * 76);
    }
}

#[test]
fn an_account_is_slowed_down_but_never_locked() {
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
    succeed(&mut guard, owner, now + 60);
    succeed(&mut guard, owner, now + 60);
}

#[test]
fn guesses_from_many_addresses_do_not_run_concurrently() {
    let mut guard = Guard::new(Limits::default());
    let from = |i: u8| at(&format!("192.0.2.{i}"), ALICE);
    for i in 0..5 {
        guard.begin(from(i), NOW).unwrap();
    }
    assert_eq!(try_it(&mut guard, from(5), NOW), Err(RetryAfter(1)));
    assert_eq!(try_it(&mut guard, at("192.0.2.5", MALLORY), NOW), Ok(()));
    guard.succeeded(from(0), NOW);
    assert_eq!(try_it(&mut guard, from(5), NOW), Ok(()), "one slot is free, the others still count");
    assert_eq!(try_it(&mut guard, from(6), NOW), Err(RetryAfter(1)));
    for i in 1..6 {
        guard.abandoned(from(i));
    }
    guard.abandoned(at("192.0.2.5", MALLORY));
    assert_eq!(try_it(&mut guard, from(7), NOW), Ok(()));
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
fn a_success_does_not_clear_failures_at_other_accounts() {
    let mut guard = Guard::new(Limits::default());
    let own = at("192.0.2.1", MALLORY);
    for _ in 0..4 {
        fail(&mut guard, at("192.0.2.1", ALICE), NOW);
        succeed(&mut guard, own, NOW);
    }
    fail(&mut guard, at("192.0.2.1", ALICE), NOW);
    assert!(guard.begin(at("192.0.2.1", ALICE), NOW).is_err());
    assert!(guard.begin(own, NOW).is_ok(), "the guesser's own account is not affected");
}

#[test]
fn a_success_clears_the_failures_of_its_address() {
    let mut guard = Guard::new(Limits::default());
    for _ in 0..10 {
        for _ in 0..4 {
            fail(&mut guard, at("192.0.2.1", ALICE), NOW);
        }
        succeed(&mut guard, at("192.0.2.1", ALICE), NOW);
    }
}

#[test]
fn concurrent_guesses_do_not_pass_before_the_first_fails() {
    let mut guard = Guard::new(Limits::default());
    fail(&mut guard, at("192.0.2.1", ALICE), NOW);
    let begun = (0..50).filter(|_| guard.begin(at("192.0.2.1", ALICE), NOW).is_ok()).count();
    assert_eq!(begun, 4);
    guard.abandoned(at("192.0.2.1", ALICE));
    assert!(guard.begin(at("192.0.2.1", ALICE), NOW).is_ok());
}

#[test]
fn concurrent_logins_without_failures_are_not_blocked() {
    let mut guard = Guard::new(Limits::default());
    for i in 0..40 {
        guard.begin(at("192.0.2.1", [i; 16]), NOW).unwrap();
    }
}

#[test]
fn networks_of_one_ipv6_site_share_its_limit() {
    let mut guard = Guard::new(Limits::default());
    let from = |n: u16| at(&format!("2001:db8:1:{n:x}::1"), [0; 16]);
    let mut tries = |step: u16| {
        let mut passed = 0;
        for n in 0..255 {
            let guess = Attempt { account: Some([u8::try_from(n).unwrap(); 16]), ..from(n * step) };
            if let Ok(attempt) = guard.begin(guess, NOW) {
                guard.failed(attempt, NOW);
                passed += 1;
            }
        }
        passed
    };
    assert_eq!((tries(1), tries(256)), (10, 10), "twice for a /56, four times for the /48");
    assert!(guard.begin(at("2001:db8:2::1", ALICE), NOW).is_ok());
}

#[test]
fn failures_of_others_do_not_slow_down_a_known_address() {
    let mut guard = Guard::new(Limits::default());
    let home = at("198.51.100.7", ALICE);
    succeed(&mut guard, home, NOW);
    for i in 0..6u8 {
        let unknown = at(&format!("192.0.2.{i}"), ALICE);
        if let Ok(attempt) = guard.begin(unknown, NOW) {
            guard.failed(attempt, NOW);
        }
    }
    let elsewhere = at("203.0.113.1", ALICE);
    assert_eq!(try_it(&mut guard, elsewhere, NOW), Err(RetryAfter(1)));
    succeed(&mut guard, elsewhere.by_device(Some([7; 16])), NOW);
    succeed(&mut guard, home, NOW);
}

#[test]
fn a_known_address_guesses_no_faster() {
    let mut guard = Guard::new(Limits::default());
    let known = at("198.51.100.7", ALICE).by_device(Some([7; 16]));
    succeed(&mut guard, known, NOW);
    let mut guesses = 0;
    while let Ok(attempt) = guard.begin(known, NOW) {
        guard.failed(attempt, NOW);
        guesses += 1;
    }
    assert_eq!(guesses, 5);
    assert_eq!(try_it(&mut guard, at("198.51.100.7", MALLORY), NOW), Err(RetryAfter(900)), "like other accounts there");
}

#[test]
fn a_blocked_known_address_admits_its_owner() {
    let mut guard = Guard::new(Limits::default());
    let owner = at("192.0.2.1", ALICE);
    succeed(&mut guard, owner, NOW);
    for i in 10..15 {
        fail(&mut guard, at("192.0.2.1", [i; 16]), NOW);
    }
    assert!(guard.begin(at("192.0.2.1", MALLORY), NOW).is_err());
    succeed(&mut guard, owner, NOW);
}

#[test]
fn wrong_codes_double_the_pause() {
    let mut guard = Guard::new(Limits::default());
    let (mut now, mut codes) = (NOW, 0);
    while now < NOW + 86_400 {
        let attempt = guard.begin(at(&format!("192.0.2.{codes}"), ALICE), now);
        let attempt = attempt.unwrap_or_else(|RetryAfter(seconds)| {
            now += i64::try_from(seconds).unwrap();
            guard.begin(at(&format!("192.0.2.{codes}"), ALICE), now).unwrap()
        });
        if let Err(RetryAfter(seconds)) = guard.check_code(attempt, now) {
            guard.abandoned(attempt);
            now += i64::try_from(seconds).unwrap();
            continue;
        }
        guard.code_failed(attempt, now);
        guard.failed(attempt, now);
        codes += 1;
    }
    assert!((25..40).contains(&codes), "{codes} in a day");
    let owner = guard.begin(at("198.51.100.7", ALICE), now + 3600).unwrap();
    assert_eq!(guard.check_code(owner, now + 3600), Ok(()));
    guard.succeeded(owner, now + 3600);
    let again = guard.begin(at("198.51.100.8", ALICE), now + 3600).unwrap();
    guard.code_failed(again, now + 3600);
    assert_eq!(guard.check_code(again, now + 3600), Ok(()), "a success clears the wrong codes");
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
            if let Ok(attempt) = guard.begin(attempt, now) {
                match what {
                    0 => guard.succeeded(attempt, now),
                    1 => guard.abandoned(attempt),
                    _ => guard.failed(attempt, now),
                }
            }
            prop_assert!(guard.len() <= limits.remembered);
            prop_assert!(guard.proved.len() <= limits.remembered);
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
