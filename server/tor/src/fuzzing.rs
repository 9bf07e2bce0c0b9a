//! Entry points of the fuzz targets: each parser of bytes from Tor, devices, operators and disks, and its invariants.

use crate::config::{Config, Settings};
use crate::control::auth::{Challenge, LENGTH};
use crate::control::directory;
use crate::control::event::{self, Event};
use crate::control::reply::{Reply, ReplyCodec};
use crate::control::words::Words;
use crate::lane::page;
use crate::process::{Layout, bridge, torrc};
use std::path::Path;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder as _;
use tornado_contracts::tor::Circuit;

/// Parses bytes of a control connection, split at `cut`. The split makes no difference, and all values in the replies
/// satisfy their invariants.
pub fn control(bytes: &[u8], cut: usize) {
    let whole = replies(&[bytes]);
    let (head, tail) = bytes.split_at(cut.min(bytes.len()));
    assert_eq!(replies(&[head, tail]), whole, "the result depends on how the bytes are split");
    let (replies, _) = whole;
    let parsed: usize = replies.iter().flat_map(|reply| &reply.lines).map(|line| line.text.len()).sum();
    // An invalid UTF-8 byte grows to three bytes at most.
    assert!(parsed <= 3 * bytes.len(), "the parsed text is longer than the input");
    for reply in &replies {
        assert!(reply.code < 1000 && !reply.lines.is_empty());
        one_event(&event::event(reply), reply.text());
        for line in &reply.lines {
            words(&line.text);
            let data = line.data.as_deref().unwrap_or_default();
            data.lines().filter_map(event::circuit).for_each(|circuit| one_circuit(&circuit));
            relays(data);
        }
    }
}

/// Returns the replies before the first error, and the text of that error.
fn replies(pieces: &[&[u8]]) -> (Vec<Reply>, Option<String>) {
    let (mut codec, mut buffer, mut replies) = (ReplyCodec::default(), BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(error) => return (replies, Some(error.to_string())),
            }
        }
    }
    (replies, None)
}

fn one_event(event: &Event, text: &str) {
    match event {
        Event::Bootstrap(step) => assert!(step.percent <= 100),
        Event::Circuit(circuit) => one_circuit(circuit),
        Event::Stream { id, status, .. } => assert!(!id.contains(' ') && !status.contains(' ')),
        Event::Other { kind } => assert!(kind.len() <= 4 * 64 && text.starts_with(kind.as_str())),
        Event::Established(_) | Event::Liveness(_) | Event::Bandwidth { .. } => {}
    }
}

fn one_circuit(circuit: &Circuit) {
    assert!(circuit.id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    for hop in &circuit.path {
        assert!(hop.fingerprint.len() == 40 && hop.fingerprint.bytes().all(is_upper_hex));
        assert!(hop.nickname.chars().count() <= 19);
    }
}

const fn is_upper_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'F')
}

/// Parses a line of the control port, as words and as each single value.
pub fn words(line: &str) {
    let words = Words::of(line);
    assert!(words.plain.iter().all(|word| !word.is_empty() && !word.contains(' ')));
    let plain: usize = words.plain.iter().map(String::len).sum();
    assert!(plain <= line.len());
    if let Some(step) = event::bootstrap(line) {
        assert!(step.percent <= 100);
    }
    event::liveness(line);
    if let Some(country) = directory::country(line) {
        assert!(country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_lowercase()));
    }
    // Without the cookie there is no valid proof.
    let challenge = Challenge { cookie: [7; LENGTH], nonce: [9; LENGTH] };
    assert!(challenge.respond(line).is_err());
}

/// Parses relays of the directory.
pub fn relays(text: &str) {
    let relays = directory::relays(text);
    assert!(relays.len() <= text.lines().count());
    for relay in &relays {
        assert!(relay.fingerprint.len() == 40 && relay.fingerprint.bytes().all(is_upper_hex));
        assert!(relay.nickname.chars().count() <= 19 && relay.flags.len() <= 32);
    }
    let exits: Vec<_> = relays.into_iter().map(|relay| directory::exit(relay, None)).collect();
    assert!(directory::countries(&exits).len() <= 1);
}

/// Parses a bridge line. An accepted one stays a single plain line in torrc.
pub fn bridge(line: &str) {
    if bridge::parse(line).is_ok() {
        assert!(line.bytes().all(|byte| (b' '..0x7f).contains(&byte)) && !line.contains(['#', '"', '\\']));
        assert!(line.trim() == line && !line.contains("  "));
    }
}

/// The options that our torrc may contain. Texts of an operator never add another one.
const OPTIONS: &str = "DataDirectory ControlPort ControlSocket CookieAuthentication CookieAuthFile RunAsDaemon Log \
                       __OwningControllerProcess SafeLogging ClientOnly DormantCanceledByStartup Sandbox SocksPort \
                       TransPort DNSPort VirtualAddrNetworkIPv4 VirtualAddrNetworkIPv6 AutomapHostsOnResolve \
                       AutomapHostsSuffixes ExitNodes StrictNodes UseBridges ClientTransportPlugin Bridge #";

/// Renders torrc from a valid configuration. It contains only known options, one in each line.
pub fn torrc(config: &Config) {
    if config.validate().is_err() {
        return;
    }
    let settings = Settings { own: config.clone(), ..Settings::default() };
    let text = torrc::render(&settings, &Layout::new(Path::new("/var/lib/tornado/tor")), 1, "");
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        let option = line.split(' ').next().unwrap_or_default();
        assert!(OPTIONS.split_whitespace().any(|known| known == option), "{line:?}");
        assert!(line.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "{line:?}");
    }
    let bridges = text.lines().filter(|line| line.starts_with("Bridge ")).count();
    assert_eq!(bridges, config.bridges.len());
}

/// A request to the maintenance page gets one complete response.
pub fn page(head: &[u8]) {
    let response = page::respond(head);
    let (headers, body) = response.split_once("\r\n\r\n").unwrap_or_default();
    assert!(headers.starts_with("HTTP/1.1 "));
    let length = headers.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length.and_then(|value| value.parse().ok()).unwrap_or(usize::MAX);
    assert!(body.len() == length || body.is_empty(), "Content-Length is {length}, the body differs");
}
