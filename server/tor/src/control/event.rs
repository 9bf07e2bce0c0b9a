//! Typed events of the control port (control-spec §4.1) and the lines of `circuit-status`.

use super::reply::Reply;
use super::words::Words;
use std::net::SocketAddr;
use tornado_contracts::tor::{Bootstrap, Circuit, Hop, HopRole};

/// The subscribed events.
pub(crate) const SUBSCRIBED: &str = "STATUS_CLIENT CIRC STREAM BW NETWORK_LIVENESS";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Bootstrap(Bootstrap),
    /// Whether Tor has a working circuit.
    Established(bool),
    /// Whether Tor considers the network reachable.
    Liveness(bool),
    /// Bytes in the last second.
    Bandwidth {
        read: u64,
        written: u64,
    },
    Circuit(Circuit),
    /// A stream of a device, a probe or Tor itself.
    Stream {
        id: String,
        status: String,
        /// Whether Tor itself opened the stream; `None` if the event does not say.
        internal: Option<bool>,
        /// Tor's id of the circuit that carries the stream.
        circuit: Option<String>,
        /// The source address; only the first event of a stream contains it.
        source: Option<SocketAddr>,
        /// The target is an onion service, so the circuit has no exit.
        is_onion: bool,
    },
    /// An event that this service does not use.
    Other {
        kind: String,
    },
}

/// Converts an asynchronous reply to an event.
pub(crate) fn event(reply: &Reply) -> Event {
    let text = reply.text();
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    known(kind, rest).unwrap_or_else(|| Event::Other { kind: kind.chars().take(64).collect() })
}

fn known(kind: &str, rest: &str) -> Option<Event> {
    match kind {
        "STATUS_CLIENT" => client_status(rest),
        "NETWORK_LIVENESS" => Some(Event::Liveness(liveness(rest)?)),
        "BW" => {
            let words = Words::of(rest);
            Some(Event::Bandwidth { read: words.word(0)?.parse().ok()?, written: words.word(1)?.parse().ok()? })
        }
        "CIRC" => Some(Event::Circuit(circuit(rest)?)),
        "STREAM" => {
            let words = Words::of(rest);
            let internal = words.get("PURPOSE").map(|purpose| purpose.starts_with("DIR"));
            let target = words.word(3).unwrap_or_default();
            Some(Event::Stream {
                id: words.word(0)?.to_owned(),
                status: words.word(1)?.to_owned(),
                internal,
                circuit: words.word(2).filter(|id| *id != "0").map(str::to_owned),
                source: words.get("SOURCE_ADDR").and_then(|source| source.parse().ok()),
                is_onion: target.rsplit_once(':').is_some_and(|(host, _)| host.ends_with(".onion")),
            })
        }
        _ => None,
    }
}

fn client_status(rest: &str) -> Option<Event> {
    match Words::of(rest).word(1)? {
        "BOOTSTRAP" => Some(Event::Bootstrap(bootstrap(rest)?)),
        "CIRCUIT_ESTABLISHED" => Some(Event::Established(true)),
        "CIRCUIT_NOT_ESTABLISHED" => Some(Event::Established(false)),
        _ => None,
    }
}

/// Parses `NOTICE BOOTSTRAP PROGRESS=…`, the text of the event and of the value `status/bootstrap-phase`.
pub(crate) fn bootstrap(text: &str) -> Option<Bootstrap> {
    let words = Words::of(text);
    let percent: u8 = words.get("PROGRESS")?.parse().ok()?;
    let word = |key: &str| words.get(key).unwrap_or_default().to_owned();
    // HOSTADDR and HOSTID identify the guard and are left out.
    let warning = words.get("WARNING").map(|warning| match words.get("REASON") {
        Some(reason) => format!("{warning} ({reason})"),
        None => warning.to_owned(),
    });
    (percent <= 100).then(|| Bootstrap { percent, tag: word("TAG"), summary: word("SUMMARY"), warning })
}

/// Parses `UP` or `DOWN`, in upper or lower case.
pub(crate) fn liveness(text: &str) -> Option<bool> {
    match text.trim().to_ascii_uppercase().as_str() {
        "UP" => Some(true),
        "DOWN" => Some(false),
        _ => None,
    }
}

/// Parses `ID STATUS [PATH] KEY=VALUE…`. Fields of the relays that only the directory knows stay empty.
pub(crate) fn circuit(text: &str) -> Option<Circuit> {
    let words = Words::of(text);
    let (id, status) = (words.word(0)?, words.word(1)?);
    if !id.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let owned = |key: &str| words.get(key).map(str::to_owned);
    Some(Circuit {
        id: id.to_owned(),
        status: status.to_owned(),
        purpose: owned("PURPOSE").unwrap_or_default(),
        conflux_id: owned("CONFLUX_ID"),
        path: words.word(2).map(path).unwrap_or_default(),
    })
}

/// User name and password of the SOCKS client that a circuit belongs to.
pub(crate) fn socks_client(text: &str) -> Option<(String, String)> {
    let words = Words::of(text);
    let owned = |key: &str| words.get(key).map(str::to_owned);
    owned("SOCKS_USERNAME").zip(owned("SOCKS_PASSWORD"))
}

fn path(text: &str) -> Vec<Hop> {
    let relays: Vec<_> = text.split(',').filter_map(relay).collect();
    let last = relays.len().saturating_sub(1);
    let hop = |(index, (fingerprint, nickname))| Hop {
        role: match index {
            0 => HopRole::Guard,
            index if index == last => HopRole::Exit,
            _ => HopRole::Middle,
        },
        fingerprint,
        nickname,
        address: None,
        country: None,
        flags: Vec::new(),
    };
    relays.into_iter().enumerate().map(hop).collect()
}

/// Fingerprint (40 hexadecimal digits, upper case) and nickname of a relay in a path.
fn relay(text: &str) -> Option<(String, String)> {
    let text = text.strip_prefix('$')?;
    let (fingerprint, nickname) = text.split_once(['~', '=']).unwrap_or((text, ""));
    let is_fingerprint = fingerprint.len() == 40 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit());
    is_fingerprint.then(|| (fingerprint.to_ascii_uppercase(), nickname.chars().take(19).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::reply::Line;
    use proptest::prelude::*;

    fn parse(text: &str) -> Event {
        event(&Reply { code: 650, lines: vec![Line { text: text.into(), data: None }] })
    }

    #[test]
    fn events_are_typed() {
        let Event::Bootstrap(step) = parse(
            r#"STATUS_CLIENT WARN BOOTSTRAP PROGRESS=14 TAG=handshake SUMMARY="Handshaking \"x\"" WARNING="DONE" REASON=DONE HOSTADDR="192.0.2.1:5""#,
        ) else {
            panic!("not a bootstrap event")
        };
        assert_eq!((step.percent, step.tag.as_str()), (14, "handshake"));
        assert_eq!(step.summary, "Handshaking \"x\"");
        assert_eq!(step.warning.as_deref(), Some("DONE (DONE)"));
        assert_eq!(
            parse("STATUS_CLIENT NOTICE CIRCUIT_NOT_ESTABLISHED REASON=CLOCK_JUMPED"),
            Event::Established(false)
        );
        assert_eq!(parse("NETWORK_LIVENESS DOWN"), Event::Liveness(false));
        assert_eq!(parse("BW 5 7"), Event::Bandwidth { read: 5, written: 7 });
        let fingerprint = "0123456789abcdef0123456789abcdef01234567";
        let text = format!(
            "CIRC 9 BUILT ${fingerprint}~guard,${fingerprint}=exit BUILD_FLAGS=X PURPOSE=CONFLUX_LINKED CONFLUX_ID=AB SOCKS_USERNAME=\"u\" SOCKS_PASSWORD=\"p\""
        );
        let Event::Circuit(line) = parse(&text) else { panic!("not a circuit event") };
        assert_eq!((line.path.len(), line.path[1].nickname.as_str()), (2, "exit"));
        assert_eq!(line.conflux_id.as_deref(), Some("AB"));
        assert_eq!(socks_client(&text), Some(("u".into(), "p".into())));
        assert!(matches!(parse("CIRC 5 LAUNCHED PURPOSE=GENERAL"), Event::Circuit(c) if c.path.is_empty()));
        assert!(matches!(
            parse("STREAM 5 NEW 0 192.0.2.1:80 SOURCE_ADDR=10.9.0.2:4 PURPOSE=USER"),
            Event::Stream { internal: Some(false), circuit: None, source: Some(_), is_onion: false, .. }
        ));
        assert!(matches!(
            parse("STREAM 5 SENTCONNECT 9 abc.onion:80"),
            Event::Stream { circuit: Some(circuit), source: None, is_onion: true, .. } if circuit == "9"
        ));
    }

    #[test]
    fn unknown_and_malformed_events_keep_only_their_kind() {
        for text in ["", "X", "NEWDESC a b", "BW 1", "BW a b", "CIRC", "CIRC 1", "STATUS_CLIENT", "NETWORK_LIVENESS X"]
        {
            assert!(matches!(parse(text), Event::Other { .. }), "{text}");
        }
        assert!(matches!(parse("STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=101"), Event::Other { .. }));
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(kind in "(STATUS_CLIENT|CIRC|STREAM|BW|NETWORK_LIVENESS|)", rest in any::<String>()) {
            drop(parse(&format!("{kind} {rest}")));
        }
    }
}
