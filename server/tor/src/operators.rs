//! The methods for operators; each checks the operator's right and calls the method of the service.

use crate::api::Api;
use crate::service::Service;
use axum::Router;
use std::sync::Arc;
use tornado_contracts::auth::Acting;
use tornado_contracts::operator::OperatorError;
use tornado_contracts::operator::tor::{self, OperatorTor};
use tornado_contracts::tor::{Circuits, ProbeReport, Tor as _, TorControl, TorLog, TorLogQuery, TorOrder, TorStatus};
use tornado_rpc::{Done, NoInput};
use tornado_runtime::operators::{Action, OperatorRights};

/// The implementation of the contract.
struct Desk {
    api: Api,
    rights: OperatorRights,
}

/// The routes of the methods.
pub(crate) fn router(service: &Arc<Service>, rights: OperatorRights) -> Router {
    tor::router(Arc::new(Desk { api: Api(service.clone()), rights }))
}

const fn word(order: TorOrder) -> &'static str {
    match order {
        TorOrder::Start => "start",
        TorOrder::Stop => "stop",
        TorOrder::Up => "up",
        TorOrder::Down => "down",
    }
}

#[async_trait::async_trait]
impl OperatorTor for Desk {
    async fn order_tor(&self, input: Acting<TorControl>) -> Result<TorStatus, OperatorError> {
        let action = |what: &TorControl| Action::new("tor.order", "lane:tor").with("order", word(what.order));
        self.rights.act(input, "tor.write", action, |what| self.api.control(what)).await
    }

    async fn renew_tor_identity(&self, input: Acting<NoInput>) -> Result<Done, OperatorError> {
        let action = |_: &NoInput| Action::new("tor.identity", "lane:tor");
        self.rights.act(input, "tor.write", action, |what| self.api.new_identity(what)).await
    }

    async fn probe_tor(&self, input: Acting<NoInput>) -> Result<ProbeReport, OperatorError> {
        let action = |_: &NoInput| Action::new("tor.probe", "lane:tor");
        self.rights.act(input, "tor.write", action, |what| self.api.health(what)).await
    }

    async fn tor_circuits(&self, input: Acting<NoInput>) -> Result<Circuits, OperatorError> {
        let query = self.rights.check(input, "tor.read").await?;
        self.api.circuits(query).await.map_err(|error| OperatorError::refused(&error))
    }

    async fn tor_log(&self, input: Acting<TorLogQuery>) -> Result<TorLog, OperatorError> {
        let query = self.rights.check(input, "tor.read").await?;
        self.api.log(query).await.map_err(|error| OperatorError::refused(&error))
    }
}
