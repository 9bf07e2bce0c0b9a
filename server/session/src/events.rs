//! The event stream: one line of JSON per event, for the console and for the event streams of devices. Contains ids
//! only, no names and no addresses.

use crate::api::Api;
use crate::service::Service;
use axum::Router;
use futures::Stream;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tornado_contracts::session::{self, SessionError};
use tornado_live::{EventLine, Events};
use tornado_rpc::Fault;

/// Last line for a subscriber that was too slow. It is not a valid event, so readers stop there.
const CUT: &str = r#"{"note":"events were lost because they were not read in time; subscribe again"}"#;

/// Router of the contract's methods and its event stream.
pub(crate) fn router(service: &Arc<Service>, shutdown: CancellationToken) -> Router {
    let source = service.clone();
    let open = move || subscribe(source.clone(), shutdown.clone());
    session::router(Arc::new(Api(service.clone()))).merge(session::EVENTS.router(open))
}

struct Subscription {
    events: Events,
    shutdown: CancellationToken,
    _slot: OwnedSemaphorePermit,
    ended: bool,
}

async fn subscribe(
    service: Arc<Service>,
    shutdown: CancellationToken,
) -> Result<impl Stream<Item = EventLine> + Send + 'static, SessionError> {
    let Ok(slot) = service.streams.clone().try_acquire_owned() else {
        return Err(Fault::Unavailable("too many event streams are open".into()).into());
    };
    let events = service.live.subscribe().await.map_err(|error| Fault::Unavailable(error.to_string()))?;
    let subscription = Subscription { events, shutdown, _slot: slot, ended: false };
    Ok(futures::stream::unfold(subscription, next))
}

async fn next(mut subscription: Subscription) -> Option<(EventLine, Subscription)> {
    if subscription.ended {
        return None;
    }
    let line = tokio::select! {
        line = subscription.events.next() => line,
        () = subscription.shutdown.cancelled() => return None,
    };
    match line {
        Some(line) => Some((line, subscription)),
        None if subscription.events.was_cut() => {
            subscription.ended = true;
            Some((EventLine::from(CUT), subscription))
        }
        None => None,
    }
}
