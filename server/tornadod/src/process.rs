//! The process of one service.

use crate::config::Config;
use crate::failure::{Failure, chain};
use crate::logging;
use anyhow::Context as _;
use std::path::Path;
use tornado_contracts::ServiceName;
use tornado_runtime::metrics::Metrics;
use tornado_runtime::{Context, Roles, end_on_signals};

/// Runs the work of one service in this process until it ends.
pub fn run<W>(name: ServiceName, config: Config, work: impl FnOnce(Context, Config) -> W) -> Result<(), Failure>
where
    W: Future<Output = anyhow::Result<()>>,
{
    logging::start(name.as_str(), &config);
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
            metrics: Metrics::default(),
            shutdown: end_on_signals().context("cannot handle signals")?,
        };
        let state_dir = context.state_dir.clone();
        Box::pin(work(context, config))
            .await
            .inspect_err(|error| leave(&state_dir, &chain(error)))
            .with_context(|| format!("service {name} ended"))
    })?;
    Ok(())
}

/// Stores the error for `tornadod status`. The log contains it as well.
pub fn leave(state_dir: &Path, error: &str) {
    if let Err(failed) = tornado_runtime::failure::leave(state_dir, error) {
        tracing::warn!(error = %failed, "cannot store why the service ended");
    }
}
