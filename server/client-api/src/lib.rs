//! The device API on port 4605: TLS, limits, the routes of the original and of version 2. Holds its TLS key as the only
//! secret, and only transient state.

#![forbid(unsafe_code)]

mod api;
mod api_error;
mod config;
mod error;
mod events;
mod extract;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod lane_views;
mod limits;
mod listener;
mod openapi;
mod router;
mod routes;
mod tls;
mod validity;

use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::users::UsersClient;
use tornado_contracts::auth::{AttestTls, Auth, AuthClient};
use tornado_contracts::session::SessionsClient;
use tornado_contracts::wg::WgClient;
use tornado_runtime::backoff::Backoff;
use tornado_runtime::clock::wall_clock;
use tornado_runtime::tls::Source;
use tornado_runtime::{Context, Readiness, Running, Tasks};

pub use api::Api;
pub use config::{Config, Wiring};
pub use error::Error;
pub use listener::{Edge, bind};
pub use router::router;
pub use tls::{Certificate, Tls, load as load_tls};
pub use validity::validity;

/// Serves the device API until `context.shutdown` is cancelled.
///
/// # Errors
/// The certificate is not usable, or a socket cannot be opened.
pub fn run(context: Context, config: Config, wiring: Wiring) -> Running<Error> {
    Box::pin(run_unboxed(context, config, wiring))
}

async fn run_unboxed(context: Context, config: Config, wiring: Wiring) -> Result<(), Error> {
    let (setter, readiness) = Readiness::new("the certificate is not attested yet");
    let socket = context.server(axum::Router::new(), readiness)?;
    let tls = tls::load(&config, &context.state_dir, wall_clock())?;
    let listeners = config.listen.iter().map(|address| bind(*address)).collect::<Result<Vec<_>, _>>()?;
    let auth = Arc::new(AuthClient::new(context.channel(ServiceName::Auth)));
    let users = Arc::new(UsersClient::new(context.channel(ServiceName::Auth)));
    let sessions = SessionsClient::new(context.channel(ServiceName::Session));
    let wg = Arc::new(WgClient::new(context.channel(ServiceName::Wg)));
    let api = Api::new(auth.clone(), users, Arc::new(sessions.clone()), wg, &config, wiring);
    api.publish(&context.metrics);
    let edge = Edge::new(&tls, api.clone(), &config);

    let mut tasks = Tasks::new(&context.shutdown);
    let stop = tasks.stop().clone();
    tasks.spawn("events", events::feed(api, sessions, stop.clone()));
    for listener in listeners {
        tasks.spawn("listener", edge.clone().serve(listener, stop.clone()));
    }
    let (source, until) = (tls::source(&config, &context.state_dir)?, stop.clone());
    tasks.spawn("certificate", async move {
        let keep = async {
            let report = |why: String| setter.not_ready(format!("the certificate is not attested yet: {why}"));
            attest(&*auth, tls.current().spki_sha256, report).await;
            setter.ready();
            let attest = |spki_sha256| crate::attest(&*auth, spki_sha256, drop);
            renew(attest, &tls, &source, config.certificate_look, wall_clock).await;
        };
        until.run_until_cancelled(keep).await;
    });
    tasks.spawn("socket", socket.serve(stop));
    Ok(tasks.run().await?)
}

/// Checks periodically for a successor of the certificate. The identity attests it before it is used, so the
/// certificate in use is always attested, except for the moment between the two steps. A device that connects in that
/// moment has to retry.
async fn renew<A: Future<Output = ()>>(
    attest: impl Fn(String) -> A,
    tls: &Tls,
    source: &Source,
    look: u32,
    now: impl Fn() -> SystemTime,
) {
    let mut check = tornado_runtime::every_after(Duration::from_secs(look.max(1).into()));
    loop {
        check.tick().await;
        let next = match tls.successor(source, now()) {
            Ok(Some(next)) => next,
            Ok(None) => continue,
            Err(error) => {
                tracing::error!(%error, "cannot use the certificate's successor; the current one stays in use");
                continue;
            }
        };
        // Retried until it succeeds: a response may be lost after the request was executed.
        attest(next.spki_sha256.clone()).await;
        tls.replace(next);
        tracing::info!("the device API uses a new certificate");
    }
}

/// Asks `auth` to attest the key of the certificate. Invitations cannot pin an unattested key, so this retries until it
/// succeeds.
async fn attest(auth: &dyn Auth, spki_sha256: String, report: impl Fn(String)) {
    let pauses = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    let mut failures = 0;
    while let Err(error) = auth.attest_tls(AttestTls { spki_sha256: spki_sha256.clone() }).await {
        tracing::warn!(%error, "could not attest the certificate; retrying");
        report(error.to_string());
        tokio::time::sleep(pauses.pause(failures, 0.0)).await;
        failures = failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::time::Instant;
    use tornado_endurance::sixty_days;

    #[tokio::test(start_paused = true)]
    async fn a_certificate_is_renewed_in_sixty_days_of_few_checks() {
        let dir = tempfile::tempdir().unwrap();
        let (config, made) = (Config::default(), wall_clock());
        let tls = load_tls(&config, dir.path(), made).unwrap();
        let first = tls.current().spki_sha256;
        // The service starts when the certificate is sixty days old; its lifetime is ninety days. File times come from
        // the operating system, so a new certificate restarts the calculation.
        let day = Duration::from_secs(86_400);
        let (started, attested) = (Instant::now(), AtomicU32::new(0));
        let now = || match attested.load(Ordering::Relaxed) {
            0 => made + 60 * day + started.elapsed(),
            _ => wall_clock() + started.elapsed().saturating_sub(30 * day),
        };
        let attest = |_| {
            attested.fetch_add(1, Ordering::Relaxed);
            std::future::ready(())
        };
        let source = tls::source(&config, dir.path()).unwrap();
        let busiest = sixty_days(7, renew(attest, &tls, &source, config.certificate_look, now)).await;
        assert!(busiest >= 6, "{busiest} checks per hour");
        assert_eq!(attested.into_inner(), 1);
        assert_ne!(tls.current().spki_sha256, first);
    }
}
