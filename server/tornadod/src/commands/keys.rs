//! `tornadod keys`

use super::args::{Format, Keys};
use super::{Server, say_json, show};
use crate::failure::{Failure, Outcome as _};
use crate::output::{or_dash, say, span, table};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::keys::{KeyInfo, KeyRing as _, KeyRingClient, KeyStatus};
use tornado_rpc::NoInput;

pub async fn run(server: &Server, command: Keys) -> Result<(), Failure> {
    let keys = KeyRingClient::new(server.channel(ServiceName::Auth));
    match command {
        Keys::Status(Format { json }) => {
            let status = keys.key_status(Acting::root(NoInput {})).await.or_cannot("read the state of the keys")?;
            show(json, &status, print)
        }
        Keys::Rotate => {
            let status = keys.rotate_keys(Acting::root(NoInput {})).await.or_cannot("rotate the keys")?;
            say(&format!(
                "created new keys; the signing keys come into use in {}, when all services have them",
                span(status.lead)
            ));
            Ok(())
        }
        Keys::Check(Format { json }) => check(&keys, json).await,
    }
}

async fn check(keys: &KeyRingClient, json: bool) -> Result<(), Failure> {
    let found = keys.check_keys(Acting::root(NoInput {})).await.or_cannot("check the keys")?;
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
    let when = |at: i64| {
        if at > status.now { format!("in {}", span(at - status.now)) } else { format!("{} ago", span(status.now - at)) }
    };
    let line = |key: &KeyInfo| {
        [
            key.usage.to_string(),
            key.id.clone(),
            key.phase.to_string(),
            span(status.now - key.created_at),
            when(key.active_from),
            or_dash(key.gone_at.map(when)),
        ]
    };
    table(["USE", "KEY", "PHASE", "AGE", "ACTIVE FROM", "REMOVED"], status.keys.iter().map(line));
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
