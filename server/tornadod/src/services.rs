//! Runs one process of the server until it is told to end.

use crate::cluster;
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

/// The supervisor.
pub fn master(config: Config, config_path: PathBuf) -> Result<(), Failure> {
    start_logging(&config);
    let config_path = std::path::absolute(config_path).context("cannot resolve the path of the configuration")?;
    let config = pools::settle(config, &config_path)?;
    let watched = config.clone();
    let master = tornado_master::Config { run_dir: config.paths.run, state_dir: config.paths.state, config_path };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        let shutdown = end_on_signals().context("signals cannot be watched")?;
        let _log = AbortOnDropHandle::new(tokio::spawn(log_file::watch(watched.log.file_mib)));
        let _watch = AbortOnDropHandle::new(tokio::spawn(pools::watch(watched)));
        tornado_master::run(master, shutdown).await.context("the supervisor ended")
    })?;
    Ok(())
}

/// One service.
pub fn service(name: ServiceName, config: Config) -> Result<(), Failure> {
    start_logging(&config);
    // Fails only when one is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        let context = Context {
            service: name,
            state_dir: config.paths.state.join(name.as_str()),
            run_dir: config.paths.run.clone(),
            roles: Roles::from_system()?,
            shutdown: end_on_signals().context("signals cannot be watched")?,
        };
        let state_dir = context.state_dir.clone();
        Box::pin(run(name, context, config))
            .await
            .inspect_err(|error| leave(&state_dir, error))
            .with_context(|| format!("service {name} ended"))
    })?;
    Ok(())
}

/// For `tornadod status`. The log has it, too.
fn leave(state_dir: &Path, error: &anyhow::Error) {
    if let Err(failed) = tornado_runtime::failure::leave(state_dir, &crate::failure::chain(error)) {
        tracing::warn!(error = %failed, "cannot note why the service ended");
    }
}

async fn run(name: ServiceName, context: Context, config: Config) -> anyhow::Result<()> {
    match name {
        ServiceName::Auth => {
            let cluster = cluster::identity(&config)?;
            tornado_auth::run(context, config.auth, cluster).await?;
        }
        ServiceName::Session => {
            let cluster = cluster::sessions(&config)?;
            tornado_session::run(context, config.session, cluster).await?;
        }
        ServiceName::Wg => tornado_wg::run(context, config.wg).await?,
        ServiceName::Tor => tornado_tor::run(context, config.tor).await?,
        ServiceName::Dns => tornado_dns::run(context, config.dns).await?,
        ServiceName::ClientApi => tornado_client_api::run(context, config.client_api).await?,
        ServiceName::Admin => tornado_admin::run(context, config.admin).await?,
    }
    Ok(())
}

/// Libraries that write where devices are, one line a packet, or whole netlink messages with keys in them, or which
/// names devices ask for, or which warn of every handshake that a stranger sends.
/// First, so that an operator who names one of them in `[log] level` still gets it.
const QUIET: &str = "rustls=error,tokio_rustls=error,gotatun=off,netlink_proto=warn,genetlink=warn,hickory_server=off,hickory_resolver=off,hickory_net=off,hickory_proto=off";

/// JSON lines on standard error.
fn start_logging(config: &Config) {
    let lines = tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr);
    let started = tracing_subscriber::registry().with(lines.with_filter(filter(&config.log.level))).try_init();
    if started.is_err() {
        crate::output::complain("tornadod: logging was started twice");
    }
}

/// What is written, and how often at most.
fn filter<S: tracing::Subscriber>(level: &str) -> impl tracing_subscriber::layer::Filter<S> + 'static {
    let wanted = EnvFilter::try_new(format!("{QUIET},{level}"));
    let wanted = wanted.unwrap_or_else(|_| EnvFilter::new(format!("{QUIET},info")));
    wanted.and(tornado_log::Limit::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// An IP address as a server name makes rustls warn; a stranger sends as many as it likes.
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
        let text = String::from_utf8_lossy(&lines.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
        let count = |word: &str| text.matches(word).count();
        assert_eq!((count("Illegal SNI"), count("kept")), (0, 1));
        assert!((1..60).contains(&count("a device was refused")), "{}", count("a device was refused"));
    }
}
