//! The routes as data: one row each, with their possible responses.

use tornado_shared::api::path;
use utoipa::openapi::HttpMethod;

/// One route.
pub(super) struct Row {
    pub method: HttpMethod,
    pub path: &'static str,
    pub summary: &'static str,
    pub bearer: bool,
    /// Schema name.
    pub body: Option<&'static str>,
    pub reply: &'static str,
    /// Statuses of problems besides those of every route (400, 408, 413, 431, 500, 503).
    pub problems: &'static [(&'static str, &'static str)],
    /// Name, schema and description of each query parameter.
    pub query: &'static [(&'static str, &'static str, &'static str)],
}

const UNAUTHENTICATED: (&str, &str) = ("401", "missing_token, invalid_token, token_expired or revoked");
const INVALID: (&str, &str) = ("422", "validation_failed: the body lacks required fields");
/// Actions that require the password or a code again.
const PROVED: &[(&str, &str)] = &[
    ("400", "invalid_fields: the new password or the state of the second factor"),
    ("401", "invalid_credentials or totp_invalid; otherwise as in every route"),
    INVALID,
    TOO_MANY,
];
/// Connect, also for exported devices.
const CONNECT: &[(&str, &str)] = &[
    UNAUTHENTICATED,
    ("403", "quota_exceeded: wait for Retry-After seconds (502 'VPN Manager Error: …' for clients of the original)"),
    ("409", "max_devices_exceeded or key_in_use (502 for clients of the original)"),
    INVALID,
];
const ENVELOPE: (&str, &str) = ("400", "invalid_encrypted_payload, clock_skew, unknown_login_key or invalid_fields");
const LOGIN: (&str, &str) =
    ("401", "invalid_credentials, totp_required, totp_invalid, user_inactive or max_devices_exceeded");
const TOO_MANY: (&str, &str) = ("429", "too_many_attempts: wait for Retry-After seconds");

const fn get(path: &'static str, summary: &'static str, reply: &'static str) -> Row {
    let method = HttpMethod::Get;
    Row { method, path, summary, bearer: false, body: None, reply, problems: &[TOO_MANY], query: &[] }
}

const fn post(path: &'static str, summary: &'static str, body: &'static str, reply: &'static str) -> Row {
    let problems = &[("401", "a stable code, such as invalid_credentials or refresh_token_expired"), INVALID, TOO_MANY];
    Row { method: HttpMethod::Post, path, summary, bearer: false, body: Some(body), reply, problems, query: &[] }
}

const fn known(method: HttpMethod, path: &'static str, summary: &'static str, reply: &'static str) -> Row {
    Row { method, path, summary, bearer: true, body: None, reply, problems: &[UNAUTHENTICATED], query: &[] }
}

impl Row {
    const fn body(self, schema: &'static str) -> Self {
        Self { body: Some(schema), ..self }
    }

    const fn problems(self, problems: &'static [(&'static str, &'static str)]) -> Self {
        Self { problems, ..self }
    }

    const fn query(self, query: &'static [(&'static str, &'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }
}

pub(super) const fn rows() -> [Row; 29] {
    use HttpMethod::{Delete, Get, Patch, Post, Put};
    [
        get(path::HEALTH, "Liveness", "StatusWord"),
        get(path::OPENAPI, "This document", "Object"),
        get(path::PUBKEY, "Login key of envelope version 1", "Pubkey"),
        get(path::SERVER, "Identity, login keys and certificate, signed by the identity", "ServerInfo"),
        post(path::LOGIN, "Log in with a sealed envelope of either version", "Envelope", "LoginReply")
            .problems(&[ENVELOPE, LOGIN, INVALID, TOO_MANY]),
        post(path::ENROLL, "Redeem an invitation with a sealed envelope of version 2", "Envelope", "LoginReply")
            .problems(&[
                ENVELOPE,
                LOGIN,
                ("409", "name_taken: choose another account name"),
                ("410", "invalid_invitation: used, expired or wrong"),
                INVALID,
                TOO_MANY,
            ]),
        post(
            path::REAUTH,
            "Exchange a refresh token for a new pair; each token works once",
            "Refresh",
            "Reauthenticated",
        ),
        post(path::LOGOUT, "End the login and its session", "Refresh", "StatusWord"),
        known(Post, path::INITIATE, "Connect: lease addresses and open both lanes", "Initiated")
            .body("Initiate")
            .problems(CONNECT),
        known(
            Post,
            path::EXPORT,
            "Connect an exported device: a lease for a WireGuard app, until it is revoked",
            "Initiated",
        )
        .body("Initiate")
        .problems(CONNECT),
        known(Post, path::VERIFY_ID, "The account's id, as a bare JSON string", "String"),
        known(Post, path::HEARTBEAT, "Renew the session's lease; due every half of heartbeat_ttl", "HeartbeatStatus")
            .problems(&[UNAUTHENTICATED, ("400", "session_expired: connect again")]),
        known(Post, path::DISCONNECT, "End the device's session", "Disconnected"),
        known(Get, path::ME, "The account, the device and its session", "Me"),
        known(Patch, path::ME, "Change e-mail address or the device's name", "StatusWord")
            .body("UpdateMe")
            .problems(&[UNAUTHENTICATED, ("400", "invalid_fields: the e-mail address is not valid"), INVALID]),
        known(Put, path::ME_PASSWORD, "Change the password; every other device is logged out", "StatusWord")
            .body("NewPassword")
            .problems(PROVED),
        known(Get, path::ME_DEVICES, "The account's devices", "OwnDevices"),
        known(Delete, path::ME_DEVICE, "Remove a device and end its login and session", "StatusWord")
            .problems(&[UNAUTHENTICATED, ("404", "not_found: the account does not have this device")]),
        known(Get, path::ME_USAGE, "Transfer of the account, and the rest of its quota", "OwnUsage"),
        known(Get, path::ME_SESSIONS, "The account's sessions, newest first", "OwnSessions")
            .problems(&[UNAUTHENTICATED, INVALID])
            .query(&[
                ("before", "String", "Only sessions that began before this session_id"),
                ("limit", "Integer", "Page size, 1 to 100; default 50"),
            ]),
        known(
            Post,
            path::ME_TOTP,
            "Create a secret for an authenticator app; takes effect once confirmed",
            "TotpOffer",
        )
        .body("PasswordAgain")
        .problems(PROVED),
        known(Put, path::ME_TOTP, "Confirm the secret; logins then require a code", "RecoveryCodes")
            .body("FirstCode")
            .problems(PROVED),
        known(Delete, path::ME_TOTP, "Remove the second factor", "StatusWord").body("PasswordAgain").problems(PROVED),
        known(
            Get,
            path::EVENTS,
            "Server-sent events: end of the session, state of the lanes, the server's name",
            "String",
        )
        .problems(&[UNAUTHENTICATED, ("400", "session_expired: connect first"), TOO_MANY]),
        known(Get, path::SEEN, "Source address of this connection, as the server sees it", "Seen"),
        known(Get, path::LANES, "Both lanes and their states", "Lanes"),
        known(Get, path::TOR, "The device on the tor lane: exit country, circuit, available countries", "TorView"),
        known(
            Put,
            path::TOR_EXIT,
            "Set the device's exit country, kept until the next change; open flows end",
            "StatusWord",
        )
        .body("ChooseExit")
        .problems(&[UNAUTHENTICATED, ("409", "no_exit: the country is not available"), INVALID, TOO_MANY]),
        known(
            Post,
            path::NEW_IDENTITY,
            "Use new circuits for the device's new flows; open flows continue",
            "StatusWord",
        )
        .problems(&[UNAUTHENTICATED, ("400", "session_expired: connect again"), TOO_MANY]),
    ]
}
