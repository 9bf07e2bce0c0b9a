//! Processes, for operators. Served by `master`.

use super::OperatorError;
use crate::ServiceName;
use crate::auth::Acting;
use crate::master::{Control, MasterStatus};

tornado_rpc::contract! {
    /// Processes, for operators.
    trait OperatorServices, client OperatorServicesClient, error OperatorError, callers ServiceName {
        /// Sets the desired state of one service and returns immediately. Right `services.control`.
        control_service(Acting<Control>) -> MasterStatus = POST "/v1/operator/control", within 20, up to 4_096, for [Admin];
    }
}
