//! Creation of invitations.

use super::statement;
use crate::actor::Actor;
use crate::code::{self, CodeKind};
use crate::core::Core;
use crate::fault;
use std::net::Ipv6Addr;
use tornado_contracts::auth::settings::HOST;
use tornado_contracts::auth::{AuthError, CreateInvitation, InvitationLink};
use tornado_runtime::ground;
use tornado_shared::invitation::{Invitation, ServerAddress};
use tornado_shared::model::{InvitationId, UserId, Username};
use tornado_store::identity::{NewInvitation, UserKey};

const MAX_LIFETIME: i64 = 30 * 86_400;
const MAX_DEVICES: u32 = 10;

pub async fn create_invitation(
    core: &Core,
    actor: &Actor,
    input: CreateInvitation,
) -> Result<InvitationLink, AuthError> {
    if !(1..=MAX_DEVICES).contains(&input.max_devices) {
        return Err(AuthError::InvalidFields(format!("max_devices must be 1 to {MAX_DEVICES}")));
    }
    if !(1..=MAX_LIFETIME).contains(&input.lifetime) {
        return Err(AuthError::InvalidFields("lifetime must be 1 second to 30 days".into()));
    }
    let server = link_address(core, input.host).await?;
    let user = match &input.username {
        Some(name) => Some(invited(core, name).await?),
        None => None,
    };
    let (identity, tls) = statement::fingerprints(core).await?;
    let now = core.clock.now();
    let code = code::write(&rand::random());
    let expires_at = now.saturating_add(input.lifetime);
    let invitation = NewInvitation {
        id: InvitationId::random(),
        code_hash: code::hash(CodeKind::Invitation, &code),
        user,
        max_devices: input.max_devices,
        now,
        expires_at,
    };
    let row = core.trail.row(actor, "invitation.create", format!("invitation:{}", invitation.id));
    core.trail.signed(core.store.create_invitation(&invitation, &row)).await?;
    let link = Invitation { server, identity, tls, code }.to_link();
    Ok(InvitationLink { id: invitation.id, link, expires_at })
}

async fn invited(core: &Core, name: &Username) -> Result<UserId, AuthError> {
    let user = core.store.find_user(UserKey::Name(name)).await.map_err(fault::store)?;
    user.map(|user| user.id).ok_or_else(|| AuthError::InvalidFields("no account has this name".into()))
}

async fn link_address(core: &Core, requested: Option<String>) -> Result<ServerAddress, AuthError> {
    let chosen = match requested {
        Some(host) => Some(host),
        None => core.store.setting(HOST).await.map_err(fault::store)?,
    };
    // Determined now: the machine's address may appear or change after this service has started.
    let found = || ground::address().map(|address| address.to_string());
    let host = chosen.or_else(|| core.address.host.clone()).or_else(found);
    let host = host.ok_or_else(|| {
        let why = "this machine does not have an address for the invitation";
        AuthError::InvalidFields(format!("{why}; set [server] host in tornado.toml, or pass --host"))
    })?;
    address(&host, core.address.port).map_err(|error| AuthError::InvalidFields(format!("host: {error}")))
}

/// Adds the configured port to a host without one.
fn address(host: &str, port: u16) -> Result<ServerAddress, tornado_shared::invitation::InvitationError> {
    let mut address: ServerAddress = host.parse()?;
    let bare_ipv6 = host.trim().parse::<Ipv6Addr>().is_ok();
    if bare_ipv6 || !host.trim().ends_with(&format!(":{}", address.port)) {
        address.port = port;
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_kept_or_added() {
        let text = |host| address(host, 8443).unwrap().to_string();
        assert_eq!(text("vpn.example.org"), "vpn.example.org:8443");
        assert_eq!(text("vpn.example.org:4605"), "vpn.example.org:4605");
        assert_eq!(text("2001:db8::4605"), "[2001:db8::4605]:8443");
        assert_eq!(text("[2001:db8::1]:99"), "[2001:db8::1]:99");
        assert!(address("a b", 1).is_err());
    }
}
