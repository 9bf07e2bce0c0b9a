//! What only the browser can do: passkeys, and files that a request of the API returns. Runs in the browser only.

pub mod file;
pub mod passkey;

use leptos::wasm_bindgen::{JsCast, JsValue};

/// A property of an object.
///
/// # Errors
///
/// It is not an object.
fn property(of: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    js_sys::Reflect::get(of, &JsValue::from_str(name))
}

/// Calls a method of an object.
///
/// # Errors
///
/// The object has no such method, or the method fails.
fn call(of: &JsValue, name: &str, argument: Option<&JsValue>) -> Result<JsValue, JsValue> {
    let method: js_sys::Function = property(of, name)?.dyn_into()?;
    match argument {
        Some(argument) => method.call1(of, argument),
        None => method.call0(of),
    }
}
