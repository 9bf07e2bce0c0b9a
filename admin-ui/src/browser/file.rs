//! Requests of the API that the pages cannot make through their source: files, and the sign-in by a passkey, whose
//! response sets the cookie.

use super::text_of;
use crate::model::act::Refusal;
use leptos::prelude::{document, window};
use leptos::wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Headers, HtmlAnchorElement, RequestInit, Response, Url};

/// Path of the API.
pub const API: &str = "/api/v1";

/// Sends a request of the API with a JSON body, and returns the text of the response.
///
/// # Errors
///
/// The server refused it, or cannot be reached.
pub async fn post(path: &str, csrf: &str, body: &str) -> Result<String, Refusal> {
    let response = send(path, csrf, body).await?;
    let text = response.text().map_err(lost)?;
    Ok(JsFuture::from(text).await.map_err(lost)?.as_string().unwrap_or_default())
}

/// Sends a request of the API, and saves the response as a file.
///
/// # Errors
///
/// The server refused it, or cannot be reached.
pub async fn download(path: &str, csrf: &str, body: &str, name: &str) -> Result<(), Refusal> {
    let response = send(path, csrf, body).await?;
    let blob: Blob = JsFuture::from(response.blob().map_err(lost)?).await.map_err(lost)?.unchecked_into();
    save(&blob, name).map_err(lost)
}

async fn send(path: &str, csrf: &str, body: &str) -> Result<Response, Refusal> {
    let headers = Headers::new().map_err(lost)?;
    headers.set("Content-Type", "application/json").map_err(lost)?;
    if !csrf.is_empty() {
        headers.set("X-CSRF-Token", csrf).map_err(lost)?;
    }
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_headers(&headers);
    request.set_body(&JsValue::from_str(body));
    let sent = window().fetch_with_str_and_init(&format!("{API}{path}"), &request);
    let response: Response = JsFuture::from(sent).await.map_err(lost)?.unchecked_into();
    if response.ok() {
        return Ok(response);
    }
    let text = JsFuture::from(response.text().map_err(lost)?).await.map_err(lost)?.as_string().unwrap_or_default();
    let problem = js_sys::JSON::parse(&text).map_err(lost)?;
    Err(Refusal { code: text_of(&problem, "code"), detail: text_of(&problem, "detail"), field: None })
}

/// Saves a file as a link with the attribute `download` does.
fn save(blob: &Blob, name: &str) -> Result<(), JsValue> {
    let url = Url::create_object_url_with_blob(blob)?;
    let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&url);
    link.set_download(name);
    link.click();
    Url::revoke_object_url(&url)
}

fn lost<E>(_: E) -> Refusal {
    Refusal::unreachable()
}
