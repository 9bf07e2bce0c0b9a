//! `tornadod keys`

use super::args::Keys;
use super::{Server, say_json};
use crate::failure::Failure;
use crate::output::{say, span, table};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::keys::{KeyInfo, KeyPhase, KeyRing as _, KeyRingClient, KeyStatus, KeyUse};
use tornado_rpc::NoInput;

pub async fn run(server: &Server, command: Keys) -> Result<(), Failure> {
    let keys = KeyRingClient::new(server.channel(ServiceName::Auth));
    match command {
        Keys::Status { json } => {
            let status = keys.key_status(Acting::root(NoInput {})).await;
            let status = status.map_err(|e| Failure::of_call("read the state of the keys", &e))?;
            if json {
                return say_json(&status);
            }
            print(&status);
            Ok(())
        }
        Keys::Rotate => {
            let status = keys.rotate_keys(Acting::root(NoInput {})).await;
            let status = status.map_err(|e| Failure::of_call("rotate the keys", &e))?;
            say(&format!(
                "created new keys; the signing keys come into use in {}, when all services have them",
                span(status.lead)
            ));
            Ok(())
        }
        Keys::Check { json } => check(&keys, json).await,
    }
}

async fn check(keys: &KeyRingClient, json: bool) -> Result<(), Failure> {
    let found = keys.check_keys(Acting::root(NoInput {})).await.map_err(|e| Failure::of_call("check the keys", &e))?;
    if json {
        say_json(&found)?;
    }
    if !found.problems.is_empty() {
        return Err(Failure::failed(format!("found problems with the keys: {}", found.problems.join("; "))));
    }
    if !json {
        say(&format!("{} key files are valid", found.files));
    }
    Ok(())
}

fn print(status: &KeyStatus) {
    let heading = ["USE", "KEY", "PHASE", "AGE", "ACTIVE FROM", "REMOVED"].map(String::from).to_vec();
    let when = |at: i64| {
        if at > status.now { format!("in {}", span(at - status.now)) } else { format!("{} ago", span(status.now - at)) }
    };
    let line = |key: &KeyInfo| {
        vec![
            usage(key.usage).into(),
            key.id.clone(),
            phase(key.phase).into(),
            span(status.now - key.created_at),
            when(key.active_from),
            key.gone_at.map_or_else(|| "-".into(), when),
        ]
    };
    table(&std::iter::once(heading).chain(status.keys.iter().map(line)).collect::<Vec<_>>());
    say("");
    match status.next_rotation {
        Some(at) => say(&format!("next rotation {}", when(at))),
        None => say("no rotation is scheduled"),
    }
    if status.rotating {
        say("a rotation is in progress");
    }
    if let Some(tls) = &status.tls {
        say(&format!("certificate of the device API: key {tls}"));
    }
}

const fn usage(usage: KeyUse) -> &'static str {
    match usage {
        KeyUse::Access => "access tokens",
        KeyUse::Refresh => "refresh tokens",
        KeyUse::LoginV1 => "login v1",
        KeyUse::LoginV2 => "login v2",
    }
}

const fn phase(phase: KeyPhase) -> &'static str {
    match phase {
        KeyPhase::Next => "next",
        KeyPhase::Current => "current",
        KeyPhase::VerifyOnly => "verify only",
    }
}
