//! The methods of the API, one function each; the list of methods makes the trait's implementation from them.

mod operators;
mod server;
mod sessions;
mod telemetry;
mod tor;
mod users;

use crate::api::signed::Signed;
use operators::*;
use server::*;
use sessions::*;
use telemetry::*;
use tor::*;
use tornado_admin_api::types::*;
use tornado_admin_api::{AdminApi, AdminResult, admin_methods};
use users::*;

macro_rules! implement {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident($input:ty) -> $output:ty = $verb:ident $path:literal, right $right:literal, $cost:ident;
    )+) => {
        #[async_trait::async_trait]
        impl AdminApi for Signed {
            $(
                async fn $name(&self, input: $input) -> AdminResult<$output> {
                    $name(self, input).await
                }
            )+
        }
    };
}
admin_methods!(implement);
