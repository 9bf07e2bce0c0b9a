//! Programs in control groups: moves processes of the caller's user, and sets the policy while there are any.

use crate::connection::policy::PolicyControl;
use std::sync::Arc;
use tokio::sync::Mutex;
use tornado_helper_api::{ExcludedDns, ExcludedProgram, ExcludedPrograms, HelperCaller, HelperError};
use tornado_rpc::{Caller, Peer};
use tornado_tunnel::os::linux::{Member, MoveError, ProgramDns, ProgramGroups, accept_replies};

/// The excluded programs.
pub(crate) struct Programs {
    groups: ProgramGroups,
    policy: Arc<PolicyControl>,
    /// One change at a time, so that the policy fits the groups.
    change: Mutex<()>,
}

impl Programs {
    pub(crate) fn new(groups: ProgramGroups, policy: Arc<PolicyControl>) -> Self {
        Self { groups, policy, change: Mutex::new(()) }
    }

    /// Whether programs are excluded: those that an earlier process of the helper excluded are still in their group.
    pub(crate) fn are_in(groups: &ProgramGroups) -> bool {
        groups.members().is_ok_and(|members| !members.is_empty())
    }

    /// Excludes a process; without `pid`, the process of the caller.
    pub(crate) async fn exclude(&self, pid: Option<u32>, dns: ExcludedDns) -> Result<ExcludedPrograms, HelperError> {
        let caller = caller()?;
        let unknown = || HelperError::Malformed("the kernel does not report the caller's process; name one".into());
        let pid = pid.or_else(|| caller.process()).ok_or_else(unknown)?;
        let _change = self.change.lock().await;
        let unsupported = |error: tornado_tunnel::os::OsError| HelperError::Unsupported(error.to_string());
        self.groups.prepare().await.map_err(unsupported)?;
        // The firewall recognises the program before its first packet.
        self.policy.set_excluded(true).await?;
        let dns = match dns {
            ExcludedDns::Tunnel => ProgramDns::Tunnel,
            ExcludedDns::Own => ProgramDns::Own,
        };
        let moved = self.groups.add(pid, caller.user(), dns).map_err(refusal);
        let listed = self.settle(caller).await;
        moved?;
        tracing::info!(pid, ?dns, "program excluded from the tunnel");
        let warning = accept_replies();
        if let Some(why) = &warning {
            tracing::warn!("{why}");
        }
        Ok(ExcludedPrograms { warning, ..listed? })
    }

    /// Moves an excluded process back.
    pub(crate) async fn readmit(&self, pid: u32) -> Result<ExcludedPrograms, HelperError> {
        let caller = caller()?;
        let _change = self.change.lock().await;
        self.groups.remove(pid, caller.user()).map_err(refusal)?;
        self.settle(caller).await
    }

    /// The excluded processes that the caller may see.
    pub(crate) async fn list(&self) -> Result<ExcludedPrograms, HelperError> {
        let caller = caller()?;
        let _change = self.change.lock().await;
        self.settle(caller).await
    }

    /// Ends the exclusion if its last process has ended.
    pub(crate) async fn refresh(&self) {
        if !self.policy.is_excluding() {
            return;
        }
        // A change that is in progress does the same.
        let Ok(_change) = self.change.try_lock() else { return };
        if let Err(error) = self.members().await {
            tracing::warn!(%error, "cannot end the exclusion of programs; the firewall still has its rules");
        }
    }

    /// The excluded processes. Ends the exclusion with the last one.
    async fn members(&self) -> Result<Vec<Member>, HelperError> {
        // Without control groups there are no such processes.
        let members = self.groups.members().unwrap_or_default();
        if members.is_empty() {
            self.policy.set_excluded(false).await?;
            self.groups.remove_empty();
        }
        Ok(members)
    }

    /// The processes that the caller may see, after a change.
    async fn settle(&self, caller: Peer) -> Result<ExcludedPrograms, HelperError> {
        let members = self.members().await?;
        let own = members.into_iter().filter(|member| caller.is_superuser() || member.uid == caller.user());
        let programs = own.map(|member| {
            let dns = match member.dns {
                ProgramDns::Tunnel => ExcludedDns::Tunnel,
                ProgramDns::Own => ExcludedDns::Own,
            };
            ExcludedProgram { pid: member.pid, name: member.name, dns }
        });
        Ok(ExcludedPrograms { programs: programs.collect(), warning: None })
    }
}

fn caller() -> Result<Peer, HelperError> {
    let caller = Caller::<HelperCaller>::current();
    caller.map(|caller| caller.peer()).ok_or_else(|| HelperError::Internal("the caller is unknown".into()))
}

fn refusal(error: MoveError) -> HelperError {
    match error {
        MoveError::NoProcess(_) => HelperError::Malformed(error.to_string()),
        MoveError::Foreign(_) => HelperError::Forbidden(error.to_string()),
        MoveError::Os(error) => HelperError::Unsupported(error.to_string()),
    }
}
