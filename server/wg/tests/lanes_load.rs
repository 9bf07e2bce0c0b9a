//! Very many peers: how fast they are put, and that nobody else notices. Figures mean something in release only.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod lanes_support;

use lanes_support::{INTERNET4, Lab, can_run, spec, sync};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tornado_mesh::NoInput;
use tornado_mesh::wg::{PeerSpec, SyncPeers, Wg as _};
use tornado_shared::model::{Lane, PrivateKey};

/// Peers of the big sync, and of the storm of connects.
const MANY: u32 = if cfg!(debug_assertions) { 1_500 } else { 25_000 };
const STORM: u32 = if cfg!(debug_assertions) { 200 } else { 2_000 };
const CALLERS: u32 = 64;

/// Longest pause between answers of an echo on the internet, microseconds, since it was read last.
struct Pulse {
    longest: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Pulse {
    fn start(device: &lanes_support::Ns) -> Self {
        let (longest, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (shared, ended) = (longest.clone(), stop.clone());
        let thread = device.spawn(move || {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.connect((INTERNET4, 7)).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
            let mut last = Instant::now();
            while !ended.load(Ordering::Relaxed) {
                let _ = socket.send(b"x");
                if socket.recv(&mut [0; 8]).is_ok() {
                    shared.fetch_max(last.elapsed().as_micros() as u64, Ordering::Relaxed);
                    last = Instant::now();
                }
            }
            shared.fetch_max(last.elapsed().as_micros() as u64, Ordering::Relaxed);
        });
        Self { longest, stop, thread }
    }

    fn longest(&self) -> Duration {
        Duration::from_micros(self.longest.swap(0, Ordering::Relaxed))
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

fn specs(lab: &Lab, slots: std::ops::Range<u32>) -> Vec<PeerSpec> {
    slots.map(|slot| spec(lab.config.pools, &PrivateKey::random(), slot, None)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_peers_disturb_nobody() {
    if !can_run() {
        return;
    }
    let mut lab = Lab::new();
    lab.threads = 2;
    let service = lab.start();
    let client = lab.client();
    let status = service.answers(&client).await;
    let device = lab.device();
    sync(&client, vec![device.spec(&lab)]).await;
    let tunnel = device.connect(&lab, &status, Lane::Direct);
    let echo = lab.internet.run(|| UdpSocket::bind("198.51.100.2:7").unwrap());
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((n, from)) = echo.recv_from(&mut buffer) {
            let _ = echo.send_to(&buffer[..n], from);
        }
    });
    device.ns.ok("ping -c1 -W2 10.8.0.1");
    let pulse = Pulse::start(&device.ns);
    tokio::time::sleep(Duration::from_secs(2)).await;
    pulse.longest();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = pulse.longest();

    // A sync of all, with status asked all the time.
    let mut all = specs(&lab, 100..100 + MANY);
    all.push(device.spec(&lab));
    let asking = Arc::new(AtomicBool::new(true));
    let asker = tokio::spawn({
        let (client, asking) = (lab.client(), asking.clone());
        async move {
            let mut slowest = Duration::ZERO;
            while asking.load(Ordering::Relaxed) {
                let started = Instant::now();
                client.status(NoInput {}).await.unwrap();
                slowest = slowest.max(started.elapsed());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            slowest
        }
    });
    let started = Instant::now();
    let report = client.sync_peers(SyncPeers { peers: all.clone() }).await.unwrap();
    let took = started.elapsed();
    asking.store(false, Ordering::Relaxed);
    let (slowest, silence) = (asker.await.unwrap(), pulse.longest());
    eprintln!("sync of {MANY}: {took:?}, silence {silence:?} (idle {idle:?}), slowest status {slowest:?}");
    assert_eq!((report.put, report.kept), (MANY as usize, 1));
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");

    let again = Instant::now();
    let report = client.sync_peers(SyncPeers { peers: all }).await.unwrap();
    eprintln!("the same again: {:?}, silence {:?}", again.elapsed(), pulse.longest());
    assert_eq!(report.kept, MANY as usize + 1);

    // A storm of connects, each a call of its own.
    let next = Arc::new(std::sync::Mutex::new(specs(&lab, 40_000..40_000 + STORM)));
    let started = Instant::now();
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let (client, next) = (client.clone(), next.clone());
        callers.push(tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            loop {
                let Some(one) = next.lock().unwrap().pop() else { return slowest };
                let started = Instant::now();
                client.put_peer(one).await.unwrap();
                slowest = slowest.max(started.elapsed());
            }
        }));
    }
    let mut slowest = Duration::ZERO;
    for caller in callers {
        slowest = slowest.max(caller.await.unwrap());
    }
    let took = started.elapsed();
    eprintln!(
        "{STORM} connects by {CALLERS} callers: {:.0}/s, slowest {slowest:?}, silence {:?}",
        f64::from(STORM) / took.as_secs_f64(),
        pulse.longest()
    );
    let status = client.status(NoInput {}).await.unwrap();
    assert_eq!(status.peers, (MANY + STORM + 1) as usize);
    assert!(status.firewall_verified && status.canary.alarms == 0);
    let maps = lab.server.ok("nft list map inet tornado isolation4");
    assert_eq!(maps.matches("10.9.").count(), (MANY + STORM + 2) as usize, "devices and the canary");
    pulse.end();
    drop(tunnel);
    service.stop().unwrap();
}
