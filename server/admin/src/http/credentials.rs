//! The sign-in of a browser: a cookie that scripts cannot read, and a CSRF token derived from it. Programs have an API
//! token instead, which browsers never send by themselves and which therefore needs no CSRF token.

use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest as _, Sha256};
use tornado_admin_api::{AdminError, AdminResult, CSRF_HEADER};
use tornado_contracts::auth::{AuthError, api_tokens};
use tornado_shared::model::Secret;

/// Name of the cookie. The prefix binds it to this host over TLS, with the path `/` (RFC 6265bis).
pub const COOKIE: &str = "__Host-tornado";
/// Maximum length of a token, characters.
const MAX_TOKEN: usize = 128;

/// The API token of a program. A request with the header `Authorization` does not use the cookie.
pub fn api_token(headers: &HeaderMap) -> AdminResult<Option<Secret>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let token = first.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    let is_token = |token: &&str| {
        let code = token.strip_prefix(api_tokens::PREFIX).unwrap_or_default();
        (1..=MAX_TOKEN).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    match token.filter(is_token) {
        Some(token) if values.next().is_none() => Ok(Some(Secret::new(token))),
        Some(_) | None => {
            let why = AuthError::ApiTokenInvalid;
            Err(AdminError::new(401, tornado_rpc::ServiceError::code(&why), why.to_string()))
        }
    }
}

/// The token in the cookie. Several cookies of this name are not accepted.
pub fn token(headers: &HeaderMap) -> Option<Secret> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .filter(|value| (1..=MAX_TOKEN).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_alphanumeric()));
    let first = values.next()?;
    values.next().is_none().then(|| Secret::new(first))
}

/// The CSRF token of a sign-in. It can only be computed from the sign-in's token.
pub fn csrf_token(token: &Secret) -> String {
    let hash = Sha256::new_with_prefix(b"tornado-vpn csrf\0").chain_update(token.expose()).finalize();
    data_encoding::HEXLOWER.encode(&hash)
}

/// True if the request repeats the CSRF token of its sign-in.
pub fn has_csrf_token(headers: &HeaderMap, token: &Secret) -> bool {
    let mut values = headers.get_all(CSRF_HEADER).iter();
    values.next().is_some_and(|value| is_csrf_token(value.as_bytes(), token)) && values.next().is_none()
}

/// True if `text` is the CSRF token of a sign-in. Their hashes are compared, so that the time of the comparison reveals
/// nothing about the CSRF token.
pub fn is_csrf_token(text: &[u8], token: &Secret) -> bool {
    Sha256::digest(text) == Sha256::digest(csrf_token(token))
}

/// The header that stores the sign-in in the browser for `seconds`.
pub fn cookie(token: &Secret, seconds: i64) -> HeaderValue {
    let text = format!("{COOKIE}={}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict", token.expose());
    let mut value = HeaderValue::from_str(&text).unwrap_or_else(|_| no_cookie());
    value.set_sensitive(true);
    value
}

/// The header that removes the sign-in from the browser.
pub fn no_cookie() -> HeaderValue {
    HeaderValue::from_static("__Host-tornado=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("cookie", line.parse().unwrap());
        }
        token(&headers).map(|token| token.expose().to_owned())
    }

    #[test]
    fn one_cookie_is_a_sign_in() {
        assert_eq!(read(&["a=b; __Host-tornado=ABC; c=d"]).as_deref(), Some("ABC"));
        for bad in [
            &["__Host-tornado="][..],
            &["__Host-tornado2=ABC"],
            &["tornado=ABC"],
            &["__Host-tornado=A;__Host-tornado=B"],
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(read(&["__Host-tornado=A", "__Host-tornado=B"]), None);
        assert_eq!(read(&[&format!("__Host-tornado={}", "A".repeat(129))]), None);
    }

    #[test]
    fn programs_send_an_api_token() {
        let of = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("authorization", line.parse().unwrap());
            }
            api_token(&headers).map(|token| token.map(|token| token.expose().to_owned()))
        };
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&["Bearer tornado_ABC"]).unwrap().as_deref(), Some("tornado_ABC"));
        let long = format!("Bearer tornado_{}", "A".repeat(129));
        for bad in ["Bearer ABC", "Bearer tornado_", "Bearer tornado_A.B", "Basic tornado_ABC", "tornado_ABC", &long] {
            assert_eq!(of(&[bad]).unwrap_err().code(), "invalid_api_token", "{bad}");
        }
        assert_eq!(of(&["Bearer tornado_ABC", "Bearer tornado_ABC"]).unwrap_err().status(), 401);
        assert_eq!(read(&["__Host-tornado=tornado_ABC"]), None, "a cookie never holds an API token");
    }

    #[test]
    fn a_csrf_token_belongs_to_one_sign_in() {
        let (one, other) = (Secret::new("ONE"), Secret::new("OTHER"));
        let mut headers = HeaderMap::new();
        headers.insert(CSRF_HEADER, csrf_token(&one).parse().unwrap());
        assert!(has_csrf_token(&headers, &one));
        assert!(!has_csrf_token(&headers, &other));
        assert!(!has_csrf_token(&HeaderMap::new(), &one));
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_the_cookie() {
        let text = cookie(&Secret::new("ABC"), 60).to_str().unwrap().to_owned();
        for word in ["__Host-tornado=ABC;", "Path=/", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=60"] {
            assert!(text.contains(word), "{text}");
        }
        assert!(!text.contains("Domain"));
    }
}
