//! Which caller may do what, over all contracts.

use crate::{ServiceName, auth, engines, master, session, tor, wg};

fn all() -> impl Iterator<Item = &'static (&'static str, &'static str, &'static [ServiceName])> {
    let contracts = [
        auth::METHODS,
        auth::audit::METHODS,
        auth::import::METHODS,
        auth::keys::METHODS,
        auth::operators::METHODS,
        auth::users::METHODS,
        engines::METHODS,
        master::METHODS,
        session::METHODS,
        tor::METHODS,
        wg::METHODS,
    ];
    contracts.into_iter().flatten()
}

/// The console's own service is reached by browsers. Taken over, it must not be able to do what an operator may, nor
/// see what people do: each act carries the operator's word, which `auth` judges.
#[test]
fn defect_029_the_console_does_and_sees_nothing_without_an_operators_word() {
    const WITHOUT: [&str; 13] = [
        // These prove themselves: a one-time code, a password.
        "Auth.redeem_setup",
        "Operators.sign_in",
        // A row of the trail names its writer, whatever it says.
        "Audit.append",
        // These tell of the server, not of people.
        "Auth.server_info",
        "Auth.verifying_keys",
        "Engines.engines",
        "Master.status",
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

/// The device API's service is reached by everybody: it acts on a device's token, or has nothing but an envelope.
#[test]
fn defect_029_the_edge_acts_on_tokens_only() {
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
