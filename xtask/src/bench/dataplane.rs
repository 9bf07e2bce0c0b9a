//! The userspace data plane against others.

use super::{Bench, Options, Report};

/// Between two namespaces over veth.
pub struct Dataplane;

impl Bench for Dataplane {
    fn name(&self) -> &'static str {
        "dataplane"
    }

    fn about(&self) -> &'static str {
        "our userspace WireGuard against wireguard-go and boringtun, between two namespaces"
    }

    fn prepare(&self) -> anyhow::Result<()> {
        anyhow::bail!("its programs are not written yet")
    }

    fn run(&self, _: &Options) -> anyhow::Result<Report> {
        anyhow::bail!("its programs are not written yet")
    }
}
