//! Calls of the window's program over Tauri's own channel. Exists in the window only.

use js_sys::{Function, JSON, Object, Promise, Reflect};
use leptos::wasm_bindgen::closure::Closure;
use leptos::wasm_bindgen::{JsCast as _, JsValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::Cell;
use tornado_gui_api::{Failure, View};
use wasm_bindgen_futures::JsFuture;

/// The object that Tauri adds to the page.
const INTERNALS: &str = "__TAURI_INTERNALS__";
/// Tauri's mark of a channel in arguments.
const CHANNEL: &str = "__CHANNEL__:";

/// The call could not be made, or its result has another shape: window and program are of different versions.
fn broken(error: &JsValue) -> Failure {
    Failure::invalid("window", format!("the window cannot call its program: {error:?}; start it again"))
}

fn method(name: &str) -> Result<(JsValue, Function), JsValue> {
    let window: JsValue = leptos::prelude::window().into();
    let internals = Reflect::get(&window, &INTERNALS.into())?;
    let method = Reflect::get(&internals, &name.into())?.dyn_into::<Function>()?;
    Ok((internals, method))
}

async fn invoke(command: &str, arguments: &JsValue) -> Result<JsValue, Failure> {
    let promise = method("invoke")
        .and_then(|(internals, invoke)| invoke.call2(&internals, &command.into(), arguments))
        .and_then(|promise| promise.dyn_into::<Promise>())
        .map_err(|error| broken(&error))?;
    JsFuture::from(promise).await.map_err(|error| decode(&error).unwrap_or_else(|_| broken(&error)))
}

fn decode<T: DeserializeOwned>(value: &JsValue) -> Result<T, Failure> {
    // A command without a result returns nothing.
    let text = JSON::stringify(value).ok().and_then(|text| text.as_string()).unwrap_or_else(|| "null".to_owned());
    serde_json::from_str(&text).map_err(|error| broken(&error.to_string().into()))
}

/// Calls a command. `arguments` is an object with one field for each of its arguments.
pub async fn call<O: DeserializeOwned>(command: &str, arguments: impl Serialize) -> Result<O, Failure> {
    let text = serde_json::to_string(&arguments).map_err(|error| broken(&error.to_string().into()))?;
    let arguments = JSON::parse(&text).map_err(|error| broken(&error))?;
    decode(&invoke(command, &arguments).await?)
}

/// The text of a file beside the pages.
pub async fn file(name: &str) -> Result<String, Failure> {
    let response = JsFuture::from(leptos::prelude::window().fetch_with_str(name)).await;
    let response = response.and_then(|response| response.dyn_into::<web_sys::Response>()).map_err(|e| broken(&e))?;
    if !response.ok() {
        return Err(Failure::invalid("window", format!("the window has no file {name}; install the package again")));
    }
    let text = response.text().map_err(|error| broken(&error))?;
    let text = JsFuture::from(text).await.map_err(|error| broken(&error))?;
    Ok(text.as_string().unwrap_or_default())
}

/// Calls `show` with the current view and each later one, as long as the window exists.
pub async fn watch(show: impl Fn(View) + 'static) -> Result<(), Failure> {
    // Large messages can arrive late: an older view does not replace a newer one.
    let newest = Cell::new(-1.0);
    let receive = Closure::<dyn FnMut(JsValue)>::new(move |message: JsValue| {
        let field = |name: &str| Reflect::get(&message, &name.into()).unwrap_or(JsValue::UNDEFINED);
        let index = field("index").as_f64().unwrap_or_default();
        if let (true, Ok(view)) = (index > newest.get(), decode::<View>(&field("message"))) {
            newest.set(index);
            show(view);
        }
    });
    let id = method("transformCallback")
        .and_then(|(internals, register)| register.call2(&internals, &receive.into_js_value(), &JsValue::FALSE))
        .map_err(|error| broken(&error))?;
    let channel = format!("{CHANNEL}{}", id.as_f64().unwrap_or_default());
    let arguments = Object::new();
    Reflect::set(&arguments, &"channel".into(), &channel.into()).map_err(|error| broken(&error))?;
    invoke("watch", &arguments).await.map(drop)
}
