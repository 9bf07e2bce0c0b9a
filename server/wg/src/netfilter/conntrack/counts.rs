//! Counts tracked flows by the address that started them.

use super::wire::{FlowFilter, FlowId, Socket, flow_id, source};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

pub(crate) struct FlowCounts {
    total: usize,
    counts: HashMap<IpAddr, usize>,
}

impl FlowCounts {
    /// Counts the flows of each address for which `is_counted` is true, and the flows in the whole table.
    pub(crate) async fn read(is_counted: impl Fn(IpAddr) -> bool) -> io::Result<Self> {
        let mut counts = Self { total: 0, counts: HashMap::new() };
        let each = |flow: &[u8]| {
            counts.total += 1;
            if let Some((address, _)) = source(flow).filter(|(address, _)| is_counted(*address)) {
                *counts.counts.entry(address).or_default() += 1;
            }
        };
        Socket::open()?.each(each).await?;
        Ok(counts)
    }

    /// Flows in the whole table, including those of other addresses.
    pub(crate) const fn total(&self) -> usize {
        self.total
    }

    /// Number of flows by source address.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (IpAddr, usize)> {
        self.counts.iter().map(|(address, count)| (*address, *count))
    }

    /// Ends the excess flows of some addresses. `keep` takes an address and its number of flows and returns how many to
    /// keep, or `None` for all. Flows that are not assured end first. Returns the number of ended flows by address.
    pub(crate) async fn end_over(
        &self,
        keep: impl Fn(&IpAddr, usize) -> Option<usize>,
    ) -> io::Result<Vec<(IpAddr, u64)>> {
        let over: HashMap<IpAddr, usize> =
            self.counts().filter_map(|(address, count)| Some((address, keep(&address, count)?))).collect();
        let mut found = HashMap::<IpAddr, Vec<(bool, FlowId)>>::new();
        let any = FlowFilter::Where(Box::new(|_| true));
        let socket = Socket::open()?;
        let each = |flow: &[u8]| {
            if let Some((address, assured)) = source(flow).filter(|(address, _)| over.contains_key(address))
                && let Some(named) = flow_id(flow, &any)
            {
                found.entry(address).or_default().push((assured, named));
            }
        };
        socket.each(each).await?;
        let mut ended = Vec::new();
        for (address, mut flows) in found {
            flows.sort_unstable_by_key(|(assured, _)| *assured);
            let kept = over.get(&address).copied().unwrap_or_default();
            flows.truncate(flows.len().saturating_sub(kept));
            let flows: Vec<FlowId> = flows.into_iter().map(|(_, named)| named).collect();
            ended.push((address, socket.delete(&flows).await? as u64));
        }
        Ok(ended)
    }
}
