//! Creation of invitations.

use super::statement::Statement;
use crate::actor::Actor;
use crate::clock::Clock;
use crate::code::{self, CodeKind};
use crate::fault;
use crate::trail::Trail;
use std::net::Ipv6Addr;
use std::sync::Arc;
use tornado_contracts::auth::settings::HOST;
use tornado_contracts::auth::{AuthError, CreateInvitation, InvitationLink};
use tornado_runtime::ground;
use tornado_shared::invitation::{Invitation, ServerAddress};
use tornado_shared::model::{InvitationId, UserId, Username};
use tornado_store::identity::{IdentityStore, NewInvitation, UserKey};

const MAX_LIFETIME: i64 = 30 * 86_400;
const MAX_DEVICES: u32 = 10;

/// The configured address of the device API.
pub struct Address {
    pub host: Option<String>,
    pub port: u16,
}

/// Invitations in the store.
pub struct Invitations {
    store: Arc<dyn IdentityStore>,
    trail: Arc<Trail>,
    statement: Arc<Statement>,
    configured: Address,
    clock: Clock,
}

impl Invitations {
    pub fn new(
        store: Arc<dyn IdentityStore>,
        trail: Arc<Trail>,
        statement: Arc<Statement>,
        configured: Address,
        clock: Clock,
    ) -> Self {
        Self { store, trail, statement, configured, clock }
    }

    pub async fn create_invitation(&self, actor: &Actor, input: CreateInvitation) -> Result<InvitationLink, AuthError> {
        if !(1..=MAX_DEVICES).contains(&input.max_devices) {
            return Err(AuthError::InvalidFields(format!("max_devices must be 1 to {MAX_DEVICES}")));
        }
        if !(1..=MAX_LIFETIME).contains(&input.lifetime) {
            return Err(AuthError::InvalidFields("lifetime must be 1 second to 30 days".into()));
        }
        let server = self.link_address(input.host).await?;
        let user = match &input.username {
            Some(name) => Some(self.invited(name).await?),
            None => None,
        };
        let (identity, tls) = self.statement.fingerprints().await?;
        let now = self.clock.now();
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
        let row = self.trail.row(actor, "invitation.create", format!("invitation:{}", invitation.id));
        self.store.create_invitation(&invitation, &row).await.map_err(fault::store)?;
        self.trail.sign_trail().await;
        let link = Invitation { server, identity, tls, code }.to_link();
        Ok(InvitationLink { id: invitation.id, link, expires_at })
    }

    async fn invited(&self, name: &Username) -> Result<UserId, AuthError> {
        let user = self.store.find_user(UserKey::Name(name)).await.map_err(fault::store)?;
        user.map(|user| user.id).ok_or_else(|| AuthError::InvalidFields("no account has this name".into()))
    }

    async fn link_address(&self, requested: Option<String>) -> Result<ServerAddress, AuthError> {
        let chosen = match requested {
            Some(host) => Some(host),
            None => self.store.setting(HOST).await.map_err(fault::store)?,
        };
        // Determined now: the machine's address may appear or change after this service has started.
        let found = || ground::address().map(|address| address.to_string());
        let host = chosen.or_else(|| self.configured.host.clone()).or_else(found);
        let host = host.ok_or_else(|| {
            let why = "this machine does not have an address for the invitation";
            AuthError::InvalidFields(format!("{why}; set [server] host in tornado.toml, or pass --host"))
        })?;
        address(&host, self.configured.port).map_err(|error| AuthError::InvalidFields(format!("host: {error}")))
    }
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
