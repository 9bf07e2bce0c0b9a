//! Rate limits against password guessing: a pure structure with time as an argument and bounded memory.
//!
//! There are three axes:
//! - A network (an IPv4 address or an IPv6 /64, and with higher limits the /56 and /48 around it) with too many
//!   failures inside the window is blocked for a while.
//! - An account with too many failures, from any address, is only slowed down. Blocking it would let anyone lock the
//!   owner out.
//! - A device or address that proved the account's password earlier is neither blocked nor slowed down by failures of
//!   others. Its own failures also count for its networks.
//!
//! A success clears an address's failures at that account only, so a guesser gains nothing from an account of its own.
//!
//! To guess a second factor code, an attacker must know the password. The pauses for codes therefore grow much longer.

mod aged;

use aged::Aged;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::net::IpAddr;
use tornado_shared::model::{Origin, UnixSeconds};

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;

/// Settings of the guard. Durations are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Number of failures that is too many. The limit is twice as high for an IPv6 /56 and four times for a /48.
    pub failures: usize,
    /// Time window in which failures count.
    pub window: i64,
    /// Time for which a network is blocked.
    pub shut_out: i64,
    /// Maximum pause for an account after a failure.
    pub slow_down: i64,
    /// Concurrent attempts per address while it has no failures.
    pub at_once: usize,
    /// Maximum number of tracked entries; the least recently used one is evicted first.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { failures: 5, window: 300, shut_out: 900, slow_down: 60, at_once: 64, remembered: 100_000 }
    }
}

impl Limits {
    /// Checks the ranges.
    ///
    /// # Errors
    /// A value that would allow everything or nothing.
    pub fn validate(&self) -> Result<(), &'static str> {
        let sound = (1..=100).contains(&self.failures)
            && (1..=86_400).contains(&self.window)
            && (1..=86_400).contains(&self.shut_out)
            && (1..=self.window).contains(&self.slow_down)
            && self.at_once >= self.failures
            && (16..=1_000_000).contains(&self.remembered);
        if sound { Ok(()) } else { Err("failures, times and sizes must be positive and within their ranges") }
    }
}

/// Identifies an account, or one of its devices, by a hash. Names that do not exist are counted like names that do.
pub type AccountTag = [u8; 16];

/// First pause after too many wrong second factor codes, seconds; the validity of a code (RFC 6238 §5.2).
const CODE_PAUSE: i64 = 30;
/// Longest pause after wrong codes, seconds.
const LONGEST_CODE_PAUSE: i64 = 3600;
/// Wrong codes are cleared this many seconds after the latest one.
const CODES_REMEMBERED: i64 = 86_400;

/// Source that proved an account's password earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Trust {
    /// A device; the tag identifies account and device.
    Device(AccountTag),
    Address(AccountTag, Origin),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Axis {
    Network(Origin),
    /// An owner who confirms the password with a valid token. Separate, so that a token holder does not slow down
    /// logins.
    Own(AccountTag),
    Account(AccountTag),
    /// An account, from a device or address that proved its password earlier.
    Trusted(Trust),
    /// Second factor codes of an account, from other sources.
    Codes(AccountTag),
    /// Second factor codes, from a device or address that proved the password earlier.
    TrustedCodes(Trust),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Address(IpAddr),
    Own(AccountTag),
}

/// The source and target of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    source: Source,
    account: Option<AccountTag>,
    /// Identifies the device, if it logged in to this account earlier.
    device: Option<AccountTag>,
    /// Set by [`Guard::begin`]: the sources that proved the password earlier. Such an attempt is counted separately.
    trusts: [Option<Trust>; 2],
}

impl Attempt {
    /// An attempt from an address, on an account if one is named.
    #[must_use]
    pub const fn new(address: IpAddr, account: Option<AccountTag>) -> Self {
        Self { source: Source::Address(address), account, device: None, trusts: [None, None] }
    }

    /// An attempt by a token holder to confirm the account's password.
    #[must_use]
    pub const fn own(account: AccountTag) -> Self {
        Self { source: Source::Own(account), account: None, device: None, trusts: [None, None] }
    }

    /// The same attempt from a device that logged in to the account earlier. The tag identifies account and device.
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

    /// The networks around the address, each with the factor of its limit.
    fn networks(self) -> impl Iterator<Item = (Axis, usize)> {
        let address = match self.source {
            Source::Address(address) => Some(address),
            Source::Own(_) => None,
        };
        address.into_iter().flat_map(Origin::steps).map(|(origin, factor)| (Axis::Network(origin), factor))
    }

    /// All axes on which the attempt runs, each with the factor of its limit.
    fn axes(self) -> impl Iterator<Item = (Axis, usize)> {
        let own = match self.source {
            Source::Address(_) => None,
            Source::Own(account) => Some((Axis::Own(account), 1)),
        };
        let networks = self.networks().filter(move |_| !self.is_trusted());
        networks.chain(own).chain(self.trusts().map(|trust| (Axis::Trusted(trust), 1)))
    }

    /// The axis that counts failures of all untrusted sources at the account.
    fn shared_account(self) -> Option<Axis> {
        self.account.filter(|_| !self.is_trusted()).map(Axis::Account)
    }

    fn codes(self) -> impl Iterator<Item = Axis> {
        let shared = self.account.filter(|_| !self.is_trusted()).map(Axis::Codes);
        shared.into_iter().chain(self.trusts().map(Axis::TrustedCodes))
    }
}

/// Seconds until the next attempt is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub u64);

#[derive(Debug, Default)]
struct Entry {
    /// Times of failures, oldest first, with the account.
    failures: VecDeque<(UnixSeconds, Option<AccountTag>)>,
    shut_until: UnixSeconds,
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
        if entry.shut_until > now {
            return Err(wait(entry.shut_until, now));
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
        let shut_until = |axis: Axis| self.entries.get(&axis).map_or(0, |entry| entry.shut_until);
        match attempt.codes().map(shut_until).min() {
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
                entry.shut_until = now.saturating_add(pause);
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
