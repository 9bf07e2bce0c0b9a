//! Starts one Tor process: the thread that owns the child, and the tasks that watch and probe it.

use super::shared::Instance;
use super::{attach, probe};
use crate::error::Error;
use crate::process::Account;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::TorProcess;
use tornado_runtime::Tasks;

type Reports = mpsc::UnboundedReceiver<TorProcess>;

/// Starts all parts. The receiver resolves after the tasks were stopped and Tor has ended.
pub(crate) fn start(
    instance: &Arc<Instance>,
    account: Account,
    tasks: &mut Tasks,
) -> Result<oneshot::Receiver<()>, Error> {
    let stop = tasks.stop().clone();
    let (reports, ended) = start_supervisor(instance, account, stop.clone())?;
    tasks.spawn("process", apply_reports(instance.clone(), reports));
    tasks.spawn("attach", attach::run(instance.clone(), account, stop.clone()));
    tasks.spawn("probe", probe::run(instance.clone(), stop));
    Ok(ended)
}

/// Starts the thread that owns the child. Both receivers close when it ends.
fn start_supervisor(
    instance: &Instance,
    account: Account,
    shutdown: CancellationToken,
) -> Result<(Reports, oneshot::Receiver<()>), Error> {
    const NAME: &str = "tor-process";
    let (sender, reports) = mpsc::unbounded_channel();
    let (end, ended) = oneshot::channel::<()>();
    let supervisor = instance.supervisor(account, sender, shutdown);
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

async fn apply_reports(instance: Arc<Instance>, mut reports: Reports) {
    while let Some(report) = reports.recv().await {
        instance.set_process(report);
    }
}
