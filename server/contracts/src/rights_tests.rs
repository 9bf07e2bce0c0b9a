//! Access rights across all contracts.

use crate::{ServiceName, auth, engines, exposition, master, operator, session, telemetry, tor, wg};

fn all() -> impl Iterator<Item = &'static (&'static str, &'static str, &'static [ServiceName])> {
    let contracts = [
        auth::METHODS,
        auth::api_tokens::METHODS,
        auth::audit::METHODS,
        auth::import::METHODS,
        auth::keys::METHODS,
        auth::operators::METHODS,
        auth::passkeys::METHODS,
        auth::settings::METHODS,
        auth::users::METHODS,
        engines::METHODS,
        exposition::METHODS,
        master::METHODS,
        operator::services::METHODS,
        operator::sessions::METHODS,
        operator::tor::METHODS,
        session::METHODS,
        telemetry::logs::METHODS,
        telemetry::metrics::METHODS,
        tor::METHODS,
        wg::METHODS,
    ];
    contracts.into_iter().flatten()
}

/// Service `admin` is reachable by browsers. A compromised console must not gain an operator's rights or see user data:
/// each call carries an operator's sign-in token, which `auth` checks.
#[test]
fn the_console_needs_an_operators_sign_in() {
    const WITHOUT: [&str; 17] = [
        // These carry their own proof: a one-time code, a password, or a signature. The challenge is the same for all.
        "Passkeys.begin_passkey_sign_in",
        "Passkeys.sign_in_by_passkey",
        "Auth.redeem_setup",
        "Operators.sign_in",
        // Each row of the trail names its author, whatever its content.
        "Audit.append",
        // These return data about the server, not about users.
        "Auth.server_info",
        "Auth.verifying_keys",
        "Engines.engines",
        "Logs.status",
        "Master.status",
        "Metrics.scrape",
        "Sessions.status",
        "Sessions.pool",
        "Tor.status",
        "Tor.exits",
        "Tor.countries",
        "Wg.status",
    ];
    for (name, input, roles) in all().filter(|(_, _, roles)| roles.contains(&ServiceName::Admin)) {
        assert!(WITHOUT.contains(name) || input.starts_with("Acting"), "{name} takes {input} of {roles:?}");
    }
}

/// Service `client-api` is reachable by everyone: it acts on a device's token or forwards a sealed envelope.
#[test]
fn the_device_api_acts_on_tokens_only() {
    const WITHOUT: [&str; 7] = [
        "Auth.server_info",
        "Auth.open_login",
        "Auth.verifying_keys",
        "Auth.attest_tls",
        "Wg.next_status",
        "Wg.status",
        "Tor.status",
    ];
    const TOKENS: [&str; 6] = ["AccessToken", "RefreshToken", "Connect", "ChooseExit", "OwnHistory", "OwnAct"];
    for (name, input, _) in all().filter(|(_, _, roles)| roles.contains(&ServiceName::ClientApi)) {
        assert!(WITHOUT.contains(name) || TOKENS.iter().any(|token| input.starts_with(token)), "{name} takes {input}");
    }
}

#[test]
fn no_service_gives_orders_to_the_supervisor_or_to_tor() {
    assert!(all().filter(|(name, ..)| name.ends_with(".control")).all(|(_, _, roles)| roles.is_empty()));
}
