//! Runs one process of the server until it is asked to stop.

use crate::cluster;
use crate::commands::blocking;
use crate::config::Config;
use crate::failure::Failure;
use crate::log_file;
use crate::pools;
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use tokio_util::task::AbortOnDropHandle;
use tornado_contracts::ServiceName;
use tornado_runtime::{Context, Roles, end_on_signals};
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Runs the supervisor.
pub fn master(config: Config, config_path: PathBuf) -> Result<(), Failure> {
    start_logging(&config);
    let config_path = std::path::absolute(config_path).context("cannot resolve the path of the configuration")?;
    let config = pools::settle(config, &config_path)?;
    let watched = config.clone();
    let master = tornado_master::Wiring { run_dir: config.paths.run, state_dir: config.paths.state, config_path };
    blocking(async {
        let shutdown = end_on_signals().context("cannot handle signals")?;
        let _log = AbortOnDropHandle::new(tokio::spawn(log_file::watch(watched.log.file_mib)));
        let _watch = AbortOnDropHandle::new(tokio::spawn(pools::watch(watched)));
        tornado_master::run(master, shutdown).await.context("the supervisor ended")
    })??;
    Ok(())
}

/// Runs one service.
pub fn service(name: ServiceName, config: Config) -> Result<(), Failure> {
    start_logging(&config);
    // Fails only if a provider is installed already, which is fine.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        let context = Context {
            service: name,
            state_dir: config.paths.state.join(name.as_str()),
            run_dir: config.paths.run.clone(),
            roles: Roles::from_system()?,
            shutdown: end_on_signals().context("cannot handle signals")?,
        };
        let state_dir = context.state_dir.clone();
        Box::pin(run(name, context, config))
            .await
            .inspect_err(|error| leave(&state_dir, error))
            .with_context(|| format!("service {name} ended"))
    })?;
    Ok(())
}

/// Stores the error for `tornadod status`. The log contains it as well.
fn leave(state_dir: &Path, error: &anyhow::Error) {
    if let Err(failed) = tornado_runtime::failure::leave(state_dir, &crate::failure::chain(error)) {
        tracing::warn!(error = %failed, "cannot store why the service ended");
    }
}

async fn run(name: ServiceName, context: Context, config: Config) -> anyhow::Result<()> {
    let (host, api_port, pools) = (config.server.host.clone(), config.api_port(), config.lanes.pools);
    match name {
        ServiceName::Auth => {
            let address = tornado_auth::Address { host, port: api_port };
            let wiring = tornado_auth::Wiring { address, cluster: cluster::identity(&config)? };
            tornado_auth::run(context, config.auth, wiring).await?;
        }
        ServiceName::Session => {
            let wiring = tornado_session::Wiring { pools, cluster: cluster::sessions(&config)? };
            tornado_session::run(context, config.session, wiring).await?;
        }
        ServiceName::Wg => {
            let wiring = tornado_wg::Wiring { lanes: config.lanes, dns: config.dns.enabled, api_port };
            tornado_wg::run(context, config.wg, wiring).await?;
        }
        ServiceName::Tor => tornado_tor::run(context, config.tor, tornado_tor::Wiring::new(&pools)).await?,
        ServiceName::Dns => tornado_dns::run(context, config.dns, tornado_dns::Wiring { pools }).await?,
        ServiceName::ClientApi => {
            let wiring = tornado_client_api::Wiring { host, pools };
            tornado_client_api::run(context, config.client_api, wiring).await?;
        }
        ServiceName::Admin => tornado_admin::run(context, config.admin).await?,
    }
    Ok(())
}

/// Limits for libraries that log where devices connect, a line for each packet, netlink messages with keys in them,
/// names that devices query, or a warning for every handshake of a stranger. They come first in the filter, so that an
/// operator who names such a library in `[log] level` still gets its messages.
const QUIET: &str = "rustls=error,tokio_rustls=error,gotatun=off,netlink_proto=warn,genetlink=warn,\
     hickory_server=off,hickory_resolver=off,hickory_net=off,hickory_proto=off";

/// Logs JSON lines to standard error.
fn start_logging(config: &Config) {
    let lines = tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr);
    let started = tracing_subscriber::registry().with(lines.with_filter(filter(&config.log.level))).try_init();
    if started.is_err() {
        crate::output::complain("tornadod: logging was already started");
    }
}

/// The filter for `level`, with rate limits.
fn filter<S: tracing::Subscriber>(level: &str) -> impl tracing_subscriber::layer::Filter<S> + 'static {
    let wanted = EnvFilter::try_new(format!("{QUIET},{level}"));
    let wanted = wanted.unwrap_or_else(|_| EnvFilter::new(format!("{QUIET},info")));
    wanted.and(tornado_log::Limit::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// rustls warns about a server name that is an IP address, and a stranger can send any number of them.
    #[test]
    fn no_stranger_fills_the_log() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter("info")));
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..500 {
                tracing::warn!(target: "rustls::msgs::handshake", "Illegal SNI hostname received");
                tracing::warn!("a device was refused");
            }
            tracing::error!(target: "rustls::msgs::handshake", "kept");
        });
        let text = String::from_utf8_lossy(&lines.0.lock()).into_owned();
        let count = |word: &str| text.matches(word).count();
        assert_eq!((count("Illegal SNI"), count("kept")), (0, 1));
        assert!((1..60).contains(&count("a device was refused")), "{}", count("a device was refused"));
    }
}
