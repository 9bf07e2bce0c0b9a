//! The admin API of one sign-in.

use super::parse::{metric_names, page_size, parse, parse_some};
use super::{Services, overview, people, problem, system, tor};
use crate::qr;
use std::collections::BTreeMap;
use std::sync::Arc;
use tornado_admin_api::types::*;
use tornado_admin_api::{AdminApi, AdminError, AdminResult};
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::api_tokens;
use tornado_contracts::auth::audit::{self, AppendAudit, Outcome};
use tornado_contracts::auth::operators::{self, CheckRight, OperatorRef, PutOperatorRole, SignInRef};
use tornado_contracts::auth::passkeys::{self, Site};
use tornado_contracts::auth::settings::{HOST, Setting};
use tornado_contracts::auth::users::{DeviceRef, UserQuery, UserRef};
use tornado_contracts::master::Control;
use tornado_contracts::operator::sessions::{CloseSession, UserUsageQuery};
use tornado_contracts::session::{self, LiveQuery};
use tornado_contracts::telemetry::logs::{self, LogQuery, QueryName, Selection, Top};
use tornado_contracts::telemetry::metrics::MetricRange;
use tornado_contracts::tor::{TorControl, TorLogQuery};
use tornado_rpc::NoInput as Nothing;
use tornado_runtime::clock::unix_now;
use tornado_shared::model::{DeviceId, Secret, UserId};

/// The API, as the holder of a sign-in may use it.
#[derive(Clone)]
pub struct Signed {
    services: Arc<Services>,
    token: Secret,
    site: Option<Site>,
}

impl Signed {
    /// The API for the holder of `token`, which need not be valid.
    #[must_use]
    pub const fn new(services: Arc<Services>, token: Secret) -> Self {
        Self { services, token, site: None }
    }

    /// The same, for a browser on this site.
    #[must_use]
    pub fn on(self, site: Site) -> Self {
        Self { site: Some(site), ..self }
    }

    /// The token.
    #[must_use]
    pub const fn token(&self) -> &Secret {
        &self.token
    }

    fn site(&self) -> AdminResult<Site> {
        self.site.clone().ok_or_else(|| AdminError::invalid("passkeys require a browser"))
    }

    /// Checks a right and returns the operator.
    ///
    /// # Errors
    /// The sign-in has ended, the role lacks the right, or `auth` does not respond.
    pub async fn check(&self, right: &str) -> AdminResult<operators::Operator> {
        let right = CheckRight { act: right.to_owned() };
        self.services.operators.check(self.acting(right)).await.map_err(|error| problem(&error))
    }

    pub(super) fn services(&self) -> &Services {
        &self.services
    }

    pub(super) fn acting<T>(&self, what: T) -> Acting<T> {
        Acting::operator(self.token.clone(), what)
    }

    fn nothing(&self) -> Acting<Nothing> {
        self.acting(Nothing {})
    }

    pub(super) async fn record(
        &self,
        action: &str,
        subject: String,
        details: BTreeMap<String, String>,
    ) -> AdminResult<()> {
        let row = AppendAudit {
            operator: Some(self.token.clone()),
            action: action.to_owned(),
            subject,
            outcome: Outcome::Done,
            details,
        };
        self.services.audit.append(row).await.map(drop).map_err(|error| problem(&error))
    }
}

/// The output of a call, converted.
pub(super) fn answer<T, U, E: tornado_rpc::ServiceError>(
    result: Result<T, E>,
    view: impl FnOnce(T) -> U,
) -> AdminResult<U> {
    result.map(view).map_err(|error| problem(&error))
}

fn list<T, U>(items: Vec<T>, view: impl FnMut(T) -> U) -> List<U> {
    List::whole(items.into_iter().map(view).collect())
}

fn done<T>(_: T) -> Done {
    Done {}
}

/// One detail of a row of the audit trail.
fn named(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

pub(super) fn selection(text: Option<String>, from: Option<i64>, until: Option<i64>) -> Selection {
    Selection { text: text.unwrap_or_default(), from, until }
}

#[async_trait::async_trait]
impl AdminApi for Signed {
    async fn whoami(&self, _: NoInput) -> AdminResult<Standing> {
        let view = |standing: operators::Standing| Standing {
            operator: people::operator(standing.operator),
            rights: standing.allowed,
        };
        answer(self.services.operators.whoami(self.nothing()).await, view)
    }

    async fn sign_out(&self, _: NoInput) -> AdminResult<Done> {
        answer(self.services.operators.sign_out(self.nothing()).await, done)
    }

    async fn confirm_sign_in(&self, input: ConfirmPassword) -> AdminResult<Done> {
        let what = operators::ConfirmPassword { password: input.password };
        answer(self.services.operators.confirm_sign_in(self.acting(what)).await, done)
    }

    async fn begin_totp(&self, input: ConfirmPassword) -> AdminResult<TotpOffer> {
        let what = operators::ConfirmPassword { password: input.password };
        let offer = self.services.operators.begin_totp(self.acting(what)).await;
        answer(offer, |offer| TotpOffer { secret: offer.secret, url: offer.url })
    }

    async fn confirm_totp(&self, input: TotpCode) -> AdminResult<RecoveryCodes> {
        let what = operators::ConfirmTotp { code: input.code };
        let codes = self.services.operators.confirm_totp(self.acting(what)).await;
        answer(codes, |codes| RecoveryCodes { codes: codes.codes })
    }

    async fn end_totp(&self, input: ConfirmPassword) -> AdminResult<Done> {
        let what = operators::ConfirmPassword { password: input.password };
        answer(self.services.operators.end_totp(self.acting(what)).await, done)
    }

    async fn list_passkeys(&self, _: NoInput) -> AdminResult<List<PasskeyView>> {
        answer(self.services.passkeys.list_passkeys(self.nothing()).await, |rows| list(rows, people::passkey))
    }

    async fn begin_passkey(&self, input: ConfirmPassword) -> AdminResult<PasskeyChallenge> {
        let what = passkeys::BeginPasskey { password: input.password, site: self.site()? };
        answer(self.services.passkeys.begin_passkey(self.acting(what)).await, people::challenge)
    }

    async fn confirm_passkey(&self, input: NewPasskey) -> AdminResult<PasskeyView> {
        let NewPasskey { id, name, credential } = input;
        let what = passkeys::NewPasskey { id, name, credential: credential.to_string() };
        answer(self.services.passkeys.confirm_passkey(self.acting(what)).await, people::passkey)
    }

    async fn remove_passkey(&self, input: RemovePasskey) -> AdminResult<Done> {
        let what = passkeys::RemovePasskey { id: input.id, password: input.password };
        answer(self.services.passkeys.remove_passkey(self.acting(what)).await, done)
    }

    async fn begin_passkey_confirmation(&self, _: NoInput) -> AdminResult<PasskeyChallenge> {
        let what = self.acting(self.site()?);
        answer(self.services.passkeys.begin_passkey_confirmation(what).await, people::challenge)
    }

    async fn confirm_by_passkey(&self, input: PasskeyAnswer) -> AdminResult<Done> {
        let what = passkeys::PasskeyAnswer { id: input.id, credential: input.credential.to_string() };
        answer(self.services.passkeys.confirm_by_passkey(self.acting(what)).await, done)
    }

    async fn list_sign_ins(&self, _: NoInput) -> AdminResult<List<SignInView>> {
        let sign_ins = self.services.operators.list_sign_ins(self.nothing()).await;
        answer(sign_ins, |rows| list(rows, people::sign_in))
    }

    async fn revoke_sign_in(&self, input: ById) -> AdminResult<Done> {
        answer(self.services.operators.revoke_sign_in(self.acting(SignInRef { id: input.id })).await, done)
    }

    async fn overview(&self, _: NoInput) -> AdminResult<Overview> {
        self.check("services.read").await?;
        Ok(overview::read(&self.services, unix_now()).await)
    }

    async fn list_sessions(&self, input: SessionsQuery) -> AdminResult<List<SessionView>> {
        let limit = usize::try_from(page_size(input.limit, 100, 1000)?).unwrap_or(usize::MAX);
        let query = LiveQuery { user_id: input.user_id.map(UserId) };
        let live = self.services.operator_sessions.live_sessions(self.acting(query)).await;
        let live = live.map_err(|error| problem(&error))?;
        let search = input.search.as_deref().map(str::to_lowercase).filter(|text| !text.is_empty());
        let mut items: Vec<_> = live
            .into_iter()
            .map(people::session)
            .filter(|session| input.state.is_none_or(|state| session.state == state))
            .filter(|session| input.lane.is_none_or(|lane| session.lane == Some(lane)))
            .filter(|session| search.as_ref().is_none_or(|text| people::contains(session, text)))
            .filter(|session| input.cursor.as_ref().is_none_or(|after| session.id.to_string() > *after))
            .collect();
        items.sort_unstable_by_key(|session| session.id);
        let next = (items.len() > limit).then(|| items.get(limit - 1).map(|last| last.id.to_string())).flatten();
        items.truncate(limit);
        Ok(List { items, next })
    }

    async fn list_session_history(&self, input: HistoryQuery) -> AdminResult<List<HistoryView>> {
        let limit = page_size(input.limit, 50, 500)?;
        let query = session::HistoryQuery { user_id: input.user_id.map(UserId), limit };
        let rows = self.services.operator_sessions.session_history(self.acting(query)).await;
        answer(rows, |rows| list(rows, people::history))
    }

    async fn close_session(&self, input: ByDevice) -> AdminResult<Closed> {
        let what = CloseSession { device_id: DeviceId(input.device_id) };
        let closed = self.services.operator_sessions.close_session(self.acting(what)).await;
        answer(closed, |closed| Closed { session_id: closed.session_id.map(|id| id.0) })
    }

    async fn list_users(&self, input: UsersQuery) -> AdminResult<List<UserView>> {
        let limit = page_size(input.limit, 100, 500)?;
        let after = parse_some("cursor", input.cursor.as_deref())?;
        // One more than the page, which shows whether another page follows.
        let query = UserQuery {
            search: input.search.unwrap_or_default(),
            active: input.active,
            after,
            limit: (limit + 1).min(500),
        };
        let page = self.services.users.list_users(self.acting(query)).await.map_err(|error| problem(&error))?;
        let mut items: Vec<_> = page.users.into_iter().map(people::user).collect();
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_full = items.len() > size || (limit == 500 && items.len() == size);
        items.truncate(size);
        let next = is_full.then(|| items.last().map(|last| last.username.clone())).flatten();
        Ok(List { items, next })
    }

    async fn create_user(&self, input: CreateUser) -> AdminResult<UserView> {
        let what = tornado_contracts::auth::users::CreateUser {
            username: parse("username", &input.username)?,
            email: input.email,
            password: input.password,
            max_devices: input.max_devices,
        };
        answer(self.services.users.create_user(self.acting(what)).await, people::user)
    }

    async fn show_user(&self, input: ByUser) -> AdminResult<UserView> {
        let what = UserRef { user: input.user };
        answer(self.services.users.show_user(self.acting(what)).await, people::user)
    }

    async fn update_user(&self, input: UpdateUser) -> AdminResult<UserView> {
        let what = tornado_contracts::auth::users::UpdateUser {
            user: input.user,
            username: parse_some("username", input.username.as_deref())?,
            email: input.email,
            max_devices: input.max_devices,
            month_quota: input.month_quota,
            download_rate: input.download_rate,
            upload_rate: input.upload_rate,
            peer_group: input.peer_group,
            password: input.password,
            active: input.active,
            forget_totp: input.forget_totp,
        };
        answer(self.services.users.update_user(self.acting(what)).await, people::user)
    }

    async fn delete_user(&self, input: ByUser) -> AdminResult<Done> {
        answer(self.services.users.delete_user(self.acting(UserRef { user: input.user })).await, done)
    }

    async fn revoke_user(&self, input: ByUser) -> AdminResult<Done> {
        answer(self.services.users.revoke_user(self.acting(UserRef { user: input.user })).await, done)
    }

    async fn list_devices(&self, input: ByUser) -> AdminResult<List<DeviceView>> {
        let devices = self.services.users.list_devices(self.acting(UserRef { user: input.user })).await;
        answer(devices, |rows| list(rows, people::device))
    }

    async fn show_usage(&self, input: ByUser) -> AdminResult<UsageView> {
        let user = self.services.users.show_user(self.acting(UserRef { user: input.user })).await;
        let user = user.map_err(|error| problem(&error))?;
        let what = UserUsageQuery { user_id: user.id, month_quota: user.month_quota };
        let usage = self.services.operator_sessions.user_usage(self.acting(what)).await;
        answer(usage, people::usage)
    }

    async fn remove_device(&self, input: ByDevice) -> AdminResult<Done> {
        let what = DeviceRef { device_id: DeviceId(input.device_id) };
        answer(self.services.users.remove_device(self.acting(what)).await, done)
    }

    async fn create_invitation(&self, input: CreateInvitation) -> AdminResult<InvitationView> {
        let what = tornado_contracts::auth::CreateInvitation {
            username: parse_some("username", input.username.as_deref())?,
            max_devices: input.max_devices.unwrap_or(3),
            lifetime: input.lifetime.unwrap_or(7 * 86_400),
            host: input.host,
        };
        let view = |invitation: tornado_contracts::auth::InvitationLink| InvitationView {
            id: invitation.id.0,
            qr_svg: qr::svg(invitation.link.expose(), "The invitation as a QR code").map(maud::PreEscaped::into_string),
            link: invitation.link,
            expires_at: invitation.expires_at,
        };
        answer(self.services.auth.create_invitation(self.acting(what)).await, view)
    }

    async fn show_tor(&self, _: NoInput) -> AdminResult<TorView> {
        self.check("tor.read").await?;
        answer(self.services.tor.status(Nothing {}).await, tor::status)
    }

    async fn list_circuits(&self, _: NoInput) -> AdminResult<List<CircuitView>> {
        let circuits = self.services.operator_tor.tor_circuits(self.nothing()).await;
        let circuits = circuits.map_err(|error| problem(&error))?;
        match circuits.unavailable {
            Some(reason) => Err(AdminError::new(409, "tor_not_running", reason)),
            None => Ok(list(circuits.circuits, tor::circuit)),
        }
    }

    async fn list_exit_countries(&self, _: NoInput) -> AdminResult<List<ExitCountryView>> {
        self.check("tor.read").await?;
        let exits = self.services.tor.exits(Nothing {}).await.map_err(|error| problem(&error))?;
        match exits.unavailable {
            Some(reason) => Err(AdminError::new(409, "tor_not_running", reason)),
            None => Ok(list(exits.countries, tor::exit_country)),
        }
    }

    async fn list_country_tors(&self, _: NoInput) -> AdminResult<List<CountryTorView>> {
        self.check("tor.read").await?;
        answer(self.services.tor.countries(Nothing {}).await, |rows| list(rows, tor::country_tor))
    }

    async fn show_tor_log(&self, input: LinesQuery) -> AdminResult<List<String>> {
        let lines = page_size(input.lines, 200, 10_000)?;
        let query = TorLogQuery { lines: usize::try_from(lines).ok() };
        answer(self.services.operator_tor.tor_log(self.acting(query)).await, |log| List::whole(log.lines))
    }

    async fn order_tor(&self, input: TorOrderInput) -> AdminResult<TorView> {
        let what = TorControl { order: tor::order(input.order) };
        answer(self.services.operator_tor.order_tor(self.acting(what)).await, tor::status)
    }

    async fn renew_tor_identity(&self, _: NoInput) -> AdminResult<Done> {
        answer(self.services.operator_tor.renew_tor_identity(self.nothing()).await, done)
    }

    async fn probe_tor(&self, _: NoInput) -> AdminResult<ProbeView> {
        answer(self.services.operator_tor.probe_tor(self.nothing()).await, tor::probe)
    }

    async fn list_services(&self, _: NoInput) -> AdminResult<ServicesView> {
        self.check("services.read").await?;
        answer(self.services.master.status(Nothing {}).await, system::services)
    }

    async fn control_service(&self, input: ControlService) -> AdminResult<ServicesView> {
        let service = parse("service:", &input.service)?;
        let what = Control { service: Some(service), action: system::action(input.action) };
        answer(self.services.operator_services.control_service(self.acting(what)).await, system::services)
    }

    async fn show_keys(&self, _: NoInput) -> AdminResult<KeysView> {
        answer(self.services.keys.key_status(self.nothing()).await, system::keys)
    }

    async fn rotate_keys(&self, _: NoInput) -> AdminResult<KeysView> {
        answer(self.services.keys.rotate_keys(self.nothing()).await, system::keys)
    }

    async fn check_keys(&self, _: NoInput) -> AdminResult<KeyCheckView> {
        let view = |check: tornado_contracts::auth::keys::KeyCheck| KeyCheckView {
            files: u64::try_from(check.files).unwrap_or(u64::MAX),
            problems: check.problems,
        };
        answer(self.services.keys.check_keys(self.nothing()).await, view)
    }

    async fn list_audit(&self, input: AuditQuery) -> AdminResult<List<AuditView>> {
        let limit = page_size(input.limit, 50, 500)?;
        let before = parse_some("cursor", input.cursor.as_deref())?;
        let query = audit::AuditQuery { before, action: input.action, actor: input.actor, limit };
        let rows = self.services.audit.list_audit(self.acting(query)).await.map_err(|error| problem(&error))?;
        let is_full = u32::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
        let next = rows.last().filter(|row| is_full && row.seq > 1).map(|row| row.seq.to_string());
        Ok(List { next, ..list(rows, system::audit_row) })
    }

    async fn verify_audit(&self, _: NoInput) -> AdminResult<AuditVerdictView> {
        answer(self.services.audit.verify_audit(self.nothing()).await, system::verdict)
    }

    async fn list_settings(&self, _: NoInput) -> AdminResult<SettingsView> {
        let stored = self.services.settings.list_settings(self.nothing()).await;
        answer(stored, |stored| self.services.server.settings(&stored))
    }

    async fn put_setting(&self, input: PutSetting) -> AdminResult<SettingsView> {
        let what = self.acting(Setting { name: input.name, value: input.value });
        self.services.settings.put_setting(what).await.map_err(|error| problem(&error))?;
        self.list_settings(NoInput {}).await
    }

    async fn show_server(&self, _: NoInput) -> AdminResult<ServerView> {
        let stored = self.services.settings.list_settings(self.nothing()).await.map_err(|error| problem(&error))?;
        let host = stored.into_iter().find(|setting| setting.name == HOST).and_then(|setting| setting.value);
        Ok(self.services.server.view(host, tornado_runtime::ground::address()))
    }

    async fn list_operators(&self, _: NoInput) -> AdminResult<List<OperatorView>> {
        let rows = self.services.operators.list_operators(self.nothing()).await;
        answer(rows, |rows| list(rows, people::operator))
    }

    async fn put_operator(&self, input: PutOperator) -> AdminResult<OperatorView> {
        if input.password.is_some() && input.role.is_none() {
            // The contract's default for a new operator is the role with all rights.
            let rows = self.services.operators.list_operators(self.nothing()).await.map_err(|error| problem(&error))?;
            if !rows.iter().any(|row| row.name.as_str() == input.name) {
                return Err(AdminError::invalid("a new operator requires a role"));
            }
        }
        let what = PutOperatorRole {
            name: parse("name", &input.name)?,
            password: input.password,
            role: input.role.map(people::operator_role),
            forget_totp: input.forget_totp,
        };
        answer(self.services.operators.put_operator_role(self.acting(what)).await, people::operator)
    }

    async fn remove_operator(&self, input: ByName) -> AdminResult<Done> {
        let what = OperatorRef { name: parse("name", &input.name)? };
        answer(self.services.operators.remove_operator(self.acting(what)).await, done)
    }

    async fn list_api_tokens(&self, _: NoInput) -> AdminResult<List<ApiTokenView>> {
        answer(self.services.api_tokens.list_api_tokens(self.nothing()).await, |rows| list(rows, people::api_token))
    }

    async fn create_api_token(&self, input: CreateApiToken) -> AdminResult<CreatedApiToken> {
        let lifetime = input.lifetime.unwrap_or(90 * 86_400);
        let what = api_tokens::CreateApiToken { name: input.name, scopes: input.scopes, lifetime };
        answer(self.services.api_tokens.create_api_token(self.acting(what)).await, people::created_api_token)
    }

    async fn revoke_api_token(&self, input: ById) -> AdminResult<Done> {
        let what = api_tokens::ApiTokenRef { id: input.id };
        answer(self.services.api_tokens.revoke_api_token(self.acting(what)).await, done)
    }

    async fn query_logs(&self, input: LogsQuery) -> AdminResult<List<LogView>> {
        let query = LogQuery {
            select: selection(input.text, input.from, input.until),
            order: if input.oldest_first { logs::Order::Oldest } else { logs::Order::Newest },
            limit: page_size(input.limit, 100, 1000)?,
            after: input.cursor,
        };
        let page = self.services.logs.query(self.acting(query)).await.map_err(|error| problem(&error))?;
        Ok(List { next: page.next, ..list(page.lines, system::log_line) })
    }

    async fn count_logs(&self, input: LogSelection) -> AdminResult<LogCount> {
        let what = selection(input.text, input.from, input.until);
        answer(self.services.logs.count(self.acting(what)).await, |count| LogCount { lines: count.lines })
    }

    async fn chart_logs(&self, input: LogChart) -> AdminResult<List<LevelCount>> {
        let select = selection(input.text, Some(input.from), Some(input.until));
        let what = logs::Chart { select, step: system::log_step(input.step) };
        let count = |bucket: logs::LevelBucket| LevelCount {
            from: bucket.from,
            level: system::level(bucket.level),
            lines: bucket.lines,
        };
        answer(self.services.logs.histogram(self.acting(what)).await, |rows| list(rows, count))
    }

    async fn top_logs(&self, input: LogTop) -> AdminResult<List<TopView>> {
        let limit = page_size(input.limit, 10, 100)?;
        let select = selection(input.text, input.from, input.until);
        let what = Top { select, by: system::log_key(input.by), limit };
        let top = |row: logs::TopRow| TopView { key: row.key, lines: row.lines, errors: row.errors };
        answer(self.services.logs.top(self.acting(what)).await, |rows| list(rows, top))
    }

    async fn list_saved_queries(&self, _: NoInput) -> AdminResult<List<SavedQuery>> {
        let saved =
            |query: logs::SavedQuery| SavedQuery { name: query.name, description: query.description, text: query.text };
        answer(self.services.logs.saved_queries(self.nothing()).await, |rows| list(rows, saved))
    }

    async fn save_query(&self, input: SavedQuery) -> AdminResult<Done> {
        self.check("logs.save").await?;
        self.record("logs.query_saved", "logs".into(), named("name", &input.name)).await?;
        let what = logs::SavedQuery { name: input.name, description: input.description, text: input.text };
        answer(self.services.logs.save_query(self.acting(what)).await, done)
    }

    async fn delete_query(&self, input: ByName) -> AdminResult<Done> {
        self.check("logs.save").await?;
        self.record("logs.query_deleted", "logs".into(), named("name", &input.name)).await?;
        answer(self.services.logs.delete_query(self.acting(QueryName { name: input.name })).await, done)
    }

    async fn delete_logs(&self, input: DeleteLogs) -> AdminResult<LogCount> {
        let select = selection(input.text, input.from, input.until);
        let what = logs::DeleteLogs { select, ids: input.ids, dry_run: input.dry_run };
        answer(self.services.logs.delete(self.acting(what)).await, |count| LogCount { lines: count.lines })
    }

    async fn show_log_status(&self, _: NoInput) -> AdminResult<LogStatusView> {
        self.check("logs.read").await?;
        answer(self.services.logs.status(Nothing {}).await, system::log_status)
    }

    async fn list_metrics(&self, _: NoInput) -> AdminResult<List<String>> {
        answer(self.services.metrics.names(self.nothing()).await, List::whole)
    }

    async fn read_metrics(&self, input: MetricsQuery) -> AdminResult<List<SeriesView>> {
        let names = metric_names(&input.names);
        let resolution = input.step.map(system::resolution);
        let what = MetricRange { names, from: input.from, until: input.until, resolution };
        answer(self.services.metrics.range(self.acting(what)).await, |rows| list(rows, system::series))
    }
}
