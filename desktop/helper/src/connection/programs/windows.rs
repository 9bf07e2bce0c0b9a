//! Windows cannot exclude programs: that needs a driver in the kernel.

use crate::connection::policy::PolicyControl;
use std::future::{Ready, ready};
use std::sync::Arc;
use tornado_helper_api::{ExcludedDns, ExcludedPrograms, HelperError};

/// There are no groups of excluded programs.
pub(crate) struct Groups;

/// The answer to every call.
type Refused = Ready<Result<ExcludedPrograms, HelperError>>;

/// Refuses all calls.
pub(crate) struct Programs;

impl Programs {
    pub(crate) fn new(_: Groups, _: Arc<PolicyControl>) -> Self {
        Self
    }

    pub(crate) fn are_in(_: &Groups) -> bool {
        false
    }

    pub(crate) fn exclude(&self, _: Option<u32>, _: ExcludedDns) -> Refused {
        refused()
    }

    pub(crate) fn readmit(&self, _: u32) -> Refused {
        refused()
    }

    pub(crate) fn list(&self) -> Refused {
        refused()
    }

    pub(crate) fn refresh(&self) -> Ready<()> {
        ready(())
    }
}

fn refused() -> Refused {
    let text = "programs cannot be excluded on Windows; exclude the networks that they use, with `tornado split`";
    ready(Err(HelperError::Unsupported(text.to_owned())))
}
