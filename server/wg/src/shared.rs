//! Handles that all parts of the service use.

use crate::firewall::Firewall;
use crate::status::Status;
use crate::wakes::Wakes;
use std::sync::Arc;

#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) firewall: Arc<Firewall>,
    pub(crate) status: Arc<Status>,
    pub(crate) wakes: Arc<Wakes>,
}
