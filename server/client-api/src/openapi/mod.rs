//! `GET /openapi.json`: one row per route, with schemas in separate modules.

mod own;
mod rows;
mod schemas;

use axum::Json;
use own::{
    FirstCode, NewPassword, OwnDevices, OwnSessions, OwnUsage, PasswordAgain, RecoveryCodes, TotpOffer, UpdateMe,
};
use rows::{Row, rows};
use schemas::{
    ChooseExit, Disconnected, Envelope, HeartbeatStatus, Initiate, Initiated, Lanes, LoginReply, Me, Problem, Pubkey,
    Reauthenticated, Refresh, ServerInfo, StatusWord, TorView,
};
use tornado_shared::problem::MEDIA_TYPE;
use utoipa::ToSchema;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, Content, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref,
    ResponseBuilder, SecurityRequirement,
};

const BEARER: &str = "access_token";
const JSON: &str = "application/json";

/// `GET /openapi.json`
pub async fn document() -> Json<OpenApi> {
    Json(build())
}

fn build() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Tornado VPN device API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The API between devices and the server, over TLS on port 4605. Errors are application/problem+json for \
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
    let reply = ResponseBuilder::new().description("Success").content(JSON, content(row.reply)).build();
    let mut operation = OperationBuilder::new().summary(Some(row.summary)).response("200", reply);
    for (status, codes) in row.problems {
        let problem = ResponseBuilder::new().description(*codes).content(MEDIA_TYPE, content("Problem")).build();
        operation = operation.response(*status, problem);
    }
    for (name, schema, description) in row.query {
        let parameter =
            ParameterBuilder::new().name(*name).parameter_in(ParameterIn::Query).description(Some(*description));
        operation = operation.parameter(parameter.schema(Some(Ref::from_schema_name(*schema))));
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
        with::<OwnUsage>,
        with::<OwnSessions>,
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
        .schema("Integer", utoipa::schema!(u32))
        .schema("String", utoipa::schema!(String));
    all.iter().fold(start, |components, add| add(components)).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_reference_resolves_and_every_route_is_listed() {
        let document = serde_json::to_value(build()).unwrap();
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(references.len() > 30);
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} does not resolve");
        }
        let operations = document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
        assert_eq!(operations.sum::<usize>(), rows().len(), "a path may have several methods");
        assert!(document["paths"]["/vpn/initiate"]["post"]["security"].is_array());
        let page = &document["paths"]["/v2/me/sessions"]["get"]["parameters"];
        assert_eq!((&page[0]["name"], &page[1]["name"]), (&"before".into(), &"limit".into()));
    }

    /// Devices of version 0.1.0 use these routes. Their messages are checked beside the file.
    #[test]
    fn routes_of_0_1_0_are_served() {
        let golden = include_str!("../../../../desktop/helper-api/tests/wire/device-api-0.1.0.json");
        let golden: Value = serde_json::from_str(golden).unwrap();
        let document = serde_json::to_value(build()).unwrap();
        let schema = |content: &Value| {
            let content = content.as_object()?.values().next()?;
            content["schema"]["$ref"].as_str()?.rsplit('/').next().map(str::to_owned)
        };
        for (route, names) in golden["routes"].as_object().unwrap() {
            let (verb, path) = route.split_once(' ').unwrap();
            let operation = &document["paths"][path][verb.to_lowercase()];
            let reply = schema(&operation["responses"]["200"]["content"]);
            let now = (schema(&operation["requestBody"]["content"]), reply);
            assert_eq!(serde_json::to_value(now).unwrap(), *names, "{route}: a device of 0.1.0 needs it");
        }
    }

    #[test]
    fn the_document_lists_the_routes() {
        let documents = tornado_e2e_documents::read(env!("CARGO_MANIFEST_DIR")).unwrap();
        let reference = documents.iter().find(|one| one.path == "docs/api_reference.md").unwrap();
        let listed = tornado_e2e_documents::routes(&tornado_e2e_documents::section(reference, "## Device API"));
        let document = serde_json::to_value(build()).unwrap();
        let served = document["paths"].as_object().unwrap().iter().flat_map(|(path, operations)| {
            operations.as_object().unwrap().keys().map(move |verb| format!("{} {path}", verb.to_uppercase()))
        });
        assert_eq!(listed, served.collect());
    }

    #[test]
    fn rejections_of_routes_are_documented() {
        let document = serde_json::to_value(build()).unwrap();
        for (verb, path, statuses) in [
            ("post", "/vpn/initiate", &["401", "403", "409", "422"][..]),
            ("post", "/v2/export", &["401", "403", "409", "422"]),
            ("post", "/v2/enroll", &["400", "401", "409", "410", "422", "429"]),
            ("post", "/auth/login", &["400", "401", "422", "429"]),
            ("put", "/v2/tor/exit", &["401", "409", "422", "429"]),
            ("post", "/v2/tor/new-identity", &["400", "401", "429"]),
            ("put", "/v2/me/password", &["400", "401", "422", "429"]),
            ("delete", "/v2/me/devices/{id}", &["401", "404"]),
            ("get", "/v2/me/sessions", &["401", "422"]),
            ("get", "/v2/me/usage", &["401"]),
        ] {
            let responses = &document["paths"][path][verb]["responses"];
            for status in statuses {
                assert!(responses[status].is_object(), "{verb} {path} does not document {status}: {responses}");
            }
        }
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        if let Some(fields) = value.as_object() {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(String::from));
            fields.values().for_each(|inner| collect(inner, references));
        }
        value.as_array().into_iter().flatten().for_each(|item| collect(item, references));
    }
}
