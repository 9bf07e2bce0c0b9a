//! The API of one page: whatever does not respond by the deadline of the page is absent from it.

use crate::caller::{Caller, Use, fault};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tornado_admin_api::types::*;
use tornado_admin_api::{AdminApi, AdminError, AdminResult, admin_methods};
use tornado_admin_ui::model::Fault;

/// Time in which a page is read. No page takes longer than 2 s, whichever service hangs.
const PATIENCE: Duration = Duration::from_millis(1800);

/// The API until a deadline.
pub struct Bounded {
    api: Arc<dyn AdminApi>,
    deadline: Instant,
}

impl Bounded {
    /// The API with the rights of the caller, from now on for the time of one page.
    ///
    /// # Errors
    ///
    /// The request has no sign-in, its operator has to wait, or `auth` does not respond.
    pub async fn begin(caller: &dyn Caller, what_for: Use) -> Result<Self, Fault> {
        let deadline = Instant::now() + PATIENCE;
        let api = within(deadline, caller.api(what_for)).await.map_err(|error| fault(&error, "auth"))?;
        Ok(Self { api, deadline })
    }

    /// The API without the deadline, for methods that have their own.
    pub fn unbounded(&self) -> &dyn AdminApi {
        &*self.api
    }
}

async fn within<T>(deadline: Instant, call: impl Future<Output = AdminResult<T>>) -> AdminResult<T> {
    let late = |_| Err(AdminError::new(503, "unavailable", format!("no response within {PATIENCE:?}")));
    timeout_at(deadline, call).await.unwrap_or_else(late)
}

macro_rules! bound {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident($input:ty) -> $output:ty = $verb:ident $path:literal, right $right:literal, $cost:ident;
    )+) => {
        #[async_trait::async_trait]
        impl AdminApi for Bounded {
            $(
                async fn $name(&self, input: $input) -> AdminResult<$output> {
                    within(self.deadline, self.api.$name(input)).await
                }
            )+
        }
    };
}
admin_methods!(bound);
