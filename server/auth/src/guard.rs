//! Limits against guessing: a pure structure with time as an argument and a bound on its memory.
//!
//! Three axes. A network (an IPv4 address; an IPv6 /64, and with higher limits the /56 and the /48 around it) with too many
//! failures inside the window is shut out for a while. An account with too many failures, from wherever, is only slowed
//! down, because shutting it out would let anybody lock its owner out. A device or an address that proved the account's
//! password before is neither shut out nor slowed down by the failures of others; its own count for its networks as well.
//! A success forgives an address the failures at that account only, so a guesser's own account buys nothing.
//!
//! Codes of a second factor are guessed by an attacker who knows the password, so their pauses grow much longer.

mod aged;

use aged::Aged;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::net::IpAddr;
use tornado_shared::model::{Origin, UnixSeconds};

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;

/// Settings of the guard. Times are seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Failures that are too many. From one IPv6 /56 twice as many count, from one /48 four times.
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

/// What an account, or a device of it, is called here: a hash, so that names that do not exist are
/// counted like those that do.
pub type AccountTag = [u8; 16];

/// First pause after too many wrong codes of a second factor; a code is valid for as long (RFC 6238 §5.2).
const CODE_PAUSE: i64 = 30;
/// Longest pause of the same.
const LONGEST_CODE_PAUSE: i64 = 3600;
/// Wrong codes are forgotten this long after the latest.
const CODES_REMEMBERED: i64 = 86_400;

/// What proved an account's password before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Trust {
    /// A device; the tag names account and device.
    Device(AccountTag),
    Address(AccountTag, Origin),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Axis {
    Network(Origin),
    /// An account's owner who proves the password again; apart, so that no token holder slows logins down.
    Own(AccountTag),
    Account(AccountTag),
    /// An account from a device or address that proved its password before.
    Trusted(Trust),
    /// Codes of an account's second factor, tried by strangers.
    Codes(AccountTag),
    /// The same, tried from such a device or address.
    TrustedCodes(Trust),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Address(IpAddr),
    Own(AccountTag),
}

/// Who tries what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    source: Source,
    account: Option<AccountTag>,
    /// Names the device, when it logged in to this account before.
    device: Option<AccountTag>,
    /// Set by [`Guard::begin`]: what proved the password before. Then it runs apart from strangers' attempts.
    trusts: [Option<Trust>; 2],
}

impl Attempt {
    /// An attempt from an address, at an account where one is meant.
    #[must_use]
    pub const fn new(address: IpAddr, account: Option<AccountTag>) -> Self {
        Self { source: Source::Address(address), account, device: None, trusts: [None, None] }
    }

    /// An attempt by the holder of a token to prove an account's password again.
    #[must_use]
    pub const fn own(account: AccountTag) -> Self {
        Self { source: Source::Own(account), account: None, device: None, trusts: [None, None] }
    }

    /// The same attempt by a device that logged in to the account before. The tag is that of account and device.
    #[must_use]
    pub const fn by_device(self, device: Option<AccountTag>) -> Self {
        Self { device, ..self }
    }

    fn is_trusted(self) -> bool {
        self.trusts.iter().any(Option::is_some)
    }

    fn trusts(self) -> impl Iterator<Item = Trust> {
        self.trusts.into_iter().flatten()
    }

    /// The networks around its address, each with the factor of its limit.
    fn networks(self) -> impl Iterator<Item = (Axis, usize)> {
        let address = match self.source {
            Source::Address(address) => Some(address),
            Source::Own(_) => None,
        };
        address.into_iter().flat_map(Origin::steps).map(|(origin, factor)| (Axis::Network(origin), factor))
    }

    /// Every axis on which it runs, each with the factor of its limit.
    fn axes(self) -> impl Iterator<Item = (Axis, usize)> {
        let own = match self.source {
            Source::Address(_) => None,
            Source::Own(account) => Some((Axis::Own(account), 1)),
        };
        let networks = self.networks().filter(move |_| !self.is_trusted());
        networks.chain(own).chain(self.trusts().map(|trust| (Axis::Trusted(trust), 1)))
    }

    /// The account, where strangers are counted together.
    fn shared_account(self) -> Option<Axis> {
        self.account.filter(|_| !self.is_trusted()).map(Axis::Account)
    }

    fn codes(self) -> impl Iterator<Item = Axis> {
        let shared = self.account.filter(|_| !self.is_trusted()).map(Axis::Codes);
        shared.into_iter().chain(self.trusts().map(Axis::TrustedCodes))
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
    /// Wrong codes in a row.
    wrong_codes: u32,
}

/// The guard.
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    entries: Aged<Axis, Entry>,
    /// From where the password of which account was proved.
    proved: Aged<(AccountTag, Origin), ()>,
}

impl Guard {
    /// A guard that remembers nothing yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, entries: Aged::new(limits.remembered), proved: Aged::new(limits.remembered) }
    }

    /// Begins an attempt; [`failed`](Self::failed), [`succeeded`](Self::succeeded) or
    /// [`abandoned`](Self::abandoned) must follow, with what this returns.
    pub fn begin(&mut self, attempt: Attempt, now: UnixSeconds) -> Result<Attempt, RetryAfter> {
        let attempt = Attempt { trusts: self.trusts(attempt, now), ..attempt };
        self.check(attempt, now)?;
        for axis in attempt.axes().map(|(axis, _)| axis).chain(attempt.shared_account()) {
            self.entries.touch(axis, now).running += 1;
        }
        Ok(attempt)
    }

    /// What of the attempt proved the password before, if not all of that has failed too often since.
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
        if entry.shut_until > now {
            return Err(wait(entry.shut_until, now));
        }
        // Guesses sent side by side must not pass before the first of them has failed.
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
        // Nor may guesses at one account that come from many addresses at once.
        if entry.running >= self.limits.failures {
            return Err(RetryAfter(1));
        }
        match self.slowed_until(entry, now) {
            Some(until) if until > now => Err(wait(until, now)),
            Some(_) | None => Ok(()),
        }
    }

    /// May a code of the second factor be tried? Asked when the password was right.
    pub fn check_code(&self, attempt: Attempt, now: UnixSeconds) -> Result<(), RetryAfter> {
        let shut_until = |axis: Axis| self.entries.get(&axis).map_or(0, |entry| entry.shut_until);
        match attempt.codes().map(shut_until).min() {
            Some(until) if until > now => Err(wait(until, now)),
            Some(_) | None => Ok(()),
        }
    }

    /// The attempt's code was wrong; [`failed`](Self::failed) follows. From the limit on, each doubles the pause.
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
                entry.shut_until = now.saturating_add(pause);
            }
        }
    }

    /// The attempt was a wrong guess. One from a known device or address counts for its networks too: those who were there
    /// before guess no faster than others.
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
                entry.shut_until = now.saturating_add(limits.shut_out);
                entry.failures.clear();
            }
        }
        if let Some(axis) = attempt.shared_account() {
            let entry = self.entries.touch(axis, now);
            entry.running = entry.running.saturating_sub(1);
            entry.note(None, now, limits.window, limits.failures + 16);
        }
    }

    /// The attempt was right.
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

    /// The attempt came to no judgement.
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

    /// How many addresses and accounts are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    fn recent(&self, entry: &Entry, now: UnixSeconds) -> usize {
        entry.failures.iter().filter(|(at, _)| at.saturating_add(self.limits.window) > now).count()
    }

    /// From the limit on, each failure doubles the pause after the latest: 1, 2, 4, … seconds.
    fn slowed_until(&self, entry: &Entry, now: UnixSeconds) -> Option<UnixSeconds> {
        let beyond = u32::try_from(self.recent(entry, now).checked_sub(self.limits.failures)?).unwrap_or(u32::MAX);
        let pause = 1i64.checked_shl(beyond.min(32)).unwrap_or(i64::MAX).min(self.limits.slow_down);
        entry.failures.back().map(|(at, _)| at.saturating_add(pause))
    }

    /// Forgets what has neither failures nor attempts that run.
    fn forget_idle(&mut self, axis: Axis) {
        let is_idle = |entry: &Entry| entry.running == 0 && entry.failures.is_empty() && entry.wrong_codes == 0;
        if self.entries.get(&axis).is_some_and(is_idle) {
            self.entries.remove(&axis);
        }
    }
}

impl Entry {
    /// Notes a failure and drops those that no longer count. Keeps a bounded number.
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
