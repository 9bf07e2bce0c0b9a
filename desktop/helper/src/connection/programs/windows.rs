//! Windows cannot exclude programs: that needs a driver in the kernel.

use crate::connection::policy::PolicyControl;
use std::sync::Arc;
use tornado_helper_api::{ExcludedDns, ExcludedPrograms, HelperError};

/// There are no groups of excluded programs.
pub(crate) struct Groups;

/// Refuses all calls.
pub(crate) struct Programs;

impl Programs {
    pub(crate) fn new(_: Groups, _: Arc<PolicyControl>) -> Self {
        Self
    }

    pub(crate) fn are_in(_: &Groups) -> bool {
        false
    }

    pub(crate) async fn exclude(&self, _: Option<u32>, _: ExcludedDns) -> Result<ExcludedPrograms, HelperError> {
        Err(refusal())
    }

    pub(crate) async fn readmit(&self, _: u32) -> Result<ExcludedPrograms, HelperError> {
        Err(refusal())
    }

    pub(crate) async fn list(&self) -> Result<ExcludedPrograms, HelperError> {
        Err(refusal())
    }
}

fn refusal() -> HelperError {
    let text = "programs cannot be excluded on Windows; exclude the networks that they use, with `tornado split`";
    HelperError::Unsupported(text.to_owned())
}
