//! `GET /openapi.json`: one row a route, schemas beside.

mod schemas;

use axum::Json;
use schemas::{
    ChooseExit, Disconnected, Envelope, FirstCode, HeartbeatStatus, Initiate, Initiated, Lanes, LoginReply, Me,
    NewPassword, OwnDevices, PasswordAgain, Problem, Pubkey, Reauthenticated, RecoveryCodes, Refresh, ServerInfo,
    StatusWord, TorView, TotpOffer, UpdateMe,
};
use tornado_shared::api::path;
use tornado_shared::problem::MEDIA_TYPE;
use utoipa::ToSchema;
use utoipa::openapi::path::OperationBuilder;
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, Content, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder,
    Ref, ResponseBuilder, SecurityRequirement,
};

const BEARER: &str = "access_token";
const JSON: &str = "application/json";

/// One route.
struct Row {
    method: HttpMethod,
    path: &'static str,
    summary: &'static str,
    bearer: bool,
    /// Names of schemas.
    body: Option<&'static str>,
    reply: &'static str,
    /// Statuses of problems besides those any route can answer with (400, 408, 413, 431, 500, 503).
    problems: &'static [(&'static str, &'static str)],
}

const UNAUTHENTICATED: (&str, &str) = ("401", "missing_token, invalid_token, token_expired or revoked");
const INVALID: (&str, &str) = ("422", "validation_failed: the body has not the fields it needs");
/// Acts that ask for the password or a code again.
const PROVED: &[(&str, &str)] = &[
    ("400", "invalid_fields: the new password or the state of the second factor"),
    ("401", "invalid_credentials or totp_invalid; else as everywhere"),
    INVALID,
    TOO_MANY,
];
const TOO_MANY: (&str, &str) = ("429", "too_many_attempts: wait as Retry-After says");

const fn get(path: &'static str, summary: &'static str, reply: &'static str) -> Row {
    Row { method: HttpMethod::Get, path, summary, bearer: false, body: None, reply, problems: &[TOO_MANY] }
}

const fn post(path: &'static str, summary: &'static str, body: &'static str, reply: &'static str) -> Row {
    let problems = &[("401", "a stable code, such as invalid_credentials or refresh_token_expired"), INVALID, TOO_MANY];
    Row { method: HttpMethod::Post, path, summary, bearer: false, body: Some(body), reply, problems }
}

const fn known(method: HttpMethod, path: &'static str, summary: &'static str, reply: &'static str) -> Row {
    Row { method, path, summary, bearer: true, body: None, reply, problems: &[UNAUTHENTICATED] }
}

const fn rows() -> [Row; 25] {
    [
        get(path::HEALTH, "Liveness", "StatusWord"),
        get(path::OPENAPI, "This document", "Object"),
        get(path::PUBKEY, "Login key of envelope version 1", "Pubkey"),
        get(path::SERVER, "Identity, login keys and certificate, signed by the identity", "ServerInfo"),
        post(path::LOGIN, "Log in with a sealed envelope of either version", "Envelope", "LoginReply"),
        post(path::ENROLL, "Redeem an invitation with a sealed envelope of version 2", "Envelope", "LoginReply"),
        post(path::REAUTH, "Trade a refresh token for a new pair; each works once", "Refresh", "Reauthenticated"),
        post(path::LOGOUT, "End the login and its session", "Refresh", "StatusWord"),
        Row {
            body: Some("Initiate"),
            problems: &[
                UNAUTHENTICATED,
                ("409", "max_devices_exceeded or key_in_use (502 'VPN Manager Error: …' for clients of the original)"),
                INVALID,
            ],
            ..known(HttpMethod::Post, path::INITIATE, "Connect: lease addresses and open both lanes", "Initiated")
        },
        Row {
            body: Some("Initiate"),
            problems: &[
                UNAUTHENTICATED,
                ("409", "max_devices_exceeded or key_in_use (502 'VPN Manager Error: …' for clients of the original)"),
                INVALID,
            ],
            ..known(
                HttpMethod::Post,
                path::EXPORT,
                "A lease for an ordinary WireGuard app, until it is ended",
                "Initiated",
            )
        },
        known(HttpMethod::Post, path::VERIFY_ID, "The user's number, as a bare JSON string", "String"),
        Row {
            problems: &[UNAUTHENTICATED, ("400", "session_expired: connect again")],
            ..known(HttpMethod::Post, path::HEARTBEAT, "A sign of life, due each half heartbeat_ttl", "HeartbeatStatus")
        },
        known(HttpMethod::Post, path::DISCONNECT, "End the device's session", "Disconnected"),
        known(HttpMethod::Get, path::ME, "The account, the device and its session", "Me"),
        Row {
            body: Some("UpdateMe"),
            problems: &[UNAUTHENTICATED, INVALID],
            ..known(HttpMethod::Patch, path::ME, "Change e-mail address or the device's name", "StatusWord")
        },
        Row {
            body: Some("NewPassword"),
            problems: PROVED,
            ..known(
                HttpMethod::Put,
                path::ME_PASSWORD,
                "A new password; every other device is logged out",
                "StatusWord",
            )
        },
        known(HttpMethod::Get, path::ME_DEVICES, "The account's devices", "OwnDevices"),
        Row {
            problems: &[UNAUTHENTICATED, ("404", "not_found: the account has no such device")],
            ..known(HttpMethod::Delete, path::ME_DEVICE, "Remove a device; its login and tunnel end", "StatusWord")
        },
        Row {
            body: Some("PasswordAgain"),
            problems: PROVED,
            ..known(HttpMethod::Post, path::ME_TOTP, "A secret for an authenticator app, to be confirmed", "TotpOffer")
        },
        Row {
            body: Some("FirstCode"),
            problems: PROVED,
            ..known(HttpMethod::Put, path::ME_TOTP, "Confirm it; logins ask for codes from now on", "RecoveryCodes")
        },
        Row {
            body: Some("PasswordAgain"),
            problems: PROVED,
            ..known(HttpMethod::Delete, path::ME_TOTP, "Take the second factor away", "StatusWord")
        },
        known(HttpMethod::Get, path::LANES, "Both lanes and whether they carry traffic", "Lanes"),
        known(
            HttpMethod::Get,
            path::TOR,
            "The device on the tor lane: exit country, circuit, countries on offer",
            "TorView",
        ),
        Row {
            body: Some("ChooseExit"),
            problems: &[UNAUTHENTICATED, ("409", "no_exit: the country cannot be had now"), INVALID, TOO_MANY],
            ..known(
                HttpMethod::Put,
                path::TOR_EXIT,
                "The country in which the device leaves Tor, kept until the next choice; running flows end",
                "StatusWord",
            )
        },
        Row {
            problems: &[UNAUTHENTICATED, ("400", "session_expired: connect again"), TOO_MANY],
            ..known(
                HttpMethod::Post,
                path::NEW_IDENTITY,
                "New circuits on the tor lane for what the device begins from now on; running flows go on",
                "StatusWord",
            )
        },
    ]
}

/// `GET /openapi.json`
pub async fn document() -> Json<OpenApi> {
    Json(build())
}

fn build() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Tornado VPN device API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What devices speak with the server, over TLS on port 4605. Errors are application/problem+json for \
             clients that accept it, and {\"detail\": \"<code>\"} for clients of the original interface.",
        ))
        .build();
    let mut paths = PathsBuilder::new();
    for row in rows() {
        paths = paths.path(row.path, PathItem::new(row.method.clone(), operation(&row)));
    }
    OpenApiBuilder::new().info(info).paths(paths.build()).components(Some(components())).build()
}

fn operation(row: &Row) -> OperationBuilder {
    let reply = ResponseBuilder::new().description("Done").content(JSON, content(row.reply)).build();
    let mut operation = OperationBuilder::new().summary(Some(row.summary)).response("200", reply);
    for (status, codes) in row.problems {
        let problem = ResponseBuilder::new().description(*codes).content(MEDIA_TYPE, content("Problem")).build();
        operation = operation.response(*status, problem);
    }
    if let Some(body) = row.body {
        operation = operation.request_body(Some(RequestBodyBuilder::new().content(JSON, content(body)).build()));
    }
    if row.bearer {
        operation = operation.security(SecurityRequirement::new(BEARER, Vec::<String>::new()));
    }
    operation
}

fn content(schema: &str) -> Content {
    Content::new(Some(Ref::from_schema_name(schema)))
}

fn components() -> Components {
    fn with<T: ToSchema>(components: ComponentsBuilder) -> ComponentsBuilder {
        let mut needed = Vec::new();
        T::schemas(&mut needed);
        components.schema_from::<T>().schemas_from_iter(needed)
    }
    let all = [
        with::<StatusWord>,
        with::<Pubkey>,
        with::<ServerInfo>,
        with::<Envelope>,
        with::<LoginReply>,
        with::<Refresh>,
        with::<Reauthenticated>,
        with::<Initiate>,
        with::<Initiated>,
        with::<HeartbeatStatus>,
        with::<Disconnected>,
        with::<Me>,
        with::<Lanes>,
        with::<UpdateMe>,
        with::<NewPassword>,
        with::<OwnDevices>,
        with::<PasswordAgain>,
        with::<FirstCode>,
        with::<TotpOffer>,
        with::<RecoveryCodes>,
        with::<TorView>,
        with::<ChooseExit>,
        with::<Problem>,
    ];
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let start = ComponentsBuilder::new()
        .security_scheme(BEARER, bearer)
        .schema("Object", utoipa::openapi::ObjectBuilder::new().build())
        .schema("String", utoipa::schema!(String));
    all.iter().fold(start, |components, add| add(components)).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_reference_leads_somewhere_and_every_route_is_there() {
        let document = serde_json::to_value(build()).unwrap();
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(references.len() > 30);
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        let operations = document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
        assert_eq!(operations.sum::<usize>(), rows().len(), "a path may have several verbs");
        assert!(document["paths"]["/vpn/initiate"]["post"]["security"].is_array());
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        if let Some(fields) = value.as_object() {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(String::from));
            fields.values().for_each(|inner| collect(inner, references));
        }
        value.as_array().into_iter().flatten().for_each(|item| collect(item, references));
    }
}
