//! Contracts of service `auth`, served on one socket: [`Auth`] for devices and other services, and those of the
//! submodules.

mod acting;
pub mod api_tokens;
pub mod audit;
mod error;
pub mod import;
pub mod keys;
mod logins;
pub mod operators;
pub mod passkeys;
pub mod settings;
pub mod users;

pub use acting::Acting;
pub use error::AuthError;
pub use logins::{
    AccessToken, AttestTls, Auth, AuthClient, Authorize, CreateInvitation, Grant, InvitationLink, LanePresharedKeys,
    METHODS, OpenLogin, PutOperator, RedeemSetup, RefreshToken, SetupLink, router,
};
pub use operators::Operator;

/// All contracts of service `auth` on one router.
pub fn routers<S>(service: std::sync::Arc<S>) -> tornado_rpc::Router
where
    S: Auth
        + audit::Audit
        + users::Users
        + operators::Operators
        + api_tokens::ApiTokens
        + passkeys::Passkeys
        + settings::ServerSettings
        + keys::KeyRing
        + import::Import,
{
    router(service.clone())
        .merge(audit::router(service.clone()))
        .merge(users::router(service.clone()))
        .merge(operators::router(service.clone()))
        .merge(api_tokens::router(service.clone()))
        .merge(passkeys::router(service.clone()))
        .merge(settings::router(service.clone()))
        .merge(keys::router(service.clone()))
        .merge(import::router(service))
}
