//! Reads the metrics of all services over their sockets.

use super::exposition::{Families, Family, Kind, MASTER, Value, merge, parse};
use futures::future::join_all;
use std::time::Duration;
use tornado_contracts::exposition::{Exposition as _, ExpositionClient};
use tornado_contracts::{ServiceName, master};
use tornado_rpc::{Channel, NoInput};
use tornado_runtime::{Context, socket_path};

/// Longest wait for a service, shorter than the interval of the samples.
const ANSWER: Duration = Duration::from_millis(800);
/// Largest response.
const MAX_REPLY: usize = 1024 * 1024;

/// The sockets of all services and of the supervisor.
pub struct Collector(Vec<(&'static str, ExpositionClient)>);

impl Collector {
    /// Reads the services whose sockets are in the context's directory.
    #[must_use]
    pub fn new(context: &Context) -> Self {
        let client = |channel: Channel| ExpositionClient::new(channel.with_max_reply(MAX_REPLY));
        let of = |service: ServiceName| (service.as_str(), client(context.channel(service)));
        let mut services: Vec<_> = ServiceName::ALL.into_iter().map(of).collect();
        services.push((MASTER, client(Channel::new(socket_path(&context.run_dir, master::SOCKET)))));
        Self(services)
    }

    /// The metrics of all services that respond in time, and `tornado_service_up` for each service.
    pub async fn collect(&self) -> Families {
        let ask = async |(service, client): &(&'static str, ExpositionClient)| {
            let answer = tokio::time::timeout(ANSWER, client.exposition(NoInput {})).await;
            (*service, answer.ok().and_then(Result::ok).map(|metrics| parse(&metrics.text, service)))
        };
        let mut up = Family::new(Kind::Gauge, "1 if the service responds to telemetry, otherwise 0.", "");
        let mut all = Families::new();
        for (service, metrics) in join_all(self.0.iter().map(ask)).await {
            let is_up = if metrics.is_some() { 1.0 } else { 0.0 };
            up.samples.insert(format!("service=\"{service}\""), Value::Number(is_up));
            merge(&mut all, metrics.unwrap_or_default());
        }
        all.insert("tornado_service_up".to_owned(), up);
        all
    }
}
