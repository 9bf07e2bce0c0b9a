//! Checks of the `Host` and `Origin` headers. A foreign site can make a browser send requests to the console, even by
//! resolving its own name to a loopback address (DNS rebinding), so both headers are checked.

use axum::http::{HeaderMap, header};
use std::net::IpAddr;
use tornado_contracts::auth::passkeys::Site;

/// True if the request is addressed to a loopback name or one of `hosts`.
pub fn host_is_ours(headers: &HeaderMap, hosts: &[String]) -> bool {
    let Some(host) = single(headers, header::HOST) else { return false };
    let name = without_port(host);
    let is_loopback = name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    is_loopback || hosts.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

/// True if a form was sent from the console's own page: `Origin` names the host of the request. Every browser sends
/// `Origin` with a POST; other programs may omit it.
pub fn is_same_origin(headers: &HeaderMap) -> bool {
    if headers.get(header::ORIGIN).is_none() {
        return headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin");
    }
    let (Some(origin), Some(host)) = (single(headers, header::ORIGIN), single(headers, header::HOST)) else {
        return false;
    };
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// The console's site, as the browser of a request sees it. A request of the console's page that is not a GET has the
/// header `Origin`, which [`is_same_origin`] has compared with the host.
pub fn site(headers: &HeaderMap) -> Site {
    let host = single(headers, header::HOST).unwrap_or_default();
    let origin = single(headers, header::ORIGIN).map_or_else(|| format!("https://{host}"), str::to_owned);
    Site { host: without_port(host).to_ascii_lowercase(), origin: origin.to_ascii_lowercase() }
}

fn single(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn foreign_names_are_refused() {
        let hosts = vec!["vpn.example.org".to_owned()];
        for host in ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "VPN.example.org", "localhost"] {
            assert!(host_is_ours(&headers(&[("host", host)]), &hosts), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "192.0.2.1:8000", "", "127.0.0.1.evil.example"] {
            assert!(!host_is_ours(&headers(&[("host", host)]), &hosts), "{host}");
        }
        assert!(!host_is_ours(&HeaderMap::new(), &hosts));
    }

    #[test]
    fn forms_come_from_our_own_page() {
        let host = ("host", "localhost:8000");
        assert!(is_same_origin(&headers(&[host, ("origin", "http://localhost:8000")])));
        assert!(is_same_origin(&headers(&[host])));
        for origin in ["http://evil.example", "null", "http://localhost:8001", "file://localhost:8000"] {
            assert!(!is_same_origin(&headers(&[host, ("origin", origin)])), "{origin}");
        }
        assert!(!is_same_origin(&headers(&[host, ("sec-fetch-site", "cross-site")])));
    }

    #[test]
    fn the_site_is_what_the_browser_sees() {
        let of = |pairs: &[(&'static str, &str)]| {
            let Site { host, origin } = site(&headers(pairs));
            (host, origin)
        };
        let expected = |host: &str, origin: &str| (host.to_owned(), origin.to_owned());
        let pairs = [("host", "Console.example.org:8443"), ("origin", "https://console.example.org:8443")];
        assert_eq!(of(&pairs), expected("console.example.org", "https://console.example.org:8443"));
        assert_eq!(of(&[("host", "localhost:8000")]), expected("localhost", "https://localhost:8000"));
    }
}
