//! A service with its dependencies, controlled by a test.

use super::auth::{Device, FakeAuth};
use super::tor::FakeTor;
use super::wg::FakeWg;
use crate::config::Config;
use crate::core::Parts;
use crate::lanes::Watch;
use crate::lifecycle::sweep;
use crate::service::Service;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::*;
use tornado_e2e_support::Scripted;
use tornado_live::{Events, MemoryStore};
use tornado_shared::model::*;
use tornado_store::sessions::SqlSessions;

pub(in crate::tests) const START: i64 = 1_700_000_000;

pub(in crate::tests) struct World {
    pub auth: Arc<FakeAuth>,
    pub wg: Arc<FakeWg>,
    pub tor: Arc<FakeTor>,
    pub service: Arc<Service>,
    pub watch: Watch,
    config: Config,
    pools: LanePools,
    clock: Arc<AtomicI64>,
    dir: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub async fn with(config: Config) -> Self {
        Self::start(config, LanePools::default()).await
    }

    /// With this IPv4 pool on the direct lane.
    pub async fn with_pool(v4: &str) -> Self {
        let mut pools = LanePools::default();
        pools.direct.v4 = v4.parse().unwrap();
        Self::start(Config::default(), pools).await
    }

    async fn start(config: Config, pools: LanePools) -> Self {
        let auth = Arc::new(FakeAuth::new());
        let wg = Arc::new(FakeWg::default());
        let tor = Arc::new(FakeTor::default());
        let clock = Arc::new(AtomicI64::new(START));
        let dir = tempfile::tempdir().unwrap();
        let service = start(&config, pools, &auth, &wg, &tor, &clock, &dir).await;
        let mut watch = service.watch();
        watch.check().await.unwrap();
        Self { auth, wg, tor, service, watch, config, pools, clock, dir }
    }

    /// Kills and restarts the process: nothing is written at exit, and memory is lost.
    pub async fn kill_session(&mut self) {
        self.service = start(&self.config, self.pools, &self.auth, &self.wg, &self.tor, &self.clock, &self.dir).await;
        self.watch = self.service.watch();
    }

    /// Another gateway with the same accounts and database, but its own lanes and memory.
    pub async fn gateway(&self, node_id: &str) -> (Arc<Service>, Arc<FakeWg>) {
        let (config, wg) = (Config { node_id: node_id.into(), ..self.config.clone() }, Arc::new(FakeWg::default()));
        let service = start(&config, self.pools, &self.auth, &wg, &self.tor, &self.clock, &self.dir).await;
        service.watch().check().await.unwrap();
        (service, wg)
    }

    pub fn wait(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub async fn sweep(&self) {
        sweep::sweep(&self.service.core, self.now()).await;
    }

    pub async fn read_counters(&self) {
        self.service.core.reconciler.read_counters().await.unwrap();
    }

    pub async fn subscribe(&self) -> Events {
        self.service.core.live.store().subscribe().await.unwrap()
    }

    pub async fn connect(&self, device: &Device) -> Result<Connected, SessionError> {
        self.service.connect(request(device)).await
    }

    /// Connects as an exported device.
    pub async fn export(&self, device: &Device) -> Result<Connected, SessionError> {
        let (access_token, public_key) = (device.token.clone(), device.key);
        let client_ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        self.service.connect(Connect { access_token, public_key, client_ip, exported: true }).await
    }

    pub async fn heartbeat(&self, device: &Device) -> Result<HeartbeatOutcome, SessionError> {
        Ok(self.service.heartbeat(token(device)).await?.outcome)
    }

    pub async fn disconnect(&self, device: &Device) -> Option<SessionId> {
        self.service.disconnect(token(device)).await.unwrap().session_id
    }

    pub async fn mine(&self, device: &Device) -> Option<LiveSession> {
        self.service.mine(token(device)).await.unwrap()
    }

    pub async fn state(&self, device: &Device) -> Option<SessionState> {
        self.mine(device).await.map(|session| session.state)
    }

    pub async fn history(&self) -> Vec<HistoryRow> {
        self.service.history(HistoryQuery { user_id: None, limit: 500 }).await.unwrap()
    }

    pub async fn reasons(&self) -> Vec<Option<CloseReason>> {
        self.history().await.iter().map(|row| row.reason).collect()
    }

    pub async fn leased(&self) -> (u32, u32) {
        let pool = self.service.pool(tornado_rpc::NoInput {}).await.unwrap();
        (pool.leased, pool.quarantined)
    }
}

pub(in crate::tests) fn request(device: &Device) -> Connect {
    Connect {
        access_token: device.token.clone(),
        public_key: device.key,
        client_ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        exported: false,
    }
}

pub(in crate::tests) fn token(device: &Device) -> AccessToken {
    AccessToken { access_token: device.token.clone() }
}

async fn start(
    config: &Config,
    pools: LanePools,
    auth: &Arc<FakeAuth>,
    wg: &Arc<FakeWg>,
    tor: &Arc<FakeTor>,
    clock: &Arc<AtomicI64>,
    dir: &tempfile::TempDir,
) -> Arc<Service> {
    let store = SqlSessions::open_sqlite(&dir.path().join("session.db")).await.unwrap();
    let clock = clock.clone();
    let parts = Parts {
        pools,
        store,
        live: Arc::new(MemoryStore::default()),
        auth: Arc::new(Scripted(auth.clone())),
        wg: wg.clone(),
        tor: Arc::new(Scripted(tor.clone())),
        clock: tornado_runtime::clock::Clock::new(move || clock.load(Ordering::SeqCst)),
    };
    Service::restore(config.clone(), parts).await.unwrap()
}
