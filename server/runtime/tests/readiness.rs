//! Readiness over a service's socket.

use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_rpc::{Fault, verb};
use tornado_runtime::metrics::Metrics;
use tornado_runtime::{Context, HoldReady, Readiness, Roles};

#[tokio::test]
async fn a_held_response_about_readiness_comes_with_the_change_and_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let context = Context {
        service: ServiceName::Wg,
        run_dir: dir.path().to_owned(),
        state_dir: dir.path().to_owned(),
        roles: Roles::default(),
        metrics: Metrics::default(),
        shutdown: CancellationToken::new(),
    };
    let (ready, readiness) = Readiness::new("starting");
    let (server, stop) = (context.server(axum::Router::new(), readiness).unwrap(), context.shutdown.clone());
    let served = tokio::spawn(server.serve(stop.clone()));
    let channel = context.channel(ServiceName::Wg);
    // Shorter than the hold time: the call fails unless the change ends the hold.
    let ask = |is_ready| {
        let held = HoldReady { ready: is_ready, hold_ms: 10_000 };
        let channel = channel.clone();
        async move {
            let deadline = Duration::from_secs(9);
            channel.call::<_, _, serde_json::Value, Fault>(verb::GET, "/v1/ready", &held, deadline).await
        }
    };
    // The response is immediate if the caller's state is wrong.
    assert!(ask(true).await.unwrap_err().to_string().contains("starting"));
    let (answer, ()) = tokio::join!(ask(false), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        ready.ready();
    });
    answer.unwrap();
    let (answer, ()) = tokio::join!(ask(true), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        ready.not_ready("a lane is unavailable");
    });
    assert!(answer.unwrap_err().to_string().contains("a lane is unavailable"));
    // Shutdown does not wait for held responses.
    let (answer, ()) = tokio::join!(ask(false), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        stop.cancel();
    });
    assert!(answer.unwrap_err().to_string().contains("a lane is unavailable"));
    served.await.unwrap();
}
