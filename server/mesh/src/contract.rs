//! The macro that writes a contract's trait, router and client from one list of methods.

/// Declares a contract. Each line reads
/// `name(Input) -> Output = VERB "/v1/path", within SECONDS, up to BYTES, for [Role, …];`
///
/// It makes the trait (object-safe, `Arc<dyn Trait>`), `router(service)` and the client.
macro_rules! contract {
    (
        $(#[$doc:meta])*
        trait $service:ident, client $client:ident, error $error:ty {
            $(
                $(#[$mdoc:meta])*
                $method:ident($input:ty) -> $output:ty = $verb:ident $path:literal,
                    within $seconds:literal, up to $bytes:expr, for [$($role:ident),*];
            )+
        }
    ) => {
        $(#[$doc])*
        #[async_trait::async_trait]
        pub trait $service: Send + Sync + 'static {
            $(
                $(#[$mdoc])*
                async fn $method(&self, input: $input) -> Result<$output, $error>;
            )+
        }

        /// The contract's router over a service.
        pub fn router(service: std::sync::Arc<dyn $service>) -> axum::Router {
            let mut router = axum::Router::new();
            $({
                static METHOD: $crate::respond::Method = $crate::respond::Method {
                    name: concat!(stringify!($service), ".", stringify!($method)),
                    allowed: &[$($crate::Role::$role),*],
                    deadline: std::time::Duration::from_secs($seconds),
                    max_body: $bytes,
                };
                let service = service.clone();
                let handler = move |request: axum::extract::Request| {
                    let service = service.clone();
                    $crate::respond::handle::<$input, $output, $error, _, _>(&METHOD, request, move |input| async move {
                        service.$method(input).await
                    })
                };
                router = router.route($path, axum::routing::on(axum::routing::MethodFilter::$verb, handler));
            })+
            router
        }

        /// Each method with its input and those who may call it, for the tests of rights.
        #[cfg(test)]
        pub(crate) const METHODS: &[(&str, &str, &[$crate::Role])] = &[$((
            concat!(stringify!($service), ".", stringify!($method)),
            stringify!($input),
            &[$($crate::Role::$role),*],
        )),+];

        /// The contract's client.
        #[derive(Clone)]
        pub struct $client($crate::Channel);

        impl $client {
            /// A client over a channel.
            #[must_use]
            pub const fn new(channel: $crate::Channel) -> Self {
                Self(channel)
            }

            /// The channel, for the contract's streams.
            #[must_use]
            pub const fn channel(&self) -> &$crate::Channel {
                &self.0
            }
        }

        #[async_trait::async_trait]
        impl $service for $client {
            $(
                async fn $method(&self, input: $input) -> Result<$output, $error> {
                    let deadline = std::time::Duration::from_secs($seconds + 1);
                    self.0.call(http::Method::$verb, $path, &input, deadline).await
                }
            )+
        }
    };
}

pub(crate) use contract;
