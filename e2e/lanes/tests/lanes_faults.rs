//! Processes that die while devices are connected.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::Value;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tornado_e2e_harness::{DeviceProc, SERVER, patient, wait_for};
use tornado_e2e_lanes::world::World;

/// Sends a numbered datagram every 10 ms through a device's tunnel to the echo service in `internet`.
#[derive(Debug)]
struct Beacon {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Report>,
}

/// What was received.
#[derive(Debug)]
struct Report {
    sent: u32,
    received: u32,
    longest_silence: Duration,
}

/// Time limit for the last replies.
const ANSWERED: Duration = Duration::from_secs(2);

impl Beacon {
    fn start(device: &DeviceProc, to: SocketAddr) -> Self {
        let host = device.host().clone();
        let stop = Arc::new(AtomicBool::new(false));
        let flag = stop.clone();
        let thread = std::thread::spawn(move || host.enter(|| run_beacon(to, &flag)).unwrap());
        Self { stop, thread }
    }

    fn stop(self) -> Report {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }

    /// All at once: each waits for its last answers.
    fn stop_all(beacons: Vec<Self>) -> Vec<Report> {
        for beacon in &beacons {
            beacon.stop.store(true, Ordering::SeqCst);
        }
        beacons.into_iter().map(Self::stop).collect()
    }
}

fn run_beacon(to: SocketAddr, stop: &AtomicBool) -> Report {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let (mut sent, mut received) = (0u32, 0u32);
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    let mut buffer = [0u8; 64];
    let mut ended: Option<Instant> = None;
    loop {
        // After the last one, replies in flight get as much time as a busy machine needs.
        match ended {
            None if stop.load(Ordering::SeqCst) => ended = Some(Instant::now()),
            None => {
                if socket.send(&sent.to_be_bytes()).is_ok() {
                    sent += 1;
                }
            }
            Some(at) if received == sent || at.elapsed() > patient(ANSWERED) => break,
            Some(_) => {}
        }
        while let Ok(4) = socket.recv(&mut buffer) {
            received += 1;
            longest = longest.max(last.elapsed());
            last = Instant::now();
            // What came late is taken at once too, or the socket's buffer fills on a busy machine.
            socket.set_nonblocking(true).unwrap();
        }
        socket.set_nonblocking(false).unwrap();
    }
    if let Some(at) = ended.filter(|_| received < sent) {
        longest = longest.max(at.saturating_duration_since(last));
    }
    Report { sent, received, longest_silence: longest }
}

fn connected(world: &World, count: u16) -> Vec<DeviceProc> {
    (1..=count)
        .map(|number| {
            let device = world.enrolled(number).unwrap();
            device.cli(&["connect"]).unwrap().success().unwrap();
            device
        })
        .collect()
}

fn seen(world: &World, device: &DeviceProc) -> Option<IpAddr> {
    let reply = device.host().http_get_within(world.internet.http_v4(), "/", Duration::from_secs(3)).ok()?;
    reply.seen_as().ok()
}

#[test]
fn kill_9_of_each_service_with_20_devices() {
    let mut world = World::up(20, "").unwrap();
    let devices = connected(&world, 20);
    world.wait_sessions(20, Duration::from_secs(5)).unwrap();
    let echo = world.internet.echo_v4();

    for service in ["client-api", "admin", "auth", "session"] {
        let beacons: Vec<_> = devices.iter().take(5).map(|device| Beacon::start(device, echo)).collect();
        std::thread::sleep(Duration::from_millis(300));
        let before = world.server.kill_service(service).unwrap();
        world.server.wait_restarted(service, before, Duration::from_secs(10)).unwrap();
        std::thread::sleep(Duration::from_millis(500));
        for (number, report) in Beacon::stop_all(beacons).into_iter().enumerate() {
            assert_eq!(report.sent, report.received, "{service} died, device{} lost packets: {report:?}", number + 1);
        }
        assert_eq!(world.sessions().unwrap().len(), 20, "after the death of {service}");
    }

    let beacons: Vec<_> = devices.iter().map(|device| Beacon::start(device, echo)).collect();
    std::thread::sleep(Duration::from_millis(500));
    let before = world.server.kill_service("wg").unwrap();
    std::thread::sleep(Duration::from_secs(4));
    let reports = Beacon::stop_all(beacons);
    let worst = reports.iter().map(|report| report.longest_silence).max().unwrap();
    eprintln!("wg died: longest interruption of 20 devices {worst:?}");
    assert!(worst < patient(Duration::from_secs(2)), "traffic must recover within 2 s: {reports:?}");
    world.server.wait_restarted("wg", before, Duration::from_secs(10)).unwrap();
    let peers = world.server.mesh("wg").get("/v1/peers").unwrap();
    assert_eq!(peers.as_array().map(Vec::len), Some(40), "20 devices on two lanes need 40 peers");
    for device in &devices {
        assert_eq!(seen(&world, device), Some(IpAddr::from(SERVER.v4)));
    }
}

#[test]
fn a_new_master_takes_over_what_runs() {
    let mut world = World::up(1, "").unwrap();
    let devices = connected(&world, 1);
    let pids = |world: &World| ["auth", "session", "wg"].map(|service| world.server.pid_of(service).unwrap());
    let before = pids(&world);
    let beacon = Beacon::start(&devices[0], world.internet.echo_v4());
    std::thread::sleep(Duration::from_millis(200));
    world.server.master().unwrap().signal(nix::sys::signal::Signal::SIGKILL).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    world.server.start_master().unwrap();
    world.server.wait_ready(Duration::from_secs(15)).unwrap();
    let report = beacon.stop();
    assert_eq!(report.sent, report.received, "{report:?}");
    assert_eq!(pids(&world), before, "the services must be adopted, not restarted");
    devices[0].cli(&["disconnect"]).unwrap().success().unwrap();
    devices[0].cli(&["connect"]).unwrap().success().unwrap();
}

#[test]
fn a_failure_on_the_second_lane_leaves_nothing_behind() {
    // The interface of the second lane is deleted again and again while a device tries to connect.
    let world = World::up(1, "").unwrap();
    let device = world.enrolled(1).unwrap();
    let host = world.lab.host("server").unwrap();
    let stop = AtomicBool::new(false);
    let failed = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                // It is missing half of the time, as intended.
                let _ = host.try_exec(&["ip", "link", "delete", "wg1"], Duration::from_secs(5));
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut failed = None;
        while failed.is_none() && Instant::now() < deadline {
            let output = device.cli(&["connect", "--json"]).unwrap();
            let text = format!("{}{}", output.stdout, output.stderr);
            eprintln!("{text}");
            if output.ok() {
                device.cli(&["disconnect"]).unwrap();
            } else if text.contains("data_plane_unavailable") {
                failed = Some(text);
            }
            // The edge allows a few requests per second from one address.
            std::thread::sleep(Duration::from_millis(300));
        }
        stop.store(true, Ordering::SeqCst);
        failed
    });
    assert!(failed.is_some(), "no connection attempt failed because of the missing wg1");
    assert!(world.sessions().unwrap().is_empty(), "no session may remain");
    assert_eq!(world.server.mesh("session").get("/v1/pool").unwrap()["leased"], 0, "no lease may remain");
    wait_for("the lanes to recover", Duration::from_secs(10), || {
        Ok((world.server.mesh("wg").get("/v1/peers").ok() == Some(Value::Array(Vec::new()))).then_some(()))
    })
    .unwrap();
    wait_for("the next connection attempt to succeed", Duration::from_secs(10), || {
        Ok(device.cli(&["connect"])?.ok().then_some(()))
    })
    .unwrap();
    assert_eq!(seen(&world, &device), Some(IpAddr::from(SERVER.v4)));
}
