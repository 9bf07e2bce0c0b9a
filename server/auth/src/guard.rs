//! Limits against guessing: a pure structure with time as an argument and a bound on its memory.
//!
//! Two axes. An address (IPv4 /32, IPv6 /64) with too many failures inside the window is shut out for a while.
//! An account with too many failures, from wherever, is only slowed down, because shutting it out would let
//! anybody lock its owner out. A success forgives an address the failures at that account only, so a
//! guesser's own account buys nothing.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use tornado_shared::model::UnixSeconds;

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;

/// Settings of the guard. Times are seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Failures that are too many.
    pub failures: usize,
    /// Time in which they count.
    pub window: i64,
    /// Time for which an address is shut out.
    pub shut_out: i64,
    /// Longest time for which an account is slowed down after a failure.
    pub slow_down: i64,
    /// Attempts of one address that may run at once while it has no failures.
    pub at_once: usize,
    /// Addresses and accounts remembered; the one untouched longest is forgotten first.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { failures: 5, window: 300, shut_out: 900, slow_down: 60, at_once: 64, remembered: 100_000 }
    }
}

impl Limits {
    /// Refuses limits that would let everything or nothing pass.
    pub fn validate(&self) -> Result<(), &'static str> {
        let sound = (1..=100).contains(&self.failures)
            && (1..=86_400).contains(&self.window)
            && (1..=86_400).contains(&self.shut_out)
            && (1..=self.window).contains(&self.slow_down)
            && self.at_once >= self.failures
            && (16..=1_000_000).contains(&self.remembered);
        if sound { Ok(()) } else { Err("failures, times and sizes must be positive and within reason") }
    }
}

/// What an account is called here: a hash, so that names that do not exist are counted like those that do.
pub type AccountTag = [u8; 16];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Axis {
    V4(u32),
    /// The upper half of an IPv6 address: one site.
    V6(u64),
    /// An account's owner who proves the password again; apart, so that no token holder slows logins down.
    Own(AccountTag),
    Account(AccountTag),
}

/// Who tries what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    address: Axis,
    account: Option<AccountTag>,
}

impl Attempt {
    /// An attempt from an address, at an account where one is meant.
    #[must_use]
    pub fn new(address: IpAddr, account: Option<AccountTag>) -> Self {
        let address = match address.to_canonical() {
            IpAddr::V4(v4) => Axis::V4(v4.to_bits()),
            IpAddr::V6(v6) => {
                let mut upper = [0u8; 8];
                upper.copy_from_slice(&v6.octets()[..8]);
                Axis::V6(u64::from_be_bytes(upper))
            }
        };
        Self { address, account }
    }
}

impl Attempt {
    /// An attempt by the holder of a token to prove an account's password again.
    #[must_use]
    pub const fn own(account: AccountTag) -> Self {
        Self { address: Axis::Own(account), account: None }
    }
}

/// Seconds to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub u64);

#[derive(Debug, Default)]
struct Entry {
    /// When it failed, oldest first, and at which account.
    failures: VecDeque<(UnixSeconds, Option<AccountTag>)>,
    shut_until: UnixSeconds,
    running: usize,
    touched: UnixSeconds,
}

/// The guard.
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    entries: HashMap<Axis, Entry>,
    by_age: BTreeSet<(UnixSeconds, Axis)>,
}

impl Guard {
    /// A guard that remembers nothing yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, entries: HashMap::new(), by_age: BTreeSet::new() }
    }

    /// May this be tried at all? Changes nothing.
    pub fn check(&self, attempt: Attempt, now: UnixSeconds) -> Result<(), RetryAfter> {
        if let Some(entry) = self.entries.get(&attempt.address) {
            if entry.shut_until > now {
                return Err(wait(entry.shut_until, now));
            }
            let failures = entry.failures.iter().filter(|(at, _)| at.saturating_add(self.limits.window) > now).count();
            // Guesses sent side by side must not pass before the first of them has failed.
            let free = if failures == 0 { self.limits.at_once } else { self.limits.failures.saturating_sub(failures) };
            if entry.running >= free {
                return Err(RetryAfter(1));
            }
        }
        let account = attempt.account.and_then(|account| self.entries.get(&Axis::Account(account)));
        // Nor may guesses at one account that come from many addresses at once.
        if account.is_some_and(|entry| entry.running >= self.limits.failures) {
            return Err(RetryAfter(1));
        }
        match account.and_then(|entry| self.slowed_until(entry, now)) {
            Some(until) if until > now => Err(wait(until, now)),
            Some(_) | None => Ok(()),
        }
    }

    /// Begins an attempt; [`failed`](Self::failed), [`succeeded`](Self::succeeded) or
    /// [`abandoned`](Self::abandoned) must follow.
    pub fn begin(&mut self, attempt: Attempt, now: UnixSeconds) -> Result<(), RetryAfter> {
        self.check(attempt, now)?;
        self.touch(attempt.address, now).running += 1;
        if let Some(account) = attempt.account {
            self.touch(Axis::Account(account), now).running += 1;
        }
        Ok(())
    }

    /// The attempt was a wrong guess.
    pub fn failed(&mut self, attempt: Attempt, now: UnixSeconds) {
        let limits = self.limits;
        let entry = self.touch(attempt.address, now);
        entry.running = entry.running.saturating_sub(1);
        entry.note(attempt.account, now, &limits);
        if entry.failures.len() >= limits.failures {
            entry.shut_until = now.saturating_add(limits.shut_out);
            entry.failures.clear();
        }
        if let Some(account) = attempt.account {
            let entry = self.touch(Axis::Account(account), now);
            entry.running = entry.running.saturating_sub(1);
            entry.note(None, now, &limits);
        }
    }

    /// The attempt was right.
    pub fn succeeded(&mut self, attempt: Attempt) {
        self.abandoned(attempt);
        let Some(account) = attempt.account else { return };
        if let Some(entry) = self.entries.get_mut(&attempt.address) {
            entry.failures.retain(|(_, at)| *at != Some(account));
        }
        if let Some(entry) = self.entries.get_mut(&Axis::Account(account)) {
            entry.failures.clear();
        }
        self.forget_idle(Axis::Account(account));
    }

    /// The attempt came to no judgement.
    pub fn abandoned(&mut self, attempt: Attempt) {
        let account = attempt.account.map(Axis::Account);
        for axis in [Some(attempt.address), account].into_iter().flatten() {
            if let Some(entry) = self.entries.get_mut(&axis) {
                entry.running = entry.running.saturating_sub(1);
            }
        }
        if let Some(account) = account {
            self.forget_idle(account);
        }
    }

    /// How many addresses and accounts are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// From the limit on, each failure doubles the pause after the latest: 1, 2, 4, … seconds.
    fn slowed_until(&self, entry: &Entry, now: UnixSeconds) -> Option<UnixSeconds> {
        let recent = entry.failures.iter().filter(|(at, _)| at.saturating_add(self.limits.window) > now).count();
        let beyond = u32::try_from(recent.checked_sub(self.limits.failures)?).unwrap_or(u32::MAX);
        let pause = 1i64.checked_shl(beyond.min(32)).unwrap_or(i64::MAX).min(self.limits.slow_down);
        entry.failures.back().map(|(at, _)| at.saturating_add(pause))
    }

    fn touch(&mut self, axis: Axis, now: UnixSeconds) -> &mut Entry {
        if let Some(entry) = self.entries.get(&axis) {
            self.by_age.remove(&(entry.touched, axis));
        } else if self.entries.len() >= self.limits.remembered
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.by_age.insert((now, axis));
        let entry = self.entries.entry(axis).or_default();
        entry.touched = now;
        entry
    }

    /// Forgets what has neither failures nor attempts that run.
    fn forget_idle(&mut self, axis: Axis) {
        let is_idle = |entry: &Entry| entry.running == 0 && entry.failures.is_empty();
        if !self.entries.get(&axis).is_some_and(is_idle) {
            return;
        }
        if let Some(entry) = self.entries.remove(&axis) {
            self.by_age.remove(&(entry.touched, axis));
        }
    }
}

impl Entry {
    /// Notes a failure and drops those that no longer count. Keeps a bounded number.
    fn note(&mut self, account: Option<AccountTag>, now: UnixSeconds, limits: &Limits) {
        self.failures.retain(|(at, _)| at.saturating_add(limits.window) > now);
        self.failures.push_back((now, account));
        while self.failures.len() > limits.failures + 16 {
            self.failures.pop_front();
        }
    }
}

fn wait(until: UnixSeconds, now: UnixSeconds) -> RetryAfter {
    RetryAfter(u64::try_from(until.saturating_sub(now)).unwrap_or(1).max(1))
}
