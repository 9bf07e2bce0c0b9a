//! Very many peers: the rate at which they are added, and the effect on others. The figures are meaningful in release
//! builds only.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's failure")]
#![expect(clippy::disallowed_methods, reason = "sends at a pace")]

mod lanes_support;

use lanes_support::up::up_with;
use lanes_support::{INTERNET4, Lab, spec, sync};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tornado_contracts::wg::{PeerSpec, RemovePeer, SyncPeers, Wg as _, WgClient};
use tornado_rpc::NoInput;
use tornado_shared::model::{Lane, PrivateKey};

/// Number of peers present during a storm, and number of peers that a storm adds.
const PRESENT: [u32; 3] = if cfg!(debug_assertions) { [0, 100, 1_500] } else { [0, 1_000, 25_000] };
const STORM: u32 = if cfg!(debug_assertions) { 200 } else { 2_000 };
const CALLERS: u32 = 64;
/// Number of these that are removed again.
const ENDS: usize = if cfg!(debug_assertions) { 32 } else { 500 };

/// Longest gap between answers of an echo server on the internet since the last reading, in microseconds.
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
                    std::thread::sleep(Duration::from_millis(1));
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
    slots.map(|slot| spec(lab.wiring.lanes.pools, &PrivateKey::random(), slot, None)).collect()
}

/// Results of 64 concurrent callers, each of which waits for a response before its next call.
struct Storm {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

impl std::fmt::Display for Storm {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:.0}/s, p50 {:?}, p99 {:?}", self.rate, self.p50, self.p99)
    }
}

async fn storm<F: Future<Output = ()> + Send>(
    all: Vec<PeerSpec>,
    client: &WgClient,
    call: impl Fn(WgClient, PeerSpec) -> F + Send + Clone + 'static,
) -> Storm {
    let count = all.len();
    let next = Arc::new(std::sync::Mutex::new(all));
    let started = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (client, next, call) = (client.clone(), next.clone(), call.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                loop {
                    let Some(one) = next.lock().unwrap().pop() else { return took };
                    let started = Instant::now();
                    call(client.clone(), one).await;
                    took.push(started.elapsed());
                }
            })
        })
        .collect();
    let mut took = Vec::new();
    for caller in callers {
        took.extend(caller.await.unwrap());
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    took.sort_unstable();
    Storm { rate, p50: took[count / 2], p99: took[count * 99 / 100] }
}

/// Processor time of this process and its ended children, in seconds.
fn processor() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike as _;
    let of = |who| {
        let usage = getrusage(who).unwrap();
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
    };
    of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_peers_delay_no_other_peer() {
    let Some((lab, service, client, status)) = up_with(|lab| lab.threads = 2).await else { return };
    let device = lab.device();
    sync(&client, vec![device.spec(&lab)]).await;
    let tunnel = device.connect(&lab, &status, Lane::Direct);
    lab.echo();
    device.ns.ok("ping -c1 -W2 10.8.0.1");
    let pulse = Pulse::start(&device.ns);
    tokio::time::sleep(Duration::from_secs(2)).await;
    pulse.longest();
    tokio::time::sleep(Duration::from_secs(1)).await;
    eprintln!("idle: gap {:?}", pulse.longest());

    let (mut all, mut slot) = (vec![device.spec(&lab)], 40_000);
    for present in PRESENT {
        let known = all.len();
        let first = 100 + known as u32;
        all.extend(specs(&lab, first..first.max(100 + present)));
        // Sync of all peers while another task requests status in a loop.
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
        let (started, before) = (Instant::now(), processor());
        let report = client.sync_peers(SyncPeers { peers: all.clone() }).await.unwrap();
        assert_eq!((report.put, report.removed, report.kept), (all.len() - known, 0, known));
        let (took, cpu) = (started.elapsed(), processor() - before);
        asking.store(false, Ordering::Relaxed);
        let (slowest, silence) = (asker.await.unwrap(), pulse.longest());
        eprintln!("{present}: sync {took:?} ({cpu:.2} s CPU), gap {silence:?}, slowest status {slowest:?}");
        assert!(slowest < Duration::from_secs(5), "{slowest:?}");
        let again = Instant::now();
        let report = client.sync_peers(SyncPeers { peers: all.clone() }).await.unwrap();
        eprintln!("{present}: repeated sync {:?}, gap {:?}", again.elapsed(), pulse.longest());
        assert_eq!((report.put, report.removed, report.kept), (0, 0, all.len()));

        // Connects and disconnects, one call for each.
        let mut coming = specs(&lab, slot..slot + STORM);
        slot += STORM;
        let put = async |client: WgClient, one| {
            client.put_peer(one).await.unwrap();
        };
        let before = processor();
        let puts = storm(coming.clone(), &client, put).await;
        eprintln!("{present}: connects {puts} ({:.2} s CPU), gap {:?}", processor() - before, pulse.longest());
        let status = client.status(NoInput {}).await.unwrap();
        assert_eq!(status.peers, all.len() + STORM as usize);
        let maps = lab.server.ok("nft list map inet tornado isolation4");
        assert_eq!(maps.matches("10.9.").count(), status.peers + 1, "devices and the canary");
        pulse.longest();
        let remove = async |client: WgClient, one: PeerSpec| {
            client.remove_peer(RemovePeer { public_key: one.public_key }).await.unwrap();
        };
        let before = processor();
        let going = coming.split_off(coming.len() - ENDS);
        let removals = storm(going, &client, remove).await;
        eprintln!("{present}: disconnects {removals} ({:.2} s CPU), gap {:?}", processor() - before, pulse.longest());
        all.extend(coming);
        let status = client.status(NoInput {}).await.unwrap();
        assert_eq!(status.peers, all.len());
        assert!(status.firewall_verified && status.canary.alarms == 0);
    }
    pulse.end();
    drop(tunnel);
    service.stop().unwrap();

    // A restart, as after an update.
    let started = Instant::now();
    let service = lab.start();
    service.wait_for_status(&client).await;
    let answering = started.elapsed();
    let count = all.len();
    let report = client.sync_peers(SyncPeers { peers: all }).await.unwrap();
    assert_eq!((report.put, report.removed, report.kept), (count, 0, 0));
    eprintln!("start: responds after {answering:?}, ready with {count} peers after {:?}", started.elapsed());
    service.stop().unwrap();
}
