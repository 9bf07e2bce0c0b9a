//! Implements the contract and its event stream.

use crate::control::ControlError;
use crate::service::Service;
use crate::{circuits, prober};
use axum::Router;
use futures::Stream;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::{
    self, Circuits, CountriesReport, CountryTor, DevicePath, Exits, PathQuery, ProbeReport, SyncCountries, Tor,
    TorControl, TorError, TorEvent, TorLog, TorLogQuery, TorStatus,
};
use tornado_rpc::{Done, Fault, NoInput};

/// The implementation of the contract.
struct Api(Arc<Service>);

/// The routes of the methods and of the event stream.
pub(crate) fn router(service: &Arc<Service>, shutdown: CancellationToken) -> Router {
    let source = service.clone();
    let open = move || {
        let (source, shutdown) = (source.clone(), shutdown.clone());
        async move { subscribe(&source, shutdown) }
    };
    tor::router(Arc::new(Api(service.clone()))).merge(tor::EVENTS.router(open))
}

#[async_trait::async_trait]
impl Tor for Api {
    async fn status(&self, _: NoInput) -> Result<TorStatus, TorError> {
        Ok(self.0.status())
    }

    async fn control(&self, input: TorControl) -> Result<TorStatus, TorError> {
        self.0.order(input.order).await
    }

    async fn circuits(&self, _: NoInput) -> Result<Circuits, TorError> {
        let unavailable = |why| Circuits { unavailable: Some(why), ..Circuits::default() };
        let control = match self.0.control() {
            Ok(control) => control,
            Err(why) => return Ok(unavailable(why)),
        };
        Ok(match circuits::all(&control).await {
            Ok(circuits) => Circuits { circuits, unavailable: None },
            Err(error) => unavailable(error.to_string()),
        })
    }

    async fn new_identity(&self, _: NoInput) -> Result<Done, TorError> {
        let control = self.0.control().map_err(TorError::NotRunning)?;
        control.new_identity().await.map_err(|error: ControlError| TorError::NotRunning(error.to_string()))?;
        for (country, tor) in self.0.countries.all() {
            let Ok(control) = tor.control() else { continue };
            if let Err(error) = control.new_identity().await {
                tracing::warn!(%error, %country, "the Tor process of an exit country rejected a new identity");
            }
        }
        Ok(Done {})
    }

    async fn health(&self, _: NoInput) -> Result<ProbeReport, TorError> {
        Ok(prober::probe(&self.0).await)
    }

    async fn exits(&self, _: NoInput) -> Result<Exits, TorError> {
        Ok(self.0.exits().await)
    }

    async fn sync_countries(&self, input: SyncCountries) -> Result<CountriesReport, TorError> {
        Ok(self.0.sync_countries(input).await)
    }

    async fn countries(&self, _: NoInput) -> Result<Vec<CountryTor>, TorError> {
        Ok(self.0.countries.status())
    }

    async fn path(&self, input: PathQuery) -> Result<Option<DevicePath>, TorError> {
        Ok(self.0.path(input.isolation).await)
    }

    async fn log(&self, input: TorLogQuery) -> Result<TorLog, TorError> {
        Ok(TorLog { lines: self.0.log.tail(input.lines.unwrap_or(usize::MAX)) })
    }
}

struct Subscription {
    service: Arc<Service>,
    events: Receiver<TorEvent>,
    shutdown: CancellationToken,
    /// The next event is a full status. Set at the start and after lost events.
    whole: bool,
    _slot: OwnedSemaphorePermit,
}

fn subscribe(
    service: &Arc<Service>,
    shutdown: CancellationToken,
) -> Result<impl Stream<Item = String> + Send + 'static + use<>, TorError> {
    let Ok(slot) = service.readers.clone().try_acquire_owned() else {
        return Err(Fault::Unavailable("too many event streams are open".into()).into());
    };
    let events = service.events.subscribe();
    let subscription = Subscription { service: service.clone(), events, shutdown, whole: true, _slot: slot };
    Ok(futures::stream::unfold(subscription, next))
}

async fn next(mut subscription: Subscription) -> Option<(String, Subscription)> {
    let event = if subscription.whole {
        subscription.whole = false;
        TorEvent::Status(Box::new(subscription.service.status()))
    } else {
        let event = tokio::select! {
            event = subscription.events.recv() => event,
            () = subscription.shutdown.cancelled() => return None,
        };
        match event {
            Ok(event) => event,
            Err(RecvError::Lagged(events)) => {
                subscription.whole = true;
                TorEvent::Lost { events }
            }
            Err(RecvError::Closed) => return None,
        }
    };
    Some((serde_json::to_string(&event).ok()?, subscription))
}
