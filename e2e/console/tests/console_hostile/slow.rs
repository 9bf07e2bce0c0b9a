//! Requests that never end, of one address and of many.

use crate::http::{FORM, HOST, JSON, LOCAL, SignIn, connect, read, send_to};
use crate::site::NAME;
use anyhow::{Context as _, ensure};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tornado_e2e_harness::{Host, SERVER, patient, wait_for};
use tornado_e2e_lanes::world::World;

const WITHIN: Duration = Duration::from_secs(60);

/// Open files of a process, and its own memory in KiB.
fn held(pid: u32) -> anyhow::Result<(usize, u64)> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("memory")?;
    Ok((files, line.split_whitespace().next().unwrap_or_default().parse()?))
}

/// Opens connections that never end their request. Some are closed at once.
fn open_slowly(to: SocketAddr, count: usize, text: &str) -> anyhow::Result<Vec<TcpStream>> {
    let mut all = Vec::new();
    for _ in 0..count {
        let mut stream = connect(to)?;
        // Fails if the server has closed the connection.
        drop(stream.write_all(text.as_bytes()));
        all.push(stream);
    }
    Ok(all)
}

/// Those that the server has not closed.
fn still_open(streams: &[TcpStream]) -> anyhow::Result<usize> {
    let mut open = 0;
    for stream in streams {
        stream.set_nonblocking(true)?;
        let state = stream.peek(&mut [0]);
        stream.set_nonblocking(false)?;
        open += usize::from(state.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    }
    Ok(open)
}

/// A person on `host` opens the page of the sign-in.
fn is_served(host: &Host, to: SocketAddr, name: &str) -> anyhow::Result<()> {
    let page = host.enter(|| send_to(to, name, "GET", "/sign-in", &[], b""))??;
    ensure!(page.status == 200, "{}", page.head);
    ensure!(page.took < patient(Duration::from_secs(2)), "the page took {:?}", page.took);
    Ok(())
}

pub fn connections_are_bounded(world: &World) -> anyhow::Result<()> {
    const MANY: usize = 1000;
    const OF_ADDRESS: usize = 256;
    let (server, device) = (world.lab.host("server")?, world.device_host(1)?);
    let other = world.lab.host("internet")?;
    let public = SocketAddr::new(SERVER.v4.into(), 8000);
    let pid = world.server.pid_of("admin")?;
    let before = held(pid)?;
    let text = "GET / HTTP/1.1\r\nHost: x\r\n";

    // One address of the network gets a part of the connections.
    let streams = device.enter(|| open_slowly(public, MANY, text))??;
    let open = wait_for("the refused connections to be closed", WITHIN, || {
        Ok(still_open(&streams).ok().filter(|open| *open <= OF_ADDRESS))
    })?;
    ensure!(open > OF_ADDRESS / 2, "{open} of {MANY} connections are open");
    is_served(other, public, "203.0.113.10:8000").context("another address beside a flood")?;
    is_served(server, LOCAL, HOST).context("the server itself beside a flood")?;
    drop(streams);

    // Those of reverse proxies are limited in total, in time and in memory.
    let streams = server.enter(|| open_slowly(LOCAL, MANY, text))??;
    let started = Instant::now();
    let with = held(pid)?;
    ensure!(with.0 >= before.0 + MANY / 2, "{before:?} {with:?}");
    ensure!(with.1 < before.1 + MANY as u64 * 64, "{before:?} {with:?}");
    is_served(server, LOCAL, HOST).context("the server itself beside slow connections")?;
    is_served(other, public, "203.0.113.10:8000").context("another address beside slow connections")?;
    wait_for("the end of the slow connections", WITHIN, || Ok(still_open(&streams).ok().filter(|open| *open == 0)))?;
    ensure!(started.elapsed() < patient(Duration::from_secs(15)), "they were open for {:?}", started.elapsed());
    drop(streams);
    let after = wait_for("descriptors and memory of slow connections", WITHIN, || {
        Ok(held(pid).ok().filter(|after| after.0 <= before.0 + 8 && after.1 < before.1 + 8 * 1024))
    })?;
    eprintln!("slow connections: {before:?} before, {with:?} with {MANY}, {after:?} after");
    Ok(())
}

pub fn bodies_are_bounded(world: &World) -> anyhow::Result<()> {
    const MANY: usize = 300;
    const OF_ADDRESS: usize = 64;
    let (server, other) = (world.lab.host("server")?, world.lab.host("internet")?);
    let public = SocketAddr::new(SERVER.v4.into(), 8000);
    let text = |path: &str, media_type: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nOrigin: http://{HOST}\r\n");
        format!("{head}Content-Type: {media_type}\r\nContent-Length: 60000\r\n\r\nx")
    };
    let texts = [text("/sign-in", FORM.1), text("/api/v1/sign-in", JSON.1)];
    let streams = server.enter(|| -> anyhow::Result<Vec<TcpStream>> {
        let mut all = Vec::new();
        for text in texts.iter().cycle().take(MANY) {
            all.extend(open_slowly(LOCAL, 1, text)?);
        }
        Ok(all)
    })??;
    let started = Instant::now();
    let open = wait_for("the refused bodies to be answered", WITHIN, || {
        Ok(still_open(&streams).ok().filter(|open| *open <= OF_ADDRESS))
    })?;
    ensure!(open == OF_ADDRESS, "{open} bodies are received");
    let signed_in = other.enter(|| SignIn::at(public, "203.0.113.10:8000", NAME))?;
    signed_in.context("another address beside slow bodies")?;
    let mut statuses = BTreeMap::new();
    for mut stream in streams {
        *statuses.entry(read(&mut stream, started)?.status).or_insert(0) += 1;
    }
    let all: Vec<_> = statuses.into_iter().collect();
    ensure!(all == [(408, OF_ADDRESS), (503, MANY - OF_ADDRESS)], "{all:?}");
    ensure!(started.elapsed() < patient(Duration::from_secs(25)), "they took {:?}", started.elapsed());
    Ok(())
}
