//! The firewall that lets no name be asked outside the tunnel, whatever interface a program binds to: rendered as
//! text, applied in one transaction of nft(8).

use crate::os::OsError;
use crate::plan::Slot;
use crate::policy::{MARK, NAME_PORTS};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Our table; nothing else of ours is in it.
const TABLE: &str = "inet tornado_names";
/// nft lives in a directory that is not in everybody's search path.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// A call takes some 20 ms.
const DEADLINE: Duration = Duration::from_secs(5);

/// Puts the guard in place. Names go to `links` and loopback only, but for the tunnel's own packets.
pub(super) async fn put(links: [String; 2]) -> Result<(), OsError> {
    nft(&render(&links)).await.map_err(|e| OsError::new("keep names inside the tunnel", e))
}

/// Takes it away, if it is there.
pub(super) async fn remove() -> Result<(), OsError> {
    let gone = format!("add table {TABLE}\ndelete table {TABLE}\n");
    match nft(&gone).await {
        // Without the program it was never put in place.
        Err(Refusal::Missing(_)) | Ok(()) => Ok(()),
        Err(e @ (Refusal::Late | Refusal::Said(_))) => Err(OsError::new("remove the guard of names", e)),
    }
}

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("cannot run nft: {0}; is the package nftables installed?")]
    Missing(#[source] std::io::Error),
    #[error("nft did not end within {DEADLINE:?}")]
    Late,
    #[error("nft refused: {0}")]
    Said(String),
}

/// Adding and deleting first makes the same text right whether the table is there or not.
fn render(links: &[String; 2]) -> String {
    let ports = NAME_PORTS.map(|port| port.to_string()).join(", ");
    let chain = |name: &str, hook: &str| {
        let rules = [
            format!("meta mark {MARK:#x} accept"),
            format!("oifname {{ \"lo\", \"{}\", \"{}\" }} accept", links[0], links[1]),
            format!("udp dport {{ {ports} }} reject"),
            format!("tcp dport {{ {ports} }} reject with tcp reset"),
        ];
        let rules = rules.map(|rule| format!("        {rule}\n")).concat();
        format!("    chain {name} {{\n        type filter hook {hook} priority filter; policy accept;\n{rules}    }}\n")
    };
    let (own, others) = (chain("own", "output"), chain("passing", "forward"));
    format!("add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{own}{others}}}\n")
}

async fn nft(text: &str) -> Result<(), Refusal> {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(Refusal::Missing)?;
    if let Some(mut input) = child.stdin.take() {
        // A child that ends early says why on its standard error.
        let _ = input.write_all(text.as_bytes()).await;
    }
    let output = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.map_err(|_| Refusal::Late)?;
    let output = output.map_err(Refusal::Missing)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Refusal::Said(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The two interfaces by name.
pub(super) fn links(name: impl Fn(Slot) -> String) -> [String; 2] {
    Slot::ALL.map(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transaction_refuses_names_on_every_other_interface() {
        let text = render(&["tornado0".into(), "tornado1".into()]);
        assert_eq!(
            text,
            r#"add table inet tornado_names
delete table inet tornado_names
table inet tornado_names {
    chain own {
        type filter hook output priority filter; policy accept;
        meta mark 0x746f accept
        oifname { "lo", "tornado0", "tornado1" } accept
        udp dport { 53, 853 } reject
        tcp dport { 53, 853 } reject with tcp reset
    }
    chain passing {
        type filter hook forward priority filter; policy accept;
        meta mark 0x746f accept
        oifname { "lo", "tornado0", "tornado1" } accept
        udp dport { 53, 853 } reject
        tcp dport { 53, 853 } reject with tcp reset
    }
}
"#
        );
    }
}
