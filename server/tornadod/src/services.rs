//! Runs one process of the server until it is asked to stop.

use crate::commands::blocking;
use crate::config::Config;
use crate::failure::Failure;
use crate::logging;
use crate::pools;
use crate::{admin, cluster, process};
use anyhow::Context as _;
use std::path::PathBuf;
use tokio_util::task::AbortOnDropHandle;
use tornado_contracts::ServiceName;
use tornado_runtime::{Context, end_on_signals};

/// Runs the supervisor.
pub fn master(config: Config, config_path: PathBuf) -> Result<(), Failure> {
    let prepared = tornado_master::prepare_logs(&config.paths.log);
    logging::start(tornado_contracts::master::SOCKET, &config);
    if let Err(error) = prepared {
        let error = crate::failure::chain(&anyhow::Error::from(error));
        tracing::warn!(error, "cannot prepare the directories of the log files; services continue without them");
    }
    let config_path = std::path::absolute(config_path).context("cannot resolve the path of the configuration")?;
    let config = pools::settle(config, &config_path)?;
    let watched = config.clone();
    let master = tornado_master::Wiring {
        run_dir: config.paths.run,
        state_dir: config.paths.state,
        config_path,
        os_services: config.os_services,
    };
    blocking(async {
        let shutdown = end_on_signals().context("cannot handle signals")?;
        let _watch = AbortOnDropHandle::new(tokio::spawn(pools::watch(watched)));
        tornado_master::run(master, shutdown).await.context("the supervisor ended")
    })??;
    Ok(())
}

/// Runs one service.
pub fn service(name: ServiceName, config: Config) -> Result<(), Failure> {
    if matches!(name, ServiceName::Admin) {
        let failure = admin::become_admin();
        process::leave(&config.paths.state.join(name.as_str()), &failure.to_string());
        return Err(failure);
    }
    process::run(name, config, |context, config| run(name, context, config))
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
        ServiceName::Admin => anyhow::bail!("service 'admin' has a separate program"),
        ServiceName::Telemetry => {
            let wiring = tornado_telemetry::Wiring { log_dir: config.paths.log };
            tornado_telemetry::run(context, config.telemetry, wiring).await?;
        }
    }
    Ok(())
}
