//! Passkeys: the browser asks the authenticator (WebAuthn Level 3).

use super::{call, property, text_of};
use crate::model::act::{Answer, Challenge, Refusal};
use js_sys::{JSON, Object, Promise, Reflect};
use leptos::prelude::window;
use leptos::wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// What the authenticator is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceremony {
    /// Create a passkey.
    Create,
    /// Prove that it has one.
    Prove,
}

impl Ceremony {
    /// Names of the method, and of the function that reads its options.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Create => ("create", "parseCreationOptionsFromJSON"),
            Self::Prove => ("get", "parseRequestOptionsFromJSON"),
        }
    }
}

/// Whether the browser supports passkeys on this page: over TLS, or on the server itself.
pub fn is_available() -> bool {
    let class = property(&window(), "PublicKeyCredential");
    class.is_ok_and(|class| property(&class, "parseRequestOptionsFromJSON").is_ok_and(|one| one.is_function()))
}

/// Answers a challenge.
///
/// # Errors
///
/// The operator cancelled, or the authenticator cannot do it.
pub async fn answer(ceremony: Ceremony, challenge: Challenge) -> Result<Answer, Refusal> {
    match ask(ceremony, &challenge.options).await {
        Ok(credential) => Ok(Answer { id: challenge.id, credential }),
        Err(error) => Err(Refusal { code: "passkey".to_owned(), detail: text_of(&error, "name"), field: None }),
    }
}

async fn ask(ceremony: Ceremony, options: &str) -> Result<String, JsValue> {
    let (method, parse) = ceremony.names();
    let options = JSON::parse(options)?;
    let inner = property(&options, "publicKey")?;
    let inner = if inner.is_undefined() { options } else { inner };
    let class = property(&window(), "PublicKeyCredential")?;
    let wanted = Object::new();
    Reflect::set(&wanted, &JsValue::from_str("publicKey"), &call(&class, parse, Some(&inner))?)?;
    let credentials = property(&window().navigator(), "credentials")?;
    let promise: Promise = call(&credentials, method, Some(&wanted))?.dyn_into()?;
    let credential = JsFuture::from(promise).await?;
    let json = JSON::stringify(&call(&credential, "toJSON", None)?)?;
    Ok(String::from(json))
}
