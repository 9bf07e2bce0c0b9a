//! What only the browser can do: passkeys, and files that a request of the API returns. Runs in the browser only.

pub mod file;
pub mod passkey;

use leptos::wasm_bindgen::{JsCast, JsValue};

/// A property of an object.
///
/// # Errors
///
/// It is not an object.
pub fn property(of: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    js_sys::Reflect::get(of, &JsValue::from_str(name))
}

/// The text of a property; empty if it has none.
pub fn text_of(of: &JsValue, name: &str) -> String {
    property(of, name).ok().and_then(|value| value.as_string()).unwrap_or_default()
}

/// The JSON of an object with these properties.
pub fn json(properties: &[(&str, &JsValue)]) -> String {
    let object = js_sys::Object::new();
    for (name, value) in properties {
        // Fails only for an object that is sealed.
        drop(js_sys::Reflect::set(&object, &JsValue::from_str(name), value));
    }
    // Fails only for a value that contains itself.
    js_sys::JSON::stringify(&object).map(String::from).unwrap_or_default()
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
