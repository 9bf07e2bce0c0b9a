//! Attempts that are counted even if the call is cancelled.

use super::attempt::Attempt;
use super::counters::{Guard, RetryAfter};
use super::limits::Limits;
use parking_lot::Mutex;
use std::net::IpAddr;
use tornado_contracts::auth::AuthError;
use tornado_runtime::clock::Clock;

/// The guard, shared by all calls.
pub struct Attempts {
    guard: Mutex<Guard>,
    clock: Clock,
}

impl Attempts {
    pub fn new(limits: Limits, clock: Clock) -> Self {
        Self { guard: Mutex::new(Guard::new(limits)), clock }
    }

    /// Begins an attempt unless the guard rejects it.
    pub fn begin(&self, attempt: Attempt) -> Result<Running<'_>, RetryAfter> {
        let attempt = self.guard.lock().begin(attempt, self.clock.now())?;
        Ok(Running { attempts: self, attempt, concluded: false })
    }

    /// Counts an unreadable payload as a failed attempt.
    pub fn count<T>(&self, address: IpAddr, read: Result<T, AuthError>) -> Result<T, AuthError> {
        if read.is_err() {
            self.begin(Attempt::new(address, None))?.failed();
        }
        read
    }
}

/// An attempt dropped without a result (deadline of the caller, full pool) counts as abandoned.
pub struct Running<'a> {
    attempts: &'a Attempts,
    attempt: Attempt,
    concluded: bool,
}

impl Running<'_> {
    pub fn failed(mut self) {
        self.concluded = true;
        self.attempts.guard.lock().failed(self.attempt, self.attempts.clock.now());
    }

    /// Like [`failed`](Self::failed). Returns how many more failures the source may have.
    pub fn failed_leaving(self) -> u32 {
        let (attempts, attempt) = (self.attempts, self.attempt);
        self.failed();
        u32::try_from(attempts.guard.lock().left(attempt, attempts.clock.now())).unwrap_or(u32::MAX)
    }

    pub fn succeeded(mut self) {
        self.concluded = true;
        self.attempts.guard.lock().succeeded(self.attempt, self.attempts.clock.now());
    }

    /// Checks whether a second factor code may be tried now.
    pub fn check_code(&self) -> Result<(), RetryAfter> {
        self.attempts.guard.lock().check_code(self.attempt, self.attempts.clock.now())
    }

    pub fn code_failed(self) {
        self.attempts.guard.lock().code_failed(self.attempt, self.attempts.clock.now());
        self.failed();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.concluded {
            self.attempts.guard.lock().abandoned(self.attempt);
        }
    }
}
