//! Tor, for operators. Served by `tor`.

use super::OperatorError;
use crate::ServiceName;
use crate::auth::Acting;
use crate::tor::{Circuits, ProbeReport, TorControl, TorLog, TorLogQuery, TorStatus};
use tornado_rpc::{Done, NoInput};

tornado_rpc::contract! {
    /// Tor, for operators.
    trait OperatorTor, client OperatorTorClient, error OperatorError, callers ServiceName {
        /// Changes the desired state. Right `tor.write`.
        order_tor(Acting<TorControl>) -> TorStatus = PUT "/v1/operator/desired", within 15, up to 4_096, for [Admin];
        /// New circuits for new streams of all devices. Right `tor.write`.
        renew_tor_identity(Acting<NoInput>) -> Done = PUT "/v1/operator/identity", within 15, up to 4_096, for [Admin];
        /// Runs a probe and returns its result. Right `tor.write`.
        probe_tor(Acting<NoInput>) -> ProbeReport = PUT "/v1/operator/probe", within 30, up to 4_096, for [Admin];
        /// Circuits with their relays. Right `tor.read`.
        tor_circuits(Acting<NoInput>) -> Circuits = POST "/v1/operator/circuits", within 15, up to 4_096, for [Admin];
        /// The latest lines of Tor's own log. Right `tor.read`.
        tor_log(Acting<TorLogQuery>) -> TorLog = POST "/v1/operator/log", within 15, up to 4_096, for [Admin];
    }
}
