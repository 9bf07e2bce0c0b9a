//! The contracts behind the admin API.

use crate::server::Server;
use std::sync::Arc;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::api_tokens::{ApiTokens, ApiTokensClient};
use tornado_contracts::auth::audit::{Audit, AuditClient};
use tornado_contracts::auth::keys::{KeyRing, KeyRingClient};
use tornado_contracts::auth::operators::{Operators, OperatorsClient};
use tornado_contracts::auth::passkeys::{Passkeys, PasskeysClient};
use tornado_contracts::auth::settings::{ServerSettings, ServerSettingsClient};
use tornado_contracts::auth::users::{Users, UsersClient};
use tornado_contracts::auth::{Auth, AuthClient};
use tornado_contracts::master::{self, Master, MasterClient};
use tornado_contracts::operator::services::{OperatorServices, OperatorServicesClient};
use tornado_contracts::operator::sessions::{OperatorSessions, OperatorSessionsClient};
use tornado_contracts::operator::tor::{OperatorTor, OperatorTorClient};
use tornado_contracts::session::{Sessions, SessionsClient};
use tornado_contracts::telemetry::logs::{Logs, LogsClient};
use tornado_contracts::telemetry::metrics::{Metrics, MetricsClient};
use tornado_contracts::tor::{Tor, TorClient};
use tornado_contracts::wg::{Wg, WgClient};
use tornado_rpc::Channel;
use tornado_runtime::{Context, socket_path};

/// One implementation of each contract, and the server's configuration.
pub struct Services {
    pub(crate) auth: Arc<dyn Auth>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) operators: Arc<dyn Operators>,
    pub(crate) passkeys: Arc<dyn Passkeys>,
    pub(crate) api_tokens: Arc<dyn ApiTokens>,
    pub(crate) settings: Arc<dyn ServerSettings>,
    pub(crate) keys: Arc<dyn KeyRing>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) operator_sessions: Arc<dyn OperatorSessions>,
    pub(crate) tor: Arc<dyn Tor>,
    pub(crate) operator_tor: Arc<dyn OperatorTor>,
    pub(crate) wg: Arc<dyn Wg>,
    pub(crate) master: Arc<dyn Master>,
    pub(crate) operator_services: Arc<dyn OperatorServices>,
    pub(crate) logs: Arc<dyn Logs>,
    pub(crate) metrics: Arc<dyn Metrics>,
    pub(crate) server: Server,
}

impl Services {
    /// Clients of the services' sockets.
    #[must_use]
    pub fn of(context: &Context, server: Server) -> Self {
        let supervisor = Channel::new(socket_path(&context.run_dir, master::SOCKET));
        Self { server, ..Self::over(|service| context.channel(service), supervisor) }
    }

    /// Clients over these channels.
    #[must_use]
    pub fn over(channel: impl Fn(ServiceName) -> Channel, supervisor: Channel) -> Self {
        let (auth, session) = (|| channel(ServiceName::Auth), || channel(ServiceName::Session));
        let (tor, telemetry) = (|| channel(ServiceName::Tor), || channel(ServiceName::Telemetry));
        Self {
            auth: Arc::new(AuthClient::new(auth())),
            users: Arc::new(UsersClient::new(auth())),
            operators: Arc::new(OperatorsClient::new(auth())),
            passkeys: Arc::new(PasskeysClient::new(auth())),
            api_tokens: Arc::new(ApiTokensClient::new(auth())),
            settings: Arc::new(ServerSettingsClient::new(auth())),
            keys: Arc::new(KeyRingClient::new(auth())),
            audit: Arc::new(AuditClient::new(auth())),
            sessions: Arc::new(SessionsClient::new(session())),
            operator_sessions: Arc::new(OperatorSessionsClient::new(session())),
            tor: Arc::new(TorClient::new(tor())),
            operator_tor: Arc::new(OperatorTorClient::new(tor())),
            wg: Arc::new(WgClient::new(channel(ServiceName::Wg))),
            master: Arc::new(MasterClient::new(supervisor.clone())),
            operator_services: Arc::new(OperatorServicesClient::new(supervisor)),
            logs: Arc::new(LogsClient::new(telemetry())),
            metrics: Arc::new(MetricsClient::new(telemetry())),
            server: Server::default(),
        }
    }
}
