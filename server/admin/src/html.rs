//! The frame of all pages. The macro `html!` escapes every value that is not HTML itself.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// Forbids scripts, foreign origins, frames and forms to other sites.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// The style sheet.
pub const STYLE: &str = include_str!("style.css");

/// A complete page.
#[must_use]
pub fn page(status: StatusCode, title: &str, body: &Markup) -> Response {
    let html = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Tornado VPN" }
                link rel="stylesheet" href="/style.css";
            }
            body { main { h1 { (title) } (body) } }
        }
    };
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html.into_string()).into_response()
}

/// Adds the headers common to all responses.
#[must_use]
pub fn with_headers(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 6] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn input_never_becomes_markup() {
        let input = r#"<a href="x" title='y'>&"#;
        let page = page(StatusCode::OK, input, &html! { p title=(input) { (input) } });
        let text = axum::body::to_bytes(page.into_body(), 4096).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(!text.contains("<a") && !text.contains("\"x"), "{text}");
        assert_eq!(text.matches("&lt;a href=&quot;x&quot; title='y'&gt;&amp;").count(), 4, "{text}");
    }
}
