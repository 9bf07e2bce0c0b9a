//! Repeated requests. A method that creates something accepts the header `Idempotency-Key`: while the response of the
//! first request with a key is kept, a repetition receives that response, and nothing is created again.
//!
//! Responses are kept in memory only, because they may contain secrets. After a restart of the service a repetition is
//! carried out again.

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tornado_admin_api::{AdminError, AdminResult};
use tornado_shared::model::Secret;
use tornado_shared::problem::Problem;

/// Maximum length of a key, characters.
pub const MAX_KEY: usize = 128;
/// How long a response is kept.
const LIFETIME: Duration = Duration::from_secs(3600);
/// Maximum number of keys.
const MOST: usize = 1024;
/// Maximum size of all kept responses, bytes.
const MOST_BYTES: usize = 4 * 1024 * 1024;

type Hash = [u8; 32];

/// A request with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyed {
    /// Hash of the caller's token and the key.
    id: Hash,
    /// Hash of what the request contains.
    content: Hash,
}

/// The latest requests with a key.
pub struct Repeats {
    start: Instant,
    /// Input of all hashes, so that they are useless outside this process.
    salt: Hash,
    kept: Mutex<Kept>,
}

/// What to do with a request.
pub enum Begun {
    /// Carry it out.
    First(Ticket),
    /// Send this response.
    Repeated(Secret),
}

impl Repeats {
    /// Keeps nothing yet. `salt` is random.
    pub fn new(salt: Hash) -> Self {
        Self { start: Instant::now(), salt, kept: Mutex::default() }
    }

    /// A request of the holder of `token`. `content` are the parts of the request.
    ///
    /// # Errors
    /// The key is empty, too long, or has other characters than visible ASCII.
    pub fn keyed(&self, token: &Secret, key: &[u8], content: &[&[u8]]) -> AdminResult<Keyed> {
        if !(1..=MAX_KEY).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
            let text = format!("an idempotency key has 1 to {MAX_KEY} visible ASCII characters");
            return Err(AdminError::invalid(text));
        }
        Ok(Keyed { id: self.hash(&[token.expose().as_bytes(), key]), content: self.hash(content) })
    }

    fn hash(&self, parts: &[&[u8]]) -> Hash {
        let mut hash = Sha256::new_with_prefix(self.salt);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// Begins a request.
    ///
    /// # Errors
    /// The first request with the key still runs, or contained something else.
    pub fn begin(self: &Arc<Self>, request: Keyed) -> AdminResult<Begun> {
        match self.kept.lock().begin(request, self.start.elapsed())? {
            Some(response) => Ok(Begun::Repeated(response)),
            None => Ok(Begun::First(Ticket { repeats: self.clone(), id: request.id })),
        }
    }
}

/// The right to carry out the first request with a key. Without a response, the key is free again when it is dropped.
pub struct Ticket {
    repeats: Arc<Repeats>,
    id: Hash,
}

impl Ticket {
    /// Keeps the response of a request that succeeded.
    pub fn keep(self, response: Secret) {
        self.repeats.kept.lock().finish(self.id, response, self.repeats.start.elapsed());
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.repeats.kept.lock().give_up(self.id);
    }
}

#[derive(Default)]
struct Kept {
    requests: HashMap<Hash, Entry>,
    /// Finished requests, oldest first.
    finished: VecDeque<(Duration, Hash)>,
    bytes: usize,
}

struct Entry {
    content: Hash,
    /// `None`: the request runs.
    response: Option<Secret>,
}

impl Kept {
    fn begin(&mut self, request: Keyed, now: Duration) -> AdminResult<Option<Secret>> {
        while self.finished.front().is_some_and(|(at, _)| now.saturating_sub(*at) >= LIFETIME) {
            self.drop_oldest();
        }
        match self.requests.get(&request.id) {
            Some(entry) if entry.content != request.content => {
                let text = "the idempotency key was used for another request; use a new key for each new request";
                return Err(AdminError::new(422, "idempotency_key_reused", text));
            }
            Some(Entry { response: Some(response), .. }) => return Ok(Some(response.clone())),
            Some(Entry { response: None, .. }) => return Err(wait("the first request with this key still runs")),
            None => {}
        }
        if self.requests.len() >= MOST && !self.drop_oldest() {
            return Err(wait("too many requests with an idempotency key are running"));
        }
        self.requests.insert(request.id, Entry { content: request.content, response: None });
        Ok(None)
    }

    fn finish(&mut self, id: Hash, response: Secret, now: Duration) {
        let size = response.expose().len();
        if size > MOST_BYTES {
            return;
        }
        while self.bytes.saturating_add(size) > MOST_BYTES && self.drop_oldest() {}
        if let Some(entry) = self.requests.get_mut(&id) {
            entry.response = Some(response);
            self.bytes = self.bytes.saturating_add(size);
            self.finished.push_back((now, id));
        }
    }

    fn give_up(&mut self, id: Hash) {
        if self.requests.get(&id).is_some_and(|entry| entry.response.is_none()) {
            self.requests.remove(&id);
        }
    }

    /// Returns false if no request has finished.
    fn drop_oldest(&mut self) -> bool {
        let Some((_, id)) = self.finished.pop_front() else { return false };
        let response = self.requests.remove(&id).and_then(|entry| entry.response);
        self.bytes = self.bytes.saturating_sub(response.map_or(0, |response| response.expose().len()));
        true
    }
}

fn wait(text: &str) -> AdminError {
    let mut problem = Problem::new(409, "request_in_progress", text);
    problem.retry_after = Some(1);
    problem.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(5);

    fn request(id: usize, content: u8) -> Keyed {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&id.to_be_bytes());
        Keyed { id: hash, content: [content; 32] }
    }

    fn kept(kept: &mut Kept, id: usize, now: Duration) -> Option<String> {
        kept.begin(request(id, 0), now).unwrap().map(|response| response.expose().to_owned())
    }

    #[test]
    fn a_repetition_receives_the_first_response() {
        let mut all = Kept::default();
        assert_eq!(kept(&mut all, 1, NOW), None);
        assert_eq!(all.begin(request(1, 0), NOW).unwrap_err().code(), "request_in_progress");
        all.finish(request(1, 0).id, Secret::new("one"), NOW);
        assert_eq!(kept(&mut all, 1, NOW).as_deref(), Some("one"));
        let other = all.begin(request(1, 7), NOW).unwrap_err();
        assert_eq!((other.status(), other.code()), (422, "idempotency_key_reused"));
        assert_eq!(kept(&mut all, 1, NOW + LIFETIME), None, "a key is new again after its lifetime");
    }

    #[test]
    fn a_request_that_failed_may_be_sent_again() {
        let repeats = Arc::new(Repeats::new([0; 32]));
        let first = repeats.keyed(&Secret::new("TOKEN"), b"key", &[b"create"]).unwrap();
        drop(repeats.begin(first).unwrap());
        let Begun::First(ticket) = repeats.begin(first).unwrap() else { panic!("it was carried out") };
        ticket.keep(Secret::new("{}"));
        assert!(matches!(repeats.begin(first).unwrap(), Begun::Repeated(response) if response.expose() == "{}"));
        let other = repeats.keyed(&Secret::new("OTHER"), b"key", &[b"create"]).unwrap();
        assert!(matches!(repeats.begin(other).unwrap(), Begun::First(_)), "each caller has its own keys");
    }

    #[test]
    fn keys_are_short_and_visible() {
        let repeats = Repeats::new([0; 32]);
        let long = [b'x'; MAX_KEY + 1];
        for bad in [b"".as_slice(), b"a b", b"\xff", &long] {
            assert_eq!(repeats.keyed(&Secret::new("T"), bad, &[]).unwrap_err().status(), 400);
        }
        assert!(repeats.keyed(&Secret::new("T"), &long[1..], &[]).is_ok());
    }

    #[test]
    fn kept_responses_are_bounded_in_number_and_size() {
        let mut all = Kept::default();
        for id in 0..2 * MOST {
            assert_eq!(kept(&mut all, id, NOW), None);
            all.finish(request(id, 0).id, Secret::new("x"), NOW);
        }
        assert_eq!((all.requests.len(), all.finished.len(), all.bytes), (MOST, MOST, MOST));
        let large = "x".repeat(MOST_BYTES / 2);
        for id in 0..4 {
            assert_eq!(kept(&mut all, 10_000 + id, NOW), None);
            all.finish(request(10_000 + id, 0).id, Secret::new(large.clone()), NOW);
            assert!(all.bytes <= MOST_BYTES);
        }
        assert_eq!(all.finished.len(), 2);
        assert_eq!(kept(&mut all, 20_000, NOW), None);
        all.finish(request(20_000, 0).id, Secret::new("x".repeat(MOST_BYTES + 1)), NOW);
        all.give_up(request(20_000, 0).id);
        assert_eq!((all.requests.len(), all.finished.len()), (2, 2), "it is not kept");
    }

    #[test]
    fn running_requests_are_bounded() {
        let mut all = Kept::default();
        for id in 0..MOST {
            assert_eq!(kept(&mut all, id, NOW), None);
        }
        assert_eq!(all.begin(request(MOST, 0), NOW).unwrap_err().code(), "request_in_progress");
        all.give_up(request(3, 0).id);
        assert_eq!(kept(&mut all, MOST, NOW), None);
    }
}
