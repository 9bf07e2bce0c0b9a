//! Traffic policies of accounts: `auth` stores them, and the lanes receive the addresses of the accounts' devices.
//!
//! The lanes receive the groups before a peer is added, so that no peer exists without its rate, and again when a
//! session ends. The next sweep covers whatever was missed: a changed account, a failed call. Nothing is sent before
//! the first list from `auth`: the lanes may still have the groups from before a restart of this service, and an
//! incomplete list would lift the rates of all other accounts.

use super::client::LaneClient;
use crate::registry::{Entry, Registry};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tornado_contracts::auth::Auth;
use tornado_contracts::wg::{Group, SetGroups, WgError};
use tornado_contracts::{TrafficPolicy, UserTrafficPolicy};
use tornado_rpc::{Fault, NoInput};
use tornado_shared::model::UserId;

/// Known policies, and the groups sent to the lanes.
pub(crate) struct Policies {
    auth: Arc<dyn Auth>,
    lanes: Arc<LaneClient>,
    registry: Arc<Registry>,
    known: Mutex<Known>,
    /// Addresses on the direct lane in the groups that were sent, with their accounts.
    sent_addresses: Mutex<HashMap<Ipv4Addr, UserId>>,
    /// Groups sent last. `None` after a restart of either side or a failed call: the groups on the lanes are unknown.
    /// Locked while they are sent.
    sent: tokio::sync::Mutex<Option<Vec<Group>>>,
}

impl Policies {
    pub fn new(auth: Arc<dyn Auth>, lanes: Arc<LaneClient>, registry: Arc<Registry>) -> Self {
        let (known, sent_addresses, sent) = Default::default();
        Self { auth, lanes, registry, known, sent_addresses, sent }
    }

    /// Stores the policy of a grant.
    pub fn learn(&self, user: UserId, policy: TrafficPolicy) {
        self.known.lock().learn(user, policy);
    }

    /// Updates the groups. Called before a session's peer is added and after it is removed.
    pub async fn apply(&self, entry: &Entry) -> Result<(), WgError> {
        if !self.concern(entry) {
            return Ok(());
        }
        if !self.are_known() {
            self.fetch().await;
            if !self.are_known() {
                // A device must not connect without its rate.
                let why = "the traffic policies of accounts are not known yet; try again in a moment";
                return Err(Fault::Unavailable(why.into()).into());
            }
        }
        self.send().await
    }

    /// Fetches the policies and updates the groups.
    pub async fn refresh(&self) {
        self.fetch().await;
        if let Err(error) = self.send().await {
            tracing::warn!(%error, "cannot set rates on the lanes; the next sweep retries");
        }
    }

    /// Sends the groups of all sessions to the lanes, unless they are unchanged or the policies are unknown.
    pub async fn send(&self) -> Result<(), WgError> {
        let mut sent = self.sent.lock().await;
        let Some(known) = self.known.lock().all.clone() else { return Ok(()) };
        let groups = groups(&known, &self.registry.all());
        if sent.as_ref() == Some(&groups) {
            return Ok(());
        }
        // After a failure the groups on the lanes are unknown.
        *sent = None;
        self.lanes.set_groups(SetGroups { groups: groups.clone() }).await?;
        let addresses = groups.iter().flat_map(|g| g.devices.iter().map(|(direct, _)| (direct.v4, g.user_id)));
        *self.sent_addresses.lock() = addresses.collect();
        *sent = Some(groups);
        Ok(())
    }

    /// Marks the groups on the lanes as unknown, after a restart of `wg`.
    pub async fn forget_sent(&self) {
        *self.sent.lock().await = None;
    }

    /// Fetches the list of policies from `auth`.
    async fn fetch(&self) {
        let requested = self.known.lock().tick();
        match self.auth.traffic_policies(NoInput {}).await {
            Ok(all) => self.known.lock().learn_all(requested, all),
            // Known policies stay in force.
            Err(error) => tracing::debug!(%error, "cannot fetch traffic policies"),
        }
    }

    /// False before the first list; nothing may be sent until then.
    fn are_known(&self) -> bool {
        self.known.lock().all.is_some()
    }

    /// True if the lanes must be updated before the session comes up or after it ends.
    fn concern(&self, entry: &Entry) -> bool {
        self.sent_addresses.lock().contains_key(&entry.direct.v4) || self.known.lock().of(entry.user_id).is_some()
    }
}

/// Groups of these sessions, sorted.
fn groups(known: &HashMap<UserId, TrafficPolicy>, entries: &[Arc<Entry>]) -> Vec<Group> {
    let mut groups = BTreeMap::new();
    let mut seen = HashSet::new();
    for entry in entries {
        let Some(traffic_policy) = known.get(&entry.user_id).copied() else { continue };
        if seen.insert(entry.direct.v4) {
            let group = Group { user_id: entry.user_id, traffic_policy, devices: Vec::new() };
            let group = groups.entry(entry.user_id.to_string()).or_insert(group);
            group.devices.push((entry.direct, entry.tor));
        }
    }
    let sorted = groups.into_values().map(|mut group: Group| {
        group.devices.sort_by_key(|(direct, _)| direct.v4);
        group
    });
    sorted.collect()
}

/// Policies reported by `auth`, ordered by requests and grants.
#[derive(Default)]
struct Known {
    /// Accounts with a policy; `None` before the first list.
    all: Option<HashMap<UserId, TrafficPolicy>>,
    /// Policies from grants since the latest list was requested, with their logical time.
    granted: HashMap<UserId, (u64, TrafficPolicy)>,
    /// Logical clock: number of requests and grants so far.
    clock: u64,
    /// Logical time at which the current list was requested.
    requested: u64,
}

impl Known {
    const fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn learn(&mut self, user: UserId, policy: TrafficPolicy) {
        let at = self.tick();
        self.granted.insert(user, (at, policy));
        if let Some(all) = &mut self.all {
            put(all, user, policy);
        }
    }

    /// The policy from the list and the latest grant.
    fn of(&self, user: UserId) -> Option<TrafficPolicy> {
        let granted = self.granted.get(&user).map(|(_, policy)| *policy).filter(|one| !one.is_default());
        self.all.as_ref().map_or(granted, |all| all.get(&user).copied())
    }

    /// Ignores a list that was requested before the current one. Grants that are newer than the request take
    /// precedence.
    fn learn_all(&mut self, requested: u64, list: Vec<UserTrafficPolicy>) {
        if requested < self.requested {
            return;
        }
        self.requested = requested;
        self.granted.retain(|_, (at, _)| *at > requested);
        let mut all: HashMap<_, _> = list.into_iter().map(|one| (one.user_id, one.traffic_policy)).collect();
        for (user, (_, policy)) in &self.granted {
            put(&mut all, *user, *policy);
        }
        self.all = Some(all);
    }
}

fn put(all: &mut HashMap<UserId, TrafficPolicy>, user: UserId, policy: TrafficPolicy) {
    if policy.is_default() {
        all.remove(&user);
    } else {
        all.insert(user, policy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(rate: u64) -> TrafficPolicy {
        TrafficPolicy { download_rate: Some(rate), ..TrafficPolicy::default() }
    }

    #[test]
    fn a_late_list_overrides_no_later_grant_or_list() {
        let (user, other) = (UserId::random(), UserId::random());
        let list = |rate| vec![UserTrafficPolicy { user_id: user, traffic_policy: slow(rate) }];
        let mut known = Known::default();
        known.learn(other, slow(9));
        assert_eq!(known.all, None, "one grant does not count as a list");
        let first = known.tick();
        known.learn(user, slow(2));
        known.learn_all(first, list(1));
        assert_eq!(known.all, Some([(user, slow(2))].into()), "granted while the list was being fetched");
        let (second, third) = (known.tick(), known.tick());
        known.learn_all(third, list(3));
        known.learn_all(second, list(1));
        assert_eq!(known.all, Some([(user, slow(3))].into()), "responses may arrive out of order");
        let fourth = known.tick();
        known.learn(user, TrafficPolicy::default());
        known.learn_all(fourth, list(3));
        assert_eq!(known.all, Some([].into()), "a grant without a policy removes it");
        let fifth = known.tick();
        known.learn_all(fifth, list(4));
        assert_eq!((known.all, known.granted.len()), (Some([(user, slow(4))].into()), 0));
    }
}
