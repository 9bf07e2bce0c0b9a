//! Counters of attempts: the decision which attempts are allowed. Pure: time is an argument.

use super::aged::Aged;
use super::attempt::{AccountTag, Attempt, Axis, Source, Trust};
use super::limits::Limits;
use std::collections::VecDeque;
use tornado_contracts::auth::AuthError;
use tornado_shared::model::{Origin, UnixSeconds};

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

/// First pause after too many wrong second factor codes, seconds; the validity of a code (RFC 6238 §5.2).
const CODE_PAUSE: i64 = 30;
/// Longest pause after wrong codes, seconds.
const LONGEST_CODE_PAUSE: i64 = 3600;
/// Wrong codes are cleared this many seconds after the latest one.
const CODES_REMEMBERED: i64 = 86_400;

/// Seconds until the next attempt is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub u64);

impl From<RetryAfter> for AuthError {
    fn from(RetryAfter(retry_after): RetryAfter) -> Self {
        Self::TooManyAttempts { retry_after }
    }
}

#[derive(Debug, Default)]
struct Entry {
    /// Times of failures, oldest first, with the account.
    failures: VecDeque<(UnixSeconds, Option<AccountTag>)>,
    blocked_until: UnixSeconds,
    running: usize,
    /// Number of consecutive wrong codes.
    wrong_codes: u32,
}

/// Counts attempts and decides which are allowed.
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    entries: Aged<Axis, Entry>,
    /// Addresses from which an account's password was proved.
    proved: Aged<(AccountTag, Origin), ()>,
}

impl Guard {
    /// An empty guard.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, entries: Aged::new(limits.remembered), proved: Aged::new(limits.remembered) }
    }

    /// Begins an attempt. The caller must follow with [`failed`](Self::failed), [`succeeded`](Self::succeeded) or
    /// [`abandoned`](Self::abandoned) and pass the returned value.
    ///
    /// # Errors
    /// The network or the account is blocked, slowed down, or has too many concurrent attempts.
    pub fn begin(&mut self, attempt: Attempt, now: UnixSeconds) -> Result<Attempt, RetryAfter> {
        let attempt = Attempt { trusts: self.trusts(attempt, now), ..attempt };
        self.check(attempt, now)?;
        for axis in attempt.axes().map(|(axis, _)| axis).chain(attempt.shared_account()) {
            self.entries.touch(axis, now).running += 1;
        }
        Ok(attempt)
    }

    /// The sources that proved the password earlier, unless each of them has failed too often since then.
    fn trusts(&self, attempt: Attempt, now: UnixSeconds) -> [Option<Trust>; 2] {
        let by_address = match (attempt.source, attempt.account) {
            (Source::Address(address), Some(account)) => {
                let origin = Origin::from(address);
                self.proved.get(&(account, origin)).map(|()| Trust::Address(account, origin))
            }
            (Source::Address(_) | Source::Own(_), _) => None,
        };
        let trusts = [attempt.device.map(Trust::Device), by_address];
        let is_good = |trust: Trust| self.check_axis(Axis::Trusted(trust), 1, now).is_ok();
        if trusts.into_iter().flatten().any(is_good) { trusts } else { [None, None] }
    }

    fn check_axis(&self, axis: Axis, factor: usize, now: UnixSeconds) -> Result<(), RetryAfter> {
        let Some(entry) = self.entries.get(&axis) else { return Ok(()) };
        if entry.blocked_until > now {
            return Err(wait(entry.blocked_until, now));
        }
        // Concurrent guesses must not all pass before the first one fails.
        let failures = self.recent(entry, now);
        let most = if failures == 0 { self.limits.at_once } else { self.limits.failures };
        let is_full = entry.running >= most.saturating_mul(factor).saturating_sub(failures);
        if is_full { Err(RetryAfter(1)) } else { Ok(()) }
    }

    fn check(&self, attempt: Attempt, now: UnixSeconds) -> Result<(), RetryAfter> {
        if !attempt.is_trusted() {
            attempt.axes().try_for_each(|(axis, factor)| self.check_axis(axis, factor, now))?;
        }
        let Some(entry) = attempt.shared_account().and_then(|axis| self.entries.get(&axis)) else { return Ok(()) };
        // The same holds for concurrent guesses at one account from many addresses.
        if entry.running >= self.limits.failures {
            return Err(RetryAfter(1));
        }
        match self.slowed_until(entry, now) {
            Some(until) if until > now => Err(wait(until, now)),
            Some(_) | None => Ok(()),
        }
    }

    /// Checks whether a second factor code may be tried. Called after the password was found right.
    ///
    /// # Errors
    /// The account has too many wrong codes.
    pub fn check_code(&self, attempt: Attempt, now: UnixSeconds) -> Result<(), RetryAfter> {
        let blocked_until = |axis: Axis| self.entries.get(&axis).map_or(0, |entry| entry.blocked_until);
        match attempt.codes().map(blocked_until).min() {
            Some(until) if until > now => Err(wait(until, now)),
            Some(_) | None => Ok(()),
        }
    }

    /// Records a wrong code; [`failed`](Self::failed) follows. From the limit on, each one doubles the pause.
    pub fn code_failed(&mut self, attempt: Attempt, now: UnixSeconds) {
        let limit = u32::try_from(self.limits.failures).unwrap_or(u32::MAX);
        for axis in attempt.codes() {
            let last = self.entries.touched(&axis);
            let entry = self.entries.touch(axis, now);
            if last.is_some_and(|at| at.saturating_add(CODES_REMEMBERED) < now) {
                entry.wrong_codes = 0;
            }
            entry.wrong_codes = entry.wrong_codes.saturating_add(1);
            if let Some(beyond) = entry.wrong_codes.checked_sub(limit) {
                let pause = CODE_PAUSE.checked_shl(beyond.min(16)).unwrap_or(i64::MAX).min(LONGEST_CODE_PAUSE);
                entry.blocked_until = now.saturating_add(pause);
            }
        }
    }

    /// Records a wrong guess. A failure from a known device or address also counts for its networks, so a known source
    /// cannot guess faster than others.
    pub fn failed(&mut self, attempt: Attempt, now: UnixSeconds) {
        let limits = self.limits;
        for (axis, _) in attempt.axes() {
            let entry = self.entries.touch(axis, now);
            entry.running = entry.running.saturating_sub(1);
        }
        let beside = attempt.networks().filter(|_| attempt.is_trusted());
        for (axis, factor) in attempt.axes().chain(beside) {
            let entry = self.entries.touch(axis, now);
            let most = limits.failures.saturating_mul(factor);
            entry.note(attempt.account, now, limits.window, most);
            if entry.failures.len() >= most {
                entry.blocked_until = now.saturating_add(limits.shut_out);
                entry.failures.clear();
            }
        }
        if let Some(axis) = attempt.shared_account() {
            let entry = self.entries.touch(axis, now);
            entry.running = entry.running.saturating_sub(1);
            entry.note(None, now, limits.window, limits.failures + 16);
        }
    }

    /// Records a success and clears the failures at its account.
    pub fn succeeded(&mut self, attempt: Attempt, now: UnixSeconds) {
        self.abandoned(attempt);
        let Some(account) = attempt.account else { return };
        for (axis, _) in attempt.axes().chain(attempt.networks()) {
            if let Some(entry) = self.entries.get_mut(&axis) {
                entry.failures.retain(|(_, at)| *at != Some(account));
            }
        }
        for axis in attempt.codes().chain(attempt.shared_account()) {
            if let Some(entry) = self.entries.get_mut(&axis) {
                entry.failures.clear();
                entry.wrong_codes = 0;
            }
            self.forget_idle(axis);
        }
        if let Source::Address(address) = attempt.source {
            self.proved.touch((account, Origin::from(address)), now);
        }
    }

    /// Ends an attempt without a result.
    pub fn abandoned(&mut self, attempt: Attempt) {
        for axis in attempt.axes().map(|(axis, _)| axis).chain(attempt.shared_account()) {
            if let Some(entry) = self.entries.get_mut(&axis) {
                entry.running = entry.running.saturating_sub(1);
            }
        }
        if let Some(axis) = attempt.shared_account() {
            self.forget_idle(axis);
        }
    }

    /// Further failures after which the source has to wait. Those of its network count also for a source that proved
    /// the password earlier, so that the number does not reveal accounts.
    #[must_use]
    pub fn left(&self, attempt: Attempt, now: UnixSeconds) -> usize {
        let left = |(axis, factor): (Axis, usize)| {
            let most = self.limits.failures.saturating_mul(factor);
            let Some(entry) = self.entries.get(&axis) else { return most };
            if entry.blocked_until > now { 0 } else { most.saturating_sub(self.recent(entry, now)) }
        };
        attempt.axes().chain(attempt.networks()).map(left).min().unwrap_or(self.limits.failures)
    }

    /// Number of tracked entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    fn recent(&self, entry: &Entry, now: UnixSeconds) -> usize {
        entry.failures.iter().filter(|(at, _)| at.saturating_add(self.limits.window) > now).count()
    }

    /// From the limit on, each failure doubles the pause after the latest one: 1, 2, 4, … seconds.
    fn slowed_until(&self, entry: &Entry, now: UnixSeconds) -> Option<UnixSeconds> {
        let beyond = u32::try_from(self.recent(entry, now).checked_sub(self.limits.failures)?).unwrap_or(u32::MAX);
        let pause = 1i64.checked_shl(beyond.min(32)).unwrap_or(i64::MAX).min(self.limits.slow_down);
        entry.failures.back().map(|(at, _)| at.saturating_add(pause))
    }

    /// Removes an entry that has neither failures nor running attempts.
    fn forget_idle(&mut self, axis: Axis) {
        let is_idle = |entry: &Entry| entry.running == 0 && entry.failures.is_empty() && entry.wrong_codes == 0;
        if self.entries.get(&axis).is_some_and(is_idle) {
            self.entries.remove(&axis);
        }
    }
}

impl Entry {
    /// Records a failure and drops expired ones. The list is bounded by `most`.
    fn note(&mut self, account: Option<AccountTag>, now: UnixSeconds, window: i64, most: usize) {
        self.failures.retain(|(at, _)| at.saturating_add(window) > now);
        self.failures.push_back((now, account));
        while self.failures.len() > most {
            self.failures.pop_front();
        }
    }
}

fn wait(until: UnixSeconds, now: UnixSeconds) -> RetryAfter {
    RetryAfter(u64::try_from(until.saturating_sub(now)).unwrap_or(1).max(1))
}
