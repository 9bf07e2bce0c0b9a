//! What the log files of all processes contain at every level: no token, password, key or invitation code; above
//! `DEBUG` no address and no destination. The words are found here without the code that redacts.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tornado_e2e_harness::{INTERNET, ServerOptions, wait_for};
use tornado_e2e_lanes::world::{PASSWORD, World};

const WRONG: &str = "the-wrong-battery-of-horses";
const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJwcml2YWN5In0.c2lnbmF0dXJlLW9mLXByaXZhY3k";
const NAME: &str = "visited.example.org";

fn curl(world: &World, host: &str, words: &[&str]) {
    let own = ["curl", "--silent", "--insecure", "--max-time", "20", "--output", "/dev/null"];
    drop(world.lab.host(host).unwrap().exec(&[&own, words].concat()));
}

/// A DNS query for [`NAME`] (RFC 1035 §4.1).
fn question() -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in NAME.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

/// Texts of a line: message and values.
fn texts(line: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = line["fields"].as_object().into_iter().flatten().map(|(_, value)| text(value));
    fields.chain([text(&line["message"])]).collect()
}

/// 32 bytes in hex, or in either alphabet of base64 without padding.
fn is_key(word: &str) -> bool {
    let word = word.replace('-', "+").replace('_', "/");
    let is_base64 = word.len() == 43 && STANDARD.decode(format!("{word}=")).is_ok_and(|bytes| bytes.len() == 32);
    is_base64 || (word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A host's address: not loopback, not a network.
fn is_address(word: &str) -> bool {
    let word = word.trim_matches(['.', ',', ':']).trim_end_matches("/32").trim_end_matches("/128");
    let inner = word.trim_matches(['[', ']']);
    let address = inner.parse::<IpAddr>().or_else(|_| word.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
}

/// What must not be in a line.
fn finding(line: &Value, secrets: &[String]) -> Option<String> {
    let is_public = ["ERROR", "WARN", "INFO"].contains(&line["level"].as_str().unwrap_or_default());
    for text in texts(line) {
        if let Some(secret) = secrets.iter().find(|secret| text.contains(secret.as_str())) {
            return Some(format!("the secret {secret}"));
        }
        let breaks = |c: char| c.is_whitespace() || "\"'(),;<>{}=".contains(c);
        if let Some(word) = text.split(breaks).find(|word| is_public && is_address(word)) {
            return Some(format!("the address {word}"));
        }
        let of_key = |c: char| !(c.is_ascii_alphanumeric() || "+/-_".contains(c));
        if let Some(word) = text.split(of_key).find(|word| is_key(word) || word.starts_with("eyJ")) {
            return Some(format!("the key or token {word}"));
        }
        if is_public && text.contains(NAME) {
            return Some("the destination".to_owned());
        }
    }
    None
}

fn lines(directory: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file());
    let texts: Vec<String> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    texts.iter().flat_map(|text| text.lines()).filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Uses every service with secrets, addresses and destinations, also where it fails. Returns the secrets.
fn exercise(world: &World) -> Vec<String> {
    let mut secrets: Vec<String> = [PASSWORD, WRONG, TOKEN].map(str::to_owned).into();
    let device = world.enrolled(1).unwrap();
    device.cli(&["connect", "--lane", "direct"]).unwrap().success().unwrap();
    device.host().http_get(world.internet.http_v4(), "/").unwrap();
    drop(device.host().udp_ask("10.8.0.1:53".parse().unwrap(), &question(), Duration::from_secs(3)));
    let link = world.invite(1).unwrap();
    // Addresses are allowed at `DEBUG`.
    let parts = link.split(['?', '&', '=', '/']).filter(|part| part.len() >= 16 && !part.contains(['.', ':']));
    secrets.extend(parts.map(str::to_owned));
    let api = |path: &str| format!("https://{}{path}", world.api());
    let bearer = format!("Authorization: Bearer {TOKEN}");
    curl(world, "device2", &["--header", &bearer, &api("/v2/me")]);
    curl(world, "device2", &[&api(&format!("/health?token={TOKEN}&password={WRONG}"))]);
    for (path, body) in [
        ("/auth/reauth", json!({ "refresh_token": TOKEN })),
        ("/auth/login", json!({ "username": "user1", "password": WRONG })),
        ("/auth/login", json!({ "envelope": WRONG })),
        ("/vpn/initiate", json!({ "public_key": STANDARD.encode([7; 32]) })),
    ] {
        curl(world, "device2", &["--json", &body.to_string(), &api(path)]);
    }
    let console = format!("http://127.0.0.1:8000/metrics?token={TOKEN}");
    curl(world, "server", &["--header", &bearer, &console]);
    drop(device.cli_with_password(&["login"], WRONG));
    device.cli_with_password(&["login"], PASSWORD).unwrap().success().unwrap();
    device.cli(&["connect", "--lane", "direct"]).unwrap().success().unwrap();
    world.server.cli(&["user", "suspend", "user1"]).unwrap();
    device.cli(&["disconnect"]).unwrap();
    secrets
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let secrets = [PASSWORD.to_owned()];
    let line = |level: &str, text: &str| json!({ "level": level, "message": "m", "fields": { "a": text } });
    let is_found = |level: &str, text: &str| finding(&line(level, text), &secrets).is_some();
    let key = STANDARD.encode([200; 32]);
    for text in [PASSWORD, TOKEN, key.as_str(), &format!("peer={key}"), &"ab".repeat(32)] {
        assert!(is_found("TRACE", text) && is_found("INFO", text), "{text}");
    }
    for text in ["198.51.100.7:4605", "from 198.51.100.7.", "[2001:db8::7]:443", "10.8.0.2/32", NAME] {
        assert!(is_found("WARN", text) && !is_found("DEBUG", text), "{text}");
    }
    for text in ["127.0.0.1:4605", "[::]:4605", "10.8.0.0/16", "15:20:38", "tornado_wg::peers", "1.2.3"] {
        assert!(!is_found("INFO", text), "{text}");
    }
}

#[test]
fn no_log_line_has_a_secret_or_an_address() {
    let config = format!("[dns]\ndnssec = false\nupstreams = ['{}']\n", INTERNET.v4);
    let options = ServerOptions { log: "debug,tornado=trace".into(), config, ..ServerOptions::default() };
    let world = World::up_with(2, options).unwrap();
    let secrets = exercise(&world);
    assert!(secrets.len() >= 4, "the invitation has a code: {secrets:?}");
    let mut names: BTreeSet<String> = world.processes().unwrap().into_keys().collect();
    names.insert("helper".into());
    let helper = world.device_host(1).unwrap().dir().join("helper-log");
    let read = || -> Vec<Value> {
        let of_server = names.iter().map(|name| world.server.log_dir().join(name));
        of_server.chain([helper.clone()]).filter(|path| path.is_dir()).flat_map(|path| lines(&path)).collect()
    };
    let services = |lines: &[Value]| -> BTreeSet<String> {
        lines.iter().filter_map(|line| line["service"].as_str().map(str::to_owned)).collect()
    };
    // The lab has no Tor network, so Tor warns at the latest when it is stuck.
    let all = wait_for("lines of every process, warnings among them", Duration::from_secs(90), || {
        let lines = read();
        let is_warned = lines.iter().any(|line| line["level"] == "WARN");
        Ok((is_warned && services(&lines).is_superset(&names)).then_some(lines))
    });
    let all = all.unwrap();
    let found: BTreeSet<String> = all
        .iter()
        .filter_map(|line| {
            let what = finding(line, &secrets)?;
            Some(format!("{} {}: {what} in {}", line["service"], line["target"], line["message"]))
        })
        .collect();
    assert!(found.is_empty(), "{} of {} lines: {found:#?}", found.len(), all.len());
    assert!(all.iter().any(|line| line["level"] == "DEBUG"));
}
