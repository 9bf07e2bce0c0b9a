//! The parts that run one Tor process: the thread that owns the child, and the tasks that watch and probe it.

use crate::account::Account;
use crate::process::Supervisor;
use crate::service::Service;
use crate::{Error, attach, prober};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::TorProcess;
use tornado_runtime::Tasks;

type Reports = mpsc::UnboundedReceiver<TorProcess>;

/// Starts all parts. The receiver resolves after the tasks were stopped and Tor has ended.
pub(crate) fn start(
    service: &Arc<Service>,
    account: Account,
    tasks: &mut Tasks,
) -> Result<oneshot::Receiver<()>, Error> {
    let stop = tasks.stop().clone();
    let (reports, ended) = start_supervisor(service, account, stop.clone())?;
    tasks.spawn("process", follow(service.clone(), reports));
    tasks.spawn("attach", attach::run(service.clone(), account, stop.clone()));
    tasks.spawn("probe", prober::run(service.clone(), stop));
    Ok(ended)
}

/// Starts the thread that owns the child. Both receivers close when it ends.
fn start_supervisor(
    service: &Service,
    account: Account,
    shutdown: CancellationToken,
) -> Result<(Reports, oneshot::Receiver<()>), Error> {
    const NAME: &str = "tor-process";
    let (sender, reports) = mpsc::unbounded_channel();
    let (end, ended) = oneshot::channel::<()>();
    let supervisor = Supervisor {
        config: service.config.clone(),
        layout: service.layout.clone(),
        account,
        run: service.run(),
        reports: sender,
        log: service.log.clone(),
        restarts: service.restarts.clone(),
        shutdown,
        unix_now: tornado_runtime::clock::unix_now,
    };
    let fail = |source| Error::Thread { name: NAME, source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
    let work = move || {
        runtime.block_on(supervisor.supervise());
        // The drop closes the channel, which ends the wait.
        drop(end);
    };
    std::thread::Builder::new().name(NAME.into()).spawn(work).map_err(fail)?;
    Ok((reports, ended))
}

async fn follow(service: Arc<Service>, mut reports: Reports) {
    while let Some(report) = reports.recv().await {
        service.process(report);
    }
}
