//! The list of methods, and what follows from it in this crate.

use crate::AdminResult;
use crate::types::*;

/// Calls the macro `$with` with the list of all methods. Each row has the form
///
/// `name(Input) -> Output = VERB "/path", right "right", Cost;`
///
/// A part of the path in braces is a field of the input. The other fields are the query of a `GET`, and the JSON body
/// of all other verbs. The right is a name in the table of `auth`.
#[macro_export]
macro_rules! admin_methods {
    ($with:ident) => {
        $with! {
            /// The signed-in operator and its rights.
            whoami(NoInput) -> Standing = GET "/me", right "own.read", Usual;
            /// Ends the sign-in that makes the request.
            sign_out(NoInput) -> Done = POST "/sign-out", right "own.sign_in", Usual;
            /// Confirms the password again. For five minutes the sign-in may then use methods that require it.
            confirm_sign_in(ConfirmPassword) -> Done = POST "/me/confirm", right "own.sign_in", Costly;
            /// Creates a secret for an authenticator app. It is not required until it is confirmed.
            begin_totp(ConfirmPassword) -> TotpOffer = POST "/me/totp", right "own.sign_in", Costly;
            /// Confirms the secret with a first code. Recovery codes are returned only here.
            confirm_totp(TotpCode) -> RecoveryCodes = PUT "/me/totp", right "own.sign_in", Costly;
            /// Removes the own authenticator.
            end_totp(ConfirmPassword) -> Done = POST "/me/totp/remove", right "own.sign_in", Costly;
            /// The own passkeys.
            list_passkeys(NoInput) -> List<PasskeyView> = GET "/me/passkeys", right "own.sign_in", Usual;
            /// A challenge for a new passkey.
            begin_passkey(ConfirmPassword) -> PasskeyChallenge = POST "/me/passkeys/begin", right "own.sign_in", Costly;
            /// Adds a passkey.
            confirm_passkey(NewPasskey) -> PasskeyView = POST "/me/passkeys", right "own.sign_in", Usual;
            /// Removes an own passkey.
            remove_passkey(RemovePasskey) -> Done = POST "/me/passkeys/{id}/remove", right "own.sign_in", Costly;
            /// A challenge for a confirmation by an own passkey, in place of the password.
            begin_passkey_confirmation(NoInput) -> PasskeyChallenge = POST "/me/confirm/passkey/begin", right "own.sign_in", Usual;
            /// Confirms the sign-in by a passkey, as `confirm_sign_in` does by the password.
            confirm_by_passkey(PasskeyAnswer) -> Done = POST "/me/confirm/passkey", right "own.sign_in", Usual;
            /// The own sign-ins; for an owner, all sign-ins.
            list_sign_ins(NoInput) -> List<SignInView> = GET "/sign-ins", right "own.sign_in", Usual;
            /// Ends a sign-in.
            revoke_sign_in(ById) -> Done = DELETE "/sign-ins/{id}", right "own.sign_in", Usual;

            /// What an operator should see first. A part that cannot be read is absent, and `missing` says why.
            overview(NoInput) -> Overview = GET "/overview", right "services.read", Usual;

            /// Live sessions, in order of their ids.
            list_sessions(SessionsQuery) -> List<SessionView> = GET "/sessions", right "sessions.read", Usual;
            /// Past and live sessions, newest first.
            list_session_history(HistoryQuery) -> List<HistoryView> = GET "/sessions/history", right "sessions.read", Usual;
            /// Closes the session of a device and removes its peers. The device may connect again.
            close_session(ByDevice) -> Closed = DELETE "/sessions/{device_id}", right "sessions.close", Usual;

            /// Accounts in order of their names.
            list_users(UsersQuery) -> List<UserView> = GET "/users", right "users.read", Usual;
            /// Creates an account.
            create_user(CreateUser) -> UserView = POST "/users", right "users.write", Costly;
            /// One account.
            show_user(ByUser) -> UserView = GET "/users/{user}", right "users.read", Usual;
            /// Changes, suspends or reactivates an account. Absent fields stay as they are.
            update_user(UpdateUser) -> UserView = PATCH "/users/{user}", right "users.write", Costly;
            /// Deletes an account. Its logins and sessions end.
            delete_user(ByUser) -> Done = DELETE "/users/{user}", right "users.write", Usual;
            /// Ends every login of an account without suspending it.
            revoke_user(ByUser) -> Done = POST "/users/{user}/revoke", right "users.write", Usual;
            /// Devices of an account.
            list_devices(ByUser) -> List<DeviceView> = GET "/users/{user}/devices", right "users.read", Usual;
            /// Transfer of an account in total, today and this month, and its quota.
            show_usage(ByUser) -> UsageView = GET "/users/{user}/usage", right "users.read", Usual;
            /// Transfer of an account by day (UTC), the latest first. Days without transfer are left out, except today.
            list_usage_days(UsageDaysQuery) -> List<DayUsageView> = GET "/users/{user}/usage/days", right "users.read", Usual;
            /// Removes a device. Its login and its session end.
            remove_device(ByDevice) -> Done = DELETE "/devices/{device_id}", right "devices.write", Usual;
            /// Creates an invitation. The link is returned only here.
            create_invitation(CreateInvitation) -> InvitationView = POST "/invitations", right "invitations.write", Usual;

            /// Desired and actual state of Tor and of the tor lane.
            show_tor(NoInput) -> TorView = GET "/tor", right "tor.read", Usual;
            /// Circuits with their relays.
            list_circuits(NoInput) -> List<CircuitView> = GET "/tor/circuits", right "tor.read", Usual;
            /// Exit capacity by country, the largest first.
            list_exit_countries(NoInput) -> List<ExitCountryView> = GET "/tor/exits", right "tor.read", Costly;
            /// Tor processes of the exit countries in use.
            list_country_tors(NoInput) -> List<CountryTorView> = GET "/tor/countries", right "tor.read", Usual;
            /// The latest lines of Tor's own log.
            show_tor_log(LinesQuery) -> List<String> = GET "/tor/log", right "tor.read", Usual;
            /// Changes the desired state; the actual state follows.
            order_tor(TorOrderInput) -> TorView = PUT "/tor/desired", right "tor.write", Usual;
            /// New circuits for new streams of all devices.
            renew_tor_identity(NoInput) -> Done = POST "/tor/identity", right "tor.write", Costly;
            /// Runs a probe through Tor.
            probe_tor(NoInput) -> ProbeView = POST "/tor/probe", right "tor.write", Costly;

            /// Desired and actual state of every service.
            list_services(NoInput) -> ServicesView = GET "/services", right "services.read", Usual;
            /// Starts, stops or restarts a service; the actual state follows.
            control_service(ControlService) -> ServicesView = POST "/services/{service}/control", right "services.control", Usual;

            /// State of the units of systemd that `[os_services]` names.
            list_os_services(NoInput) -> List<OsServiceView> = GET "/os-services", right "services.read", Usual;
            /// Starts, stops or restarts a unit that `[os_services]` allows; the actual state follows. After three
            /// starts within ten minutes, further ones are refused.
            control_os_service(ControlOsService) -> OsServiceView = POST "/os-services/{unit}/control", right "services.control", Usual;

            /// Ages and phases of the keys, and the next rotation.
            show_keys(NoInput) -> KeysView = GET "/keys", right "keys.read", Usual;
            /// Creates new signing and login keys. No login ends.
            rotate_keys(NoInput) -> KeysView = POST "/keys/rotate", right "keys.rotate", Costly;
            /// Reads and tries every key file.
            check_keys(NoInput) -> KeyCheckView = POST "/keys/check", right "keys.read", Costly;

            /// Rows of the audit trail, newest first.
            list_audit(AuditQuery) -> List<AuditView> = GET "/audit", right "audit.read", Usual;
            /// Checks every row of the audit trail.
            verify_audit(NoInput) -> AuditVerdictView = POST "/audit/verify", right "audit.verify", Costly;

            /// The configuration in effect, with the origin of each value. Values with secrets are not included.
            list_settings(NoInput) -> SettingsView = GET "/settings", right "settings.read", Usual;
            /// Changes a setting while the server runs, or returns to the configuration file: `server.host`.
            put_setting(PutSetting) -> SettingsView = PUT "/settings/{name}", right "settings.write", Usual;
            /// How devices reach this server, as far as the server itself can know.
            show_server(NoInput) -> ServerView = GET "/server", right "settings.read", Usual;

            /// All operators.
            list_operators(NoInput) -> List<OperatorView> = GET "/operators", right "operators.read", Usual;
            /// Creates or changes an operator.
            put_operator(PutOperator) -> OperatorView = PUT "/operators/{name}", right "operators.write", Costly;
            /// Removes an operator and ends its sign-ins. Requires a recent confirmation of the password.
            remove_operator(ByName) -> Done = DELETE "/operators/{name}", right "operators.remove", Usual;

            /// The own API tokens; for an owner, all API tokens.
            list_api_tokens(NoInput) -> List<ApiTokenView> = GET "/api-tokens", right "tokens.read", Usual;
            /// Creates an API token. It is returned only here. Requires a recent confirmation of the password.
            create_api_token(CreateApiToken) -> CreatedApiToken = POST "/api-tokens", right "tokens.create", Costly;
            /// Ends an API token.
            revoke_api_token(ById) -> Done = DELETE "/api-tokens/{id}", right "tokens.revoke", Usual;

            /// Log lines that match, newest first unless `oldest_first` is set.
            query_logs(LogsQuery) -> List<LogView> = GET "/logs", right "logs.read", Costly;
            /// Number of log lines that match.
            count_logs(LogSelection) -> LogCount = GET "/logs/count", right "logs.read", Costly;
            /// Log lines by interval and level. `from` and `until` are required.
            chart_logs(LogChart) -> List<LevelCount> = GET "/logs/histogram", right "logs.read", Costly;
            /// The most frequent services, targets or messages.
            top_logs(LogTop) -> List<TopView> = GET "/logs/top", right "logs.read", Costly;
            /// Saved queries by name.
            list_saved_queries(NoInput) -> List<SavedQuery> = GET "/logs/saved", right "logs.read", Usual;
            /// Saves a query under its name, and replaces an older one.
            save_query(SavedQuery) -> Done = PUT "/logs/saved/{name}", right "logs.save", Usual;
            /// Deletes a saved query.
            delete_query(ByName) -> Done = DELETE "/logs/saved/{name}", right "logs.save", Usual;
            /// Deletes log lines, or counts what would be deleted. Requires a recent confirmation of the password.
            delete_logs(DeleteLogs) -> LogCount = POST "/logs/delete", right "logs.write", Costly;
            /// State of the log archive.
            show_log_status(NoInput) -> LogStatusView = GET "/logs/status", right "logs.read", Usual;

            /// Names of all metrics with a value in the last hour.
            list_metrics(NoInput) -> List<String> = GET "/metrics/names", right "logs.read", Usual;
            /// History of metrics.
            read_metrics(MetricsQuery) -> List<SeriesView> = GET "/metrics/range", right "logs.read", Costly;
        }
    };
}

/// Routes whose response is a stream or a file. They are not methods of the trait.
pub const STREAMS: [Method; 7] = [OPENAPI, EVENTS, TAIL_LOGS, EXPORT_LOGS, EXPORT_AUDIT, LIVE_METRICS, BACK_UP];

/// The OpenAPI document.
pub const OPENAPI: Method = stream("openapi", "/openapi.json", "This document.", "own.read", Cost::Usual);
/// Live events, as server-sent events.
pub const EVENTS: Method = stream(
    "events",
    "/events",
    "Live events, as server-sent events: `services`, `sessions`, `session`, `tor`, `tor_bootstrap`, and `resync` when \
     events were lost and everything has to be read again. Continues after `Last-Event-ID`.",
    "own.read",
    Cost::Usual,
);
/// Log lines as they arrive, as server-sent events.
pub const TAIL_LOGS: Method = stream(
    "tail_logs",
    "/logs/tail",
    "Log lines as they arrive, as server-sent events: `lines`, and `problem` before the end. Continues after \
     `Last-Event-ID`.",
    "logs.read",
    Cost::Costly,
);
/// Log lines as a file.
pub const EXPORT_LOGS: Method =
    stream("export_logs", "/logs/export", "Log lines as a file, oldest first.", "logs.read", Cost::Costly);
/// Rows of the audit trail as a file.
pub const EXPORT_AUDIT: Method = stream(
    "export_audit",
    "/audit/export",
    "Rows of the audit trail as a file, newest first. A row `audit.exported` records it.",
    "audit.read",
    Cost::Costly,
);
/// Metrics of each second, as server-sent events.
pub const LIVE_METRICS: Method = stream(
    "live_metrics",
    "/metrics/live",
    "Metrics of each second, as server-sent events: `samples`, and `problem` before the end.",
    "logs.read",
    Cost::Costly,
);

/// A sealed backup as a file.
pub const BACK_UP: Method = Method {
    verb: Verb::POST,
    ..stream(
        "back_up",
        "/backup",
        "Creates a backup of the whole server, sealed with a passphrase. Requires a recent confirmation of the password.",
        "backup.create",
        Cost::Costly,
    )
};

const fn stream(
    name: &'static str,
    path: &'static str,
    summary: &'static str,
    right: &'static str,
    cost: Cost,
) -> Method {
    Method { name, verb: Verb::GET, path, summary, right, cost }
}

impl Method {
    /// True if the method creates something and therefore accepts an idempotency key.
    #[must_use]
    pub fn creates(&self) -> bool {
        self.name.starts_with("create_")
    }
}

/// HTTP verb of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    GET,
    /// Creates or acts.
    POST,
    /// Sets.
    PUT,
    /// Changes parts.
    PATCH,
    /// Removes.
    DELETE,
}

impl Verb {
    /// True if the method changes something.
    #[must_use]
    pub const fn changes(self) -> bool {
        !matches!(self, Self::GET)
    }

    /// The word of HTTP.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GET => "GET",
            Self::POST => "POST",
            Self::PUT => "PUT",
            Self::PATCH => "PATCH",
            Self::DELETE => "DELETE",
        }
    }
}

/// Which rate limit applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// 200 requests per minute and operator.
    Usual,
    /// Also 30 requests per minute and operator.
    Costly,
}

/// One row of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Name of the method.
    pub name: &'static str,
    /// Verb.
    pub verb: Verb,
    /// Path below [`BASE`](crate::BASE).
    pub path: &'static str,
    /// Description for people.
    pub summary: &'static str,
    /// The right that it requires, as in the table of `auth`.
    pub right: &'static str,
    /// Rate limit.
    pub cost: Cost,
}

macro_rules! declare {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident($input:ty) -> $output:ty = $verb:ident $path:literal, right $right:literal, $cost:ident;
    )+) => {
        /// Everything that an operator can see or change. A value holds the caller's sign-in.
        #[async_trait::async_trait]
        pub trait AdminApi: Send + Sync + 'static {
            $(
                $(#[doc = $doc])+
                async fn $name(&self, input: $input) -> AdminResult<$output>;
            )+
        }

        /// All methods.
        pub const METHODS: &[Method] = &[$(
            Method {
                name: stringify!($name),
                verb: Verb::$verb,
                path: $path,
                summary: concat!($($doc),+),
                right: $right,
                cost: Cost::$cost,
            }
        ),+];
    };
}
admin_methods!(declare);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_methods_share_a_name_or_a_route() {
        let all = || METHODS.iter().chain(&STREAMS);
        let names: BTreeSet<_> = all().map(|method| method.name).collect();
        let routes: BTreeSet<_> = all().map(|method| (method.verb.as_str(), method.path)).collect();
        assert_eq!((names.len(), routes.len()), (all().count(), all().count()));
    }

    #[test]
    fn methods_that_create_are_posts_and_no_streams() {
        let creating = METHODS.iter().filter(|method| method.creates());
        assert_eq!(creating.inspect(|method| assert_eq!(method.verb, Verb::POST, "{}", method.name)).count(), 3);
        assert!(STREAMS.iter().all(|method| !method.creates()));
    }

    #[test]
    fn reading_methods_do_not_require_a_right_to_change() {
        for method in METHODS.iter().chain(&STREAMS).filter(|method| !method.verb.changes()) {
            let may_read = method.right.ends_with(".read") || method.right == "own.sign_in";
            assert!(may_read, "{} requires {}", method.name, method.right);
        }
    }
}
