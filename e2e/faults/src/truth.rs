//! The real state, read from its sources (database, interfaces, memory of the service), and its invariants.

use crate::device::{Habit, Journal};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use tornado_e2e_lanes::world::World;

/// A snapshot of the state.
#[derive(Debug, Default)]
pub struct Truth {
    /// Leases in use: slot, session, device.
    leases: Vec<[String; 3]>,
    /// Live rows: session, device, state, key, slot.
    live: Vec<[String; 5]>,
    /// History rows: session, account, reason or `-`.
    history: Vec<[String; 3]>,
    /// Keys of the peers, by lane.
    peers: BTreeMap<String, BTreeSet<String>>,
    /// Peers that exist twice on a lane.
    doubled: Vec<String>,
    /// Sessions in the service's memory: session, state, key, address on the direct lane.
    memory: Vec<[String; 4]>,
}

/// The same query for both engines.
const LOOK: &str = "BEGIN;
SELECT 'lease', slot, session_id, device_id FROM leases WHERE session_id IS NOT NULL;
SELECT 'live', session_id, device_id, state, public_key, slot FROM sessions;
SELECT 'history', session_id, username, COALESCE(reason, '-') FROM history;
COMMIT;\n";

impl Truth {
    /// Reads the state. The load must be paused.
    ///
    /// # Errors
    ///
    /// Fails if a source does not respond.
    pub fn read(world: &World) -> Result<Self> {
        let mut truth = Self::default();
        truth.read_database(&look(world)?)?;
        for peer in world.server.mesh("wg").get("/v1/peers")?.as_array().context("peers are not a list")? {
            let (lane, key) = (text(&peer["lane"]), text(&peer["public_key"]));
            if !truth.peers.entry(lane).or_default().insert(key.clone()) {
                truth.doubled.push(key);
            }
        }
        for session in
            world.server.mesh("session").get("/v1/sessions")?.as_array().context("sessions are not a list")?
        {
            let of = |name: &str| text(&session[name]);
            truth.memory.push([of("session_id"), of("state"), of("public_key"), text(&session["direct"]["v4"])]);
        }
        Ok(truth)
    }

    fn read_database(&mut self, lines: &str) -> Result<()> {
        for line in lines.lines().filter(|line| !line.is_empty()) {
            let mut words = line.split('|').map(str::to_owned);
            let kind = words.next().unwrap_or_default();
            let rest: Vec<String> = words.collect();
            let broken = || format!("unexpected output of the database: '{line}'");
            match kind.as_str() {
                "lease" => self.leases.push(rest.try_into().ok().with_context(broken)?),
                "live" => self.live.push(rest.try_into().ok().with_context(broken)?),
                "history" => self.history.push(rest.try_into().ok().with_context(broken)?),
                _ => ensure!(false, "{}", broken()),
            }
        }
        Ok(())
    }

    /// Descriptions of all violated invariants.
    #[must_use]
    pub fn faults(&self, journals: &[(Habit, Journal)]) -> Vec<String> {
        let mut faults = Vec::new();
        self.leases_and_sessions(&mut faults);
        self.peers_and_sessions(&mut faults);
        self.books(journals, &mut faults);
        self.steady(journals, &mut faults);
        faults
    }

    fn leases_and_sessions(&self, faults: &mut Vec<String>) {
        let leased: BTreeSet<_> = self.leases.iter().map(|[slot, session, device]| (session, device, slot)).collect();
        let live: BTreeSet<_> = self.live.iter().map(|[session, device, _, _, slot]| (session, device, slot)).collect();
        faults.extend(leased.difference(&live).map(|lease| format!("a lease has no session: {lease:?}")));
        faults.extend(live.difference(&leased).map(|session| format!("a session has no lease: {session:?}")));
        once("slot", self.leases.iter().map(|[slot, _, _]| slot), faults);
        once("address", self.memory.iter().map(|[_, _, _, address]| address), faults);
        let stored: BTreeSet<_> = self.live.iter().map(|[session, _, state, key, _]| (session, state, key)).collect();
        let known: BTreeSet<_> = self.memory.iter().map(|[session, state, key, _]| (session, state, key)).collect();
        faults.extend(stored.difference(&known).map(|row| format!("a stored session differs from memory: {row:?}")));
        faults.extend(
            known.difference(&stored).map(|one| format!("a session in memory differs from the store: {one:?}")),
        );
    }

    fn peers_and_sessions(&self, faults: &mut Vec<String>) {
        faults.extend(self.doubled.iter().map(|key| format!("a peer exists twice on a lane: {key}")));
        let online: BTreeSet<_> =
            self.live.iter().filter(|[_, _, state, _, _]| state == "online").map(|[_, _, _, key, _]| key).collect();
        let none = BTreeSet::new();
        for lane in ["direct", "tor"] {
            let peers: BTreeSet<_> = self.peers.get(lane).unwrap_or(&none).iter().collect();
            faults.extend(peers.difference(&online).map(|key| format!("a peer has no session on {lane}: {key}")));
            faults.extend(online.difference(&peers).map(|key| format!("a session has no peer on {lane}: {key}")));
        }
    }

    /// Compares the server's history with the responses that devices received.
    fn books(&self, journals: &[(Habit, Journal)], faults: &mut Vec<String>) {
        let mut rows: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for [session, user, reason] in &self.history {
            if rows.entry(user).or_default().insert(session, reason).is_some() {
                faults.push(format!("a history row exists twice: {session}"));
            }
        }
        let open: BTreeSet<_> =
            self.history.iter().filter(|[_, _, reason]| reason == "-").map(|[session, _, _]| session).collect();
        let live: BTreeSet<_> = self.live.iter().map(|[session, ..]| session).collect();
        faults.extend(open.symmetric_difference(&live).map(|id| format!("history and live rows differ about {id}")));
        let none = BTreeMap::new();
        let mut holders: BTreeMap<&str, &str> = BTreeMap::new();
        for (_, journal) in journals {
            let user = journal.username.as_str();
            let rows = rows.get(user).unwrap_or(&none);
            let lost = journal.opened.iter().filter(|session| !rows.contains_key(session.as_str()));
            faults.extend(lost.map(|session| format!("{user}: a history row is lost: {session}")));
            let undead = journal.ended.iter().filter(|session| rows.get(session.as_str()) == Some(&"-"));
            faults.extend(undead.map(|session| format!("{user}: {session} is live although its disconnect succeeded")));
            let extra = rows.keys().filter(|session| !journal.opened.contains(**session)).count();
            if extra > journal.unanswered {
                let unanswered = journal.unanswered;
                faults.push(format!(
                    "{user}: {extra} rows of connects without a response, only {unanswered} are possible"
                ));
            }
            let Some((session, address)) = &journal.current else { continue };
            if rows.get(session.as_str()) == Some(&"-")
                && let Some(other) = holders.insert(address, user)
            {
                faults.push(format!("{user} and {other} both received {address}"));
            }
        }
    }

    /// Checks that steady devices have lost nothing.
    fn steady(&self, journals: &[(Habit, Journal)], faults: &mut Vec<String>) {
        let online: BTreeSet<_> =
            self.memory.iter().filter(|[_, state, ..]| state == "online").map(|[id, ..]| id).collect();
        for (_, journal) in journals.iter().filter(|(habit, _)| *habit == Habit::Steady) {
            faults.extend(journal.losses.iter().map(|loss| format!("{}: {loss}", journal.username)));
            if let Some((session, _)) = &journal.current
                && !journal.doubtful
                && !online.contains(session)
            {
                faults.push(format!("{}: its session is no longer online", journal.username));
            }
        }
    }
}

fn once<'a>(what: &str, all: impl Iterator<Item = &'a String>, faults: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    faults.extend(all.filter(|one| !seen.insert(*one)).map(|one| format!("two owners of {what} {one}")));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Queries the database directly, not through a service.
fn look(world: &World) -> Result<String> {
    if let Some(cluster) = world.server.cluster() {
        return Ok(cluster.postgres.sql("tornado", &format!("SET search_path TO session;\n{LOOK}"))?);
    }
    let file = world.server.state_dir().join("session/session.db");
    let output = Command::new("sqlite3").args(["-batch", "-cmd", ".timeout 5000"]).arg(file).arg(LOOK).output()?;
    ensure!(output.status.success(), "sqlite3: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> Truth {
        let mut truth = Truth::default();
        truth
            .read_database("lease|2|s1|d1\nlive|s1|d1|online|k1|2\nhistory|s1|ada|-\nhistory|s0|ada|logout\n")
            .unwrap();
        for lane in ["direct", "tor"] {
            truth.peers.entry(lane.into()).or_default().insert("k1".into());
        }
        truth.memory.push(["s1", "online", "k1", "10.8.0.2"].map(str::to_owned));
        truth
    }

    type Journals = Vec<(Habit, Journal)>;

    fn journal() -> Journals {
        let opened = ["s0", "s1"].map(str::to_owned).into();
        let current = Some(("s1".to_owned(), "10.8.0.2".to_owned()));
        vec![(Habit::Steady, Journal { username: "ada".into(), opened, current, ..Journal::default() })]
    }

    #[test]
    fn what_holds_is_not_complained_about() {
        assert_eq!(truth().faults(&journal()), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_seen() {
        let seen = |change: &dyn Fn(&mut Truth, &mut Journals), word: &str| {
            let (mut truth, mut journals) = (truth(), journal());
            change(&mut truth, &mut journals);
            let faults = truth.faults(&journals);
            assert!(faults.iter().any(|fault| fault.contains(word)), "{word}: {faults:?}");
        };
        seen(&|t, _| t.live.clear(), "a lease has no session");
        seen(&|t, _| t.leases.clear(), "a session has no lease");
        seen(&|t, _| drop(t.peers.remove("tor")), "a session has no peer on tor");
        seen(&|t, _| t.live[0][2] = "offline".into(), "a peer has no session on direct");
        seen(&|t, _| drop(t.history.pop()), "a history row is lost");
        seen(&|t, _| t.history.push(["s9", "ada", "failed"].map(str::to_owned)), "connects without a response");
        seen(&|t, _| t.history.push(t.history[0].clone()), "exists twice");
        seen(&|_, j| j[0].1.ended = ["s1".to_owned()].into(), "is live although");
        seen(&|t, _| t.memory.clear(), "no longer online");
        seen(&|_, j| j[0].1.losses.push("a heartbeat was answered with 401".into()), "ada: a heartbeat");
        seen(&|t, _| t.leases.push(t.leases[0].clone()), "two owners of slot");
        seen(&|t, _| t.memory.push(["s2", "online", "k2", "10.8.0.2"].map(str::to_owned)), "two owners of address");
        seen(&|t, _| t.memory[0][2] = "k2".into(), "a stored session differs from memory");
        seen(&|t, _| t.memory[0][1] = "offline".into(), "a session in memory differs from the store");
        seen(&|t, _| t.history[0][2] = "logout".into(), "history and live rows differ");
        seen(&|t, _| t.doubled.push("k1".into()), "exists twice on a lane");
        seen(
            &|t, j| {
                t.history.push(["s2", "bob", "-"].map(str::to_owned));
                let mut other = j[0].clone();
                other.1.username = "bob".into();
                other.1.opened = ["s2".to_owned()].into();
                other.1.current = Some(("s2".into(), "10.8.0.2".into()));
                j.push(other);
            },
            "both received",
        );
    }
}
