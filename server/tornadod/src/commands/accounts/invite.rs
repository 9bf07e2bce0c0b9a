//! `tornadod invite create`

use crate::cli::CreateInvite;
use crate::commands::{Server, say_json};
use crate::failure::{Failure, Outcome as _};
use crate::output::{is_terminal, qr_code, say, span};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::{Acting, Auth as _, AuthClient, CreateInvitation};

pub async fn create(server: &Server, wish: CreateInvite) -> Result<(), Failure> {
    let lifetime = i64::try_from(wish.expires.as_secs()).unwrap_or(i64::MAX);
    let input = CreateInvitation { username: wish.user, max_devices: wish.devices, lifetime, host: wish.host };
    let auth = AuthClient::new(server.channel(ServiceName::Auth));
    let made = auth.create_invitation(Acting::root(input)).await.or_cannot("create an invitation")?;
    if wish.json {
        return say_json(&made);
    }
    let for_people = is_terminal();
    if wish.qr || for_people {
        say(&qr_code(made.link.expose())?);
    }
    say(made.link.expose());
    if for_people {
        say(&format!(
            "The link works once and expires in {}. On the device, run: tornado enroll 'LINK'",
            span(lifetime)
        ));
    }
    Ok(())
}
