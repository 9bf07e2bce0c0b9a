//! The macro that generates a contract's trait, router and client from one list of methods.

/// Declares a contract. Each line has the form `name(Input) -> Output = VERB "/v1/path", within SECONDS, up to BYTES,
/// for [Role, …];`, where the roles are variants of the type after `callers`. The optional block `streams` lists NDJSON
/// streams: `name() -> Item = CONST "/v1/path", for [Role, …];`
///
/// It generates the trait (object-safe, for `Arc<dyn Trait>`), `router(service)`, the client with a reader for each
/// stream, one [`Lines`](crate::Lines) constant per stream, and `METHODS`.
#[macro_export]
macro_rules! contract {
    (
        $(#[$doc:meta])*
        trait $service:ident, client $client:ident, error $error:ty, callers $role:ty {
            $(
                $(#[$mdoc:meta])*
                $method:ident($input:ty) -> $output:ty = $verb:ident $path:literal,
                    within $seconds:literal, up to $bytes:expr, for [$($caller:ident),*];
            )+
        }
        $(streams {
            $(
                $(#[$sdoc:meta])*
                $reader:ident() -> $item:ty = $lines:ident $spath:literal, for [$($scaller:ident),*];
            )+
        })?
    ) => {
        $(#[$doc])*
        #[$crate::private::async_trait]
        pub trait $service: Send + Sync + 'static {
            $(
                $(#[$mdoc])*
                async fn $method(&self, input: $input) -> Result<$output, $error>;
            )+
        }

        /// The contract's router for a service.
        pub fn router(service: std::sync::Arc<dyn $service>) -> $crate::private::axum::Router {
            let mut router = $crate::private::axum::Router::new();
            $({
                static METHOD: $crate::private::Method<$role> = $crate::private::Method {
                    name: concat!(stringify!($service), ".", stringify!($method)),
                    allowed: &[$(<$role>::$caller),*],
                    deadline: std::time::Duration::from_secs($seconds),
                    max_body: $bytes,
                };
                let service = service.clone();
                router = $crate::private::serve(
                    router,
                    $crate::verb::$verb,
                    $path,
                    &METHOD,
                    move |input: $input| {
                        let service = service.clone();
                        async move { service.$method(input).await }
                    },
                );
            })+
            router
        }

        /// Each method with its input and the roles that may call it.
        pub const METHODS: &[(&str, &str, &[$role])] = &[$((
            concat!(stringify!($service), ".", stringify!($method)),
            stringify!($input),
            &[$(<$role>::$caller),*],
        )),+];

        $($(
            $(#[$sdoc])*
            pub const $lines: $crate::Lines<$role, $item, $error> = $crate::Lines::new(
                concat!(stringify!($service), ".", stringify!($reader)),
                $spath,
                &[$(<$role>::$scaller),*],
            );
        )+)?

        /// The contract's client.
        #[derive(Clone)]
        pub struct $client($crate::Channel);

        impl $client {
            /// Creates a client that uses `channel`.
            #[must_use]
            pub const fn new(channel: $crate::Channel) -> Self {
                Self(channel)
            }

            $($(
                $(#[$sdoc])*
                ///
                /// # Errors
                /// If the service rejects the stream or does not respond.
                pub async fn $reader(
                    &self,
                ) -> Result<impl $crate::private::futures::Stream<Item = $item> + Send + Unpin + use<>, $error> {
                    $lines.open(&self.0).await
                }
            )+)?
        }

        #[$crate::private::async_trait]
        impl $service for $client {
            $(
                async fn $method(&self, input: $input) -> Result<$output, $error> {
                    let deadline = std::time::Duration::from_secs($seconds + 1);
                    self.0.call($crate::verb::$verb, $path, &input, deadline).await
                }
            )+
        }
    };
}
