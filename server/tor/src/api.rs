//! Implements the contract and its event stream.

use crate::control::circuits;
use crate::exits;
use crate::instance::{Instance, probe};
use crate::service::Service;
use axum::Router;
use futures::stream::{self, Stream, StreamExt as _};
use std::future::ready;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::{
    self, Circuits, CountriesReport, CountryTor, DevicePath, Exits, PathQuery, ProbeReport, SyncCountries, Tor,
    TorControl, TorError, TorEvent, TorLog, TorLogQuery, TorStatus,
};
use tornado_rpc::{Done, Fault, NoInput};

/// Maximum number of concurrent readers of the event stream.
const READERS: usize = 16;

/// The implementation of the contract.
pub(crate) struct Api(pub(crate) Arc<Service>);

/// The routes of the methods and of the event stream.
pub(crate) fn router(service: &Arc<Service>, shutdown: CancellationToken) -> Router {
    let (tor, readers) = (service.tor.clone(), Arc::new(Semaphore::new(READERS)));
    let open = move || {
        let (tor, readers, shutdown) = (tor.clone(), readers.clone(), shutdown.clone());
        async move { events(tor, readers, shutdown) }
    };
    tor::router(Arc::new(Api(service.clone()))).merge(tor::EVENTS.router(open))
}

#[async_trait::async_trait]
impl Tor for Api {
    async fn status(&self, _: NoInput) -> Result<TorStatus, TorError> {
        Ok(self.0.tor.status())
    }

    async fn control(&self, input: TorControl) -> Result<TorStatus, TorError> {
        self.0.control(input).await
    }

    async fn circuits(&self, _: NoInput) -> Result<Circuits, TorError> {
        let circuits = match self.0.tor.control() {
            Ok(control) => circuits::circuits(&control).await.map_err(|error| error.to_string()),
            Err(reason) => Err(reason),
        };
        Ok(match circuits {
            Ok(circuits) => Circuits { circuits, unavailable: None },
            Err(reason) => Circuits { circuits: Vec::new(), unavailable: Some(reason) },
        })
    }

    async fn new_identity(&self, _: NoInput) -> Result<Done, TorError> {
        self.0.new_identity().await.map(|()| Done {})
    }

    async fn health(&self, _: NoInput) -> Result<ProbeReport, TorError> {
        Ok(probe::health(&self.0.tor).await)
    }

    async fn exits(&self, _: NoInput) -> Result<Exits, TorError> {
        Ok(self.0.offer.exits(&self.0.tor).await)
    }

    async fn sync_countries(&self, input: SyncCountries) -> Result<CountriesReport, TorError> {
        Ok(exits::sync_countries(&self.0.tor, &self.0.countries, &self.0.offer, input).await)
    }

    async fn countries(&self, _: NoInput) -> Result<Vec<CountryTor>, TorError> {
        Ok(self.0.countries.countries())
    }

    async fn path(&self, input: PathQuery) -> Result<Option<DevicePath>, TorError> {
        Ok(exits::path(&self.0.tor, &self.0.countries, input.isolation).await)
    }

    async fn log(&self, input: TorLogQuery) -> Result<TorLog, TorError> {
        Ok(TorLog { lines: self.0.tor.log().tail(input.lines.unwrap_or(usize::MAX)) })
    }
}

fn events(
    tor: Arc<Instance>,
    readers: Arc<Semaphore>,
    shutdown: CancellationToken,
) -> Result<impl Stream<Item = String> + Send + 'static + use<>, TorError> {
    let Ok(slot) = readers.try_acquire_owned() else {
        return Err(Fault::Unavailable("too many event streams are open".into()).into());
    };
    let events = BroadcastStream::new(tor.subscribe());
    let full_status = move || TorEvent::Status(Box::new(tor.status()));
    let first = stream::once(ready(full_status()));
    // A reader that was too slow learns how many events it lost, and then the status.
    let rest = events.flat_map(move |event| {
        stream::iter(match event {
            Ok(event) => vec![event],
            Err(BroadcastStreamRecvError::Lagged(events)) => vec![TorEvent::Lost { events }, full_status()],
        })
    });
    let lines = first.chain(rest).filter_map(move |event| {
        let _held = &slot;
        ready(serde_json::to_string(&event).ok())
    });
    Ok(lines.take_until(shutdown.cancelled_owned()))
}
