//! The server: overview, services, keys, audit trail, settings.

use crate::api::parse::{page_size, parse, parse_some};
use crate::api::signed::{Signed, answer, list};
use crate::api::{overview, problem, system};
use tornado_admin_api::AdminResult;
use tornado_admin_api::types::*;
use tornado_contracts::auth::audit;
use tornado_contracts::auth::settings::{HOST, Setting};
use tornado_contracts::master::Control;
use tornado_contracts::operator::services;
use tornado_rpc::NoInput as Nothing;
use tornado_runtime::clock::unix_now;

pub async fn overview(signed: &Signed, _: NoInput) -> AdminResult<Overview> {
    signed.check("services.read").await?;
    Ok(overview::read(signed.services(), unix_now()).await)
}

pub async fn list_services(signed: &Signed, _: NoInput) -> AdminResult<ServicesView> {
    signed.check("services.read").await?;
    answer(signed.services().master.status(Nothing {}).await, system::services)
}

pub async fn control_service(signed: &Signed, input: ControlService) -> AdminResult<ServicesView> {
    let service = parse("service:", &input.service)?;
    let what = Control { service: Some(service), action: system::action(input.action) };
    answer(signed.services().operator_services.control_service(signed.acting(what)).await, system::services)
}

pub async fn list_os_services(signed: &Signed, _: NoInput) -> AdminResult<List<OsServiceView>> {
    let units = signed.services().operator_services.os_services(signed.nothing()).await;
    answer(units, |units| list(units, system::os_service))
}

pub async fn control_os_service(signed: &Signed, input: ControlOsService) -> AdminResult<OsServiceView> {
    let what = services::ControlOsService { unit: input.unit, action: system::action(input.action) };
    answer(signed.services().operator_services.control_os_service(signed.acting(what)).await, system::os_service)
}

pub async fn show_keys(signed: &Signed, _: NoInput) -> AdminResult<KeysView> {
    answer(signed.services().keys.key_status(signed.nothing()).await, system::keys)
}

pub async fn rotate_keys(signed: &Signed, _: NoInput) -> AdminResult<KeysView> {
    answer(signed.services().keys.rotate_keys(signed.nothing()).await, system::keys)
}

pub async fn check_keys(signed: &Signed, _: NoInput) -> AdminResult<KeyCheckView> {
    let view = |check: tornado_contracts::auth::keys::KeyCheck| KeyCheckView {
        files: u64::try_from(check.files).unwrap_or(u64::MAX),
        problems: check.problems,
    };
    answer(signed.services().keys.check_keys(signed.nothing()).await, view)
}

pub async fn list_audit(signed: &Signed, input: AuditQuery) -> AdminResult<List<AuditView>> {
    let limit = page_size("limit", input.limit, 50, 500)?;
    let before = parse_some("cursor", input.cursor.as_deref())?;
    let query = audit::AuditQuery { before, action: input.action, actor: input.actor, limit };
    let rows = signed.services().audit.list_audit(signed.acting(query)).await.map_err(|error| problem(&error))?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
    let next = rows.last().filter(|row| is_full && row.seq > 1).map(|row| row.seq.to_string());
    Ok(List { next, ..list(rows, system::audit_row) })
}

pub async fn verify_audit(signed: &Signed, _: NoInput) -> AdminResult<AuditVerdictView> {
    answer(signed.services().audit.verify_audit(signed.nothing()).await, system::verdict)
}

pub async fn list_settings(signed: &Signed, _: NoInput) -> AdminResult<SettingsView> {
    let stored = signed.services().settings.list_settings(signed.nothing()).await;
    answer(stored, |stored| signed.services().server.settings(&stored))
}

pub async fn put_setting(signed: &Signed, input: PutSetting) -> AdminResult<SettingsView> {
    let what = signed.acting(Setting { name: input.name, value: input.value });
    signed.services().settings.put_setting(what).await.map_err(|error| problem(&error))?;
    list_settings(signed, NoInput {}).await
}

pub async fn show_server(signed: &Signed, _: NoInput) -> AdminResult<ServerView> {
    let stored = signed.services().settings.list_settings(signed.nothing()).await.map_err(|error| problem(&error))?;
    let host = stored.into_iter().find(|setting| setting.name == HOST).and_then(|setting| setting.value);
    Ok(signed.services().server.view(host, tornado_runtime::ground::address()))
}
