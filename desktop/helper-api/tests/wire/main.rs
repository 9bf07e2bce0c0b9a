//! The wire formats of version 0.1.0, which devices and helpers in use speak. Old and new programs must understand each
//! other in both directions:
//!
//! - A message of 0.1.0 is still read: no field became required, changed its type or disappeared.
//! - A request is still written like in 0.1.0 unless it uses something new: old readers reject unknown fields.
//! - A response still has all fields of 0.1.0; old readers ignore further ones.
//! - An enum in a response has no new value, because an old reader cannot read it.
//!
//! The files contain one message per line and never change. A later version adds its own.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde::Serialize;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use serde_json::Value;
use std::collections::BTreeSet;
use tornado_helper_api as helper;
use tornado_shared::{api, model, problem};

const DEVICE_API: &str = include_str!("device-api-0.1.0.json");
const HELPER: &str = include_str!("helper-0.1.0.json");

/// Reads a message of 0.1.0 and writes it as this version would.
type Again = fn(&Value) -> Result<Value, String>;

fn again<T: DeserializeOwned + Serialize>(golden: &Value) -> Result<Value, String> {
    let read: T = serde_json::from_value(golden.clone()).map_err(|error| error.to_string())?;
    serde_json::to_value(read).map_err(|error| error.to_string())
}

/// The values of an enum, from the error for an unknown one.
fn values<T: DeserializeOwned>() -> BTreeSet<String> {
    let unknown: Result<T, serde::de::value::Error> = T::deserialize("?".into_deserializer());
    let error = unknown.err().unwrap().to_string();
    let (_, names) = error.split_once("expected").unwrap();
    names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

macro_rules! types {
    ($($name:ident: $type:ty),+ $(,)?) => { &[$((stringify!($name), again::<$type> as Again)),+] };
}

macro_rules! enums {
    ($($name:ident: $type:ty),+ $(,)?) => { vec![$((stringify!($name), values::<$type>())),+] };
}

const DEVICE_REQUESTS: &[(&str, Again)] = types! {
    LoginBody: api::LoginBody, LoginPayload: api::LoginPayload, EnrollPayload: api::EnrollPayload,
    Refresh: api::Refresh, Initiate: api::Initiate, UpdateMe: api::UpdateMe, NewPassword: api::NewPassword,
    PasswordAgain: api::PasswordAgain, FirstCode: api::FirstCode, SessionsQuery: api::SessionsQuery,
    ChooseExit: api::ChooseExit,
};
const DEVICE_RESPONSES: &[(&str, Again)] = types! {
    WelcomePayload: api::WelcomePayload, LoginReply: api::LoginReply, Tokens: api::Tokens, Profile: api::Profile,
    TotpOffer: api::TotpOffer, RecoveryCodes: api::RecoveryCodes, OwnDevices: api::OwnDevices,
    OwnUsage: api::OwnUsage, OwnSessions: api::OwnSessions, ServerInfo: api::ServerInfo, Initiated: api::Initiated,
    StatusWord: api::StatusWord, HeartbeatStatus: api::HeartbeatStatus, Disconnected: api::Disconnected,
    SessionView: api::SessionView, Lanes: api::Lanes, TorView: api::TorView, DeviceEvent: api::DeviceEvent,
    Problem: problem::Problem,
};
const HELPER_REQUESTS: &[(&str, Again)] = types! {
    Enroll: helper::Enroll, AddProfile: helper::AddProfile, SelectProfile: helper::SelectProfile,
    Login: helper::Login, Connect: helper::Connect, SwitchLane: helper::SwitchLane, Export: helper::Export,
    RemoveDevice: helper::RemoveDevice, SetLockdown: helper::SetLockdown, Split: helper::Split,
    OpenPortal: helper::OpenPortal,
};
const HELPER_RESPONSES: &[(&str, Again)] = types! {
    Status: helper::Status, Profiles: helper::Profiles, Exported: helper::Exported, Devices: helper::Devices,
    HelperError: helper::HelperError,
};

fn golden(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Checks the section `section`; `is_kept` compares what 0.1.0 wrote with what this version writes.
fn check(text: &str, section: &str, types: &[(&str, Again)], is_kept: fn(&Value, &Value) -> bool) {
    let pinned = golden(text);
    let messages = pinned[section].as_object().unwrap();
    let known: BTreeSet<&str> = types.iter().map(|(name, _)| *name).collect();
    assert_eq!(messages.keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
    for (name, again) in types {
        for message in messages[*name].as_array().unwrap() {
            let now = again(message).unwrap_or_else(|error| panic!("{name} of 0.1.0 is not read: {error}: {message}"));
            assert!(is_kept(message, &now), "{name} of 0.1.0 is not understood any more:\nold: {message}\nnew: {now}");
        }
    }
}

/// True if `new` has everything of `old`, with the same values.
fn contains(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(name, value)| new.get(name).is_some_and(|now| contains(value, now)))
        }
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| contains(old, new))
        }
        _ => old == new,
    }
}

fn check_enums(text: &str, enums: Vec<(&str, BTreeSet<String>)>) {
    let pinned = golden(text);
    let listed = pinned["enums"].as_object().unwrap();
    assert_eq!(listed.len(), enums.len());
    for (name, now) in enums {
        let old: BTreeSet<String> = serde_json::from_value(listed[name].clone()).unwrap();
        assert_eq!(old, now, "{name}: a peer of 0.1.0 cannot read another value");
    }
}

#[test]
fn devices_of_0_1_0_and_this_server_understand_each_other() {
    check(DEVICE_API, "requests", DEVICE_REQUESTS, |old, new| old == new);
    check(DEVICE_API, "responses", DEVICE_RESPONSES, contains);
    check_enums(
        DEVICE_API,
        enums! {
            LaneState: api::LaneState, Lane: model::Lane, SessionState: model::SessionState,
            CloseReason: model::CloseReason, HeartbeatWord: api::HeartbeatWord, TorHopRole: api::TorHopRole,
        },
    );
}

#[test]
fn programs_of_0_1_0_and_this_helper_understand_each_other() {
    check(HELPER, "requests", HELPER_REQUESTS, |old, new| old == new);
    check(HELPER, "responses", HELPER_RESPONSES, contains);
    check_enums(
        HELPER,
        enums! {
            TunnelState: helper::TunnelState, ControlPlane: helper::ControlPlane, Choice: helper::Choice,
            LockdownMode: helper::LockdownMode, Backend: helper::Backend,
        },
    );
}

/// Device events have a fallback, so new ones may be added.
#[test]
fn an_unknown_event_of_a_newer_server_is_ignored() {
    let event: api::DeviceEvent = serde_json::from_str(r#"{"kind":"new_in_0_9","x":1}"#).unwrap();
    assert_eq!(event, api::DeviceEvent::Unknown);
}

#[test]
fn methods_of_the_helper_are_where_they_were() {
    let source = include_str!("../../src/contract.rs");
    for (route, names) in golden(HELPER)["routes"].as_object().unwrap() {
        let (verb, path) = route.split_once(' ').unwrap();
        let names: [String; 3] = serde_json::from_value(names.clone()).unwrap();
        let [method, input, output] = names;
        let line = format!("{method}({input}) -> {output} = {verb} \"{path}\"");
        assert!(source.contains(&line), "a program of 0.1.0 needs the method: {line}");
    }
}

#[test]
fn the_document_lists_the_methods() {
    let documents = tornado_e2e_documents::read(env!("CARGO_MANIFEST_DIR")).unwrap();
    let reference = documents.iter().find(|one| one.path == "docs/api_reference.md").unwrap();
    let listed = tornado_e2e_documents::routes(&tornado_e2e_documents::section(reference, "## Helper"));
    let source = include_str!("../../src/contract.rs");
    let method = |line: &str| {
        let (verb, rest) = line.split_once(" = ")?.1.split_once(" \"")?;
        Some(format!("{} {}", verb.replace("EVENTS", "GET"), rest.split('"').next()?))
    };
    let served: BTreeSet<String> = source.lines().filter_map(method).collect();
    assert_eq!(served.len(), helper_methods() + 1, "each method and the stream");
    assert_eq!(listed, served);
}

fn helper_methods() -> usize {
    golden(HELPER)["routes"].as_object().unwrap().len()
}

#[test]
fn changes_that_break_old_peers_are_found() {
    let old = serde_json::json!({ "a": 1, "b": [{ "c": null }] });
    for new in [
        serde_json::json!({ "b": [{ "c": null }] }),
        serde_json::json!({ "a": "1", "b": [{ "c": null }] }),
        serde_json::json!({ "a": 1, "b": [] }),
        serde_json::json!({ "a": 1, "b": [{ "d": null }] }),
    ] {
        assert!(!contains(&old, &new), "{new}");
    }
    assert!(contains(&old, &serde_json::json!({ "a": 1, "b": [{ "c": null, "d": 2 }], "e": 3 })));
    assert_eq!(values::<model::Lane>(), ["direct", "tor"].map(str::to_owned).into());
}
