//! A sign-in that waits for the code of the second factor.
//!
//! The API receives name, password and code together. Between the two pages, name and password are kept in memory under
//! a random number in a cookie, so that the operator enters nothing twice and it works without script.

use axum::http::{HeaderMap, HeaderValue, header};
use parking_lot::Mutex;
use std::collections::HashMap;
use tornado_shared::model::Secret;
use uuid::Uuid;

/// Name of the cookie.
const COOKIE: &str = "__Host-tornado-code";
/// How long the code may take, in seconds.
const LIFETIME: i64 = 180;
/// Sign-ins that wait at the same time. Each has passed the check of its password.
const MAX: usize = 100;

/// Name and password of a sign-in.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
    until: i64,
}

/// The sign-ins that wait.
#[derive(Default)]
pub struct Pending(Mutex<HashMap<Uuid, Waiting>>);

impl Pending {
    /// Keeps name and password, and returns the cookie. The oldest is dropped if there are too many.
    pub fn keep(&self, name: String, password: Secret, now: i64) -> HeaderValue {
        let mut all = self.0.lock();
        all.retain(|_, waiting| waiting.until > now);
        if all.len() >= MAX {
            let oldest = all.iter().min_by_key(|(_, waiting)| waiting.until).map(|(id, _)| *id);
            if let Some(id) = oldest {
                all.remove(&id);
            }
        }
        let id = Uuid::new_v4();
        all.insert(id, Waiting { name, password, until: now + LIFETIME });
        let text = format!("{COOKIE}={}; Path=/; Max-Age={LIFETIME}; Secure; HttpOnly; SameSite=Strict", id.simple());
        let mut value = HeaderValue::from_str(&text).unwrap_or_else(|_| Self::no_cookie());
        value.set_sensitive(true);
        value
    }

    /// Name and password of a request.
    pub fn find(&self, id: Uuid, now: i64) -> Option<Waiting> {
        self.0.lock().get(&id).filter(|waiting| waiting.until > now).cloned()
    }

    /// Forgets them.
    pub fn forget(&self, id: Uuid) {
        self.0.lock().remove(&id);
    }

    /// Removes those whose code has taken too long.
    pub fn tidy(&self, now: i64) {
        self.0.lock().retain(|_, waiting| waiting.until > now);
    }

    /// The cookie that removes it from the browser.
    pub const fn no_cookie() -> HeaderValue {
        HeaderValue::from_static("__Host-tornado-code=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")
    }
}

/// The number in a request's cookie.
pub fn number(headers: &HeaderMap) -> Option<Uuid> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    values.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(cookie: &HeaderValue) -> Option<Uuid> {
        let mut headers = HeaderMap::new();
        let pair = cookie.to_str().ok()?.split(';').next()?.to_owned();
        headers.insert(header::COOKIE, pair.parse().ok()?);
        number(&headers)
    }

    #[test]
    fn a_waiting_sign_in_is_found_by_its_cookie_until_it_ends() {
        let pending = Pending::default();
        let cookie = pending.keep("ops-amelia".into(), Secret::new("correct horse"), 1000);
        assert!(cookie.is_sensitive());
        let id = id_of(&cookie).unwrap();
        assert_eq!(pending.find(id, 1000 + LIFETIME - 1).unwrap().name, "ops-amelia");
        assert!(pending.find(id, 1000 + LIFETIME).is_none());
        pending.forget(id);
        assert!(pending.find(id, 1001).is_none());
    }

    #[test]
    fn a_password_is_removed_when_its_code_takes_too_long() {
        let pending = Pending::default();
        pending.keep("ops-amelia".into(), Secret::new("correct horse"), 1000);
        pending.tidy(1000 + LIFETIME - 1);
        assert_eq!(pending.0.lock().len(), 1);
        pending.tidy(1000 + LIFETIME);
        assert!(pending.0.lock().is_empty());
    }

    #[test]
    fn too_many_waiting_sign_ins_drop_the_oldest() {
        let pending = Pending::default();
        let first = id_of(&pending.keep("first".into(), Secret::new("x"), 0)).unwrap();
        for at in 1..=100 {
            pending.keep("other".into(), Secret::new("x"), at);
        }
        assert!(pending.find(first, 1).is_none());
        assert_eq!(pending.0.lock().len(), MAX);
    }
}
