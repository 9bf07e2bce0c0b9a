//! The event stream of a device.

use crate::api::Api;
use crate::api_error::ApiError;
use crate::events::{Full, Subscription};
use crate::extract::Bearer;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::Instant;
use tornado_contracts::auth::AccessToken;
use tornado_shared::api::{DeviceEvent, QuotaView};

/// Keep-alive interval of a quiet stream; shorter than the usual TCP timeout of NATs.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// Maximum duration of a stream, after which the device opens another one with a current token.
const LONGEST: Duration = Duration::from_secs(900);

/// `GET /v2/events`
pub async fn events(State(api): State<Api>, Bearer(token): Bearer) -> Result<impl IntoResponse, ApiError> {
    let profile = api.auth.whoami(token.clone()).await?;
    let device = profile.device_id;
    let subscription = api.streams.open(device).map_err(|full| match full {
        Full::Server => ApiError::new(503, "streams_full", "all event streams are in use; continue with heartbeats"),
        Full::Device => ApiError::too_many(30),
    })?;
    if !api.streams.is_fed().await {
        return Err(ApiError::new(503, "unavailable", "events are not available; continue with heartbeats"));
    }
    // Checked after the subscription, so a session that ends from now on is reported.
    if api.sessions.mine(token.clone()).await?.is_none() {
        return Err(ApiError::new(400, "session_expired", "this device does not have a session; connect again"));
    }
    let quota = if profile.month_quota.is_some() { low_quota(&api, token).await } else { None };
    let first: Vec<DeviceEvent> = quota.into_iter().chain(subscription.first()).collect();
    let state = (subscription, first, Instant::now() + LONGEST);
    let messages = futures::stream::unfold(state, |(mut subscription, mut first, end)| async move {
        let event = match first.pop() {
            Some(event) => event,
            None => tokio::time::timeout_at(end, Subscription::next(&mut subscription)).await.ok()??,
        };
        let message = Event::default().json_data(&event).ok()?;
        Some((Ok::<_, Infallible>(message), (subscription, first, end)))
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// The account's quota if it is nearly used up. A failure does not affect the stream.
async fn low_quota(api: &Api, token: AccessToken) -> Option<DeviceEvent> {
    let usage = api.sessions.own_usage(token).await.ok()?;
    let quota = usage.quota.filter(QuotaView::is_nearly_used)?;
    Some(DeviceEvent::Quota { quota })
}
