//! Tests with a fake systemd-resolved that records its calls, over a real D-Bus connection.

use super::*;
use std::sync::{Arc, Mutex};
use tokio::net::UnixStream;
use zbus::connection::Builder;

struct Daemon(Arc<Mutex<Vec<String>>>);

#[zbus::interface(name = "org.freedesktop.resolve1.Manager")]
#[expect(clippy::needless_pass_by_value, reason = "D-Bus passes values")]
impl Daemon {
    #[zbus(name = "SetLinkDNS")]
    fn set_link_dns(&self, index: i32, addresses: Vec<(i32, Vec<u8>)>) {
        self.0.lock().unwrap().push(format!("dns {index} {addresses:?}"));
    }
    fn set_link_domains(&self, index: i32, domains: Vec<(String, bool)>) {
        self.0.lock().unwrap().push(format!("domains {index} {domains:?}"));
    }
    fn set_link_default_route(&self, index: i32, enable: bool) {
        self.0.lock().unwrap().push(format!("default {index} {enable}"));
    }
    #[zbus(name = "SetLinkDNSSEC")]
    fn set_link_dnssec(&self, index: i32, mode: String) {
        self.0.lock().unwrap().push(format!("dnssec {index} {mode}"));
    }
    #[zbus(name = "SetLinkDNSOverTLS")]
    fn set_link_dns_over_tls(&self, index: i32, mode: String) {
        self.0.lock().unwrap().push(format!("tls {index} {mode}"));
    }
    #[zbus(name = "SetLinkLLMNR")]
    fn set_link_llmnr(&self, index: i32, mode: String) {
        self.0.lock().unwrap().push(format!("llmnr {index} {mode}"));
    }
    #[zbus(name = "SetLinkMulticastDNS")]
    fn set_link_multicast_dns(&self, index: i32, mode: String) {
        self.0.lock().unwrap().push(format!("mdns {index} {mode}"));
    }
    fn flush_caches(&self) {
        self.0.lock().unwrap().push("flush".into());
    }
}

#[tokio::test]
async fn every_name_is_resolved_through_the_link() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let (here, there) = UnixStream::pair().unwrap();
    let guid = zbus::Guid::generate();
    let daemon = Builder::unix_stream(there)
        .server(guid)
        .unwrap()
        .p2p()
        .serve_at("/org/freedesktop/resolve1", Daemon(calls.clone()))
        .unwrap()
        .build();
    let (daemon, client) = tokio::join!(daemon, Builder::unix_stream(here).p2p().build());
    let (_daemon, client) = (daemon.unwrap(), client.unwrap());
    apply(&client, 7, &["10.9.0.1".parse().unwrap(), "fd75::1".parse().unwrap()]).await.unwrap();
    let calls = calls.lock().unwrap().clone();
    let v6 = [0xfd, 0x75, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    assert_eq!(calls[0], format!("dns 7 [(2, [10, 9, 0, 1]), (10, {v6:?})]"));
    assert_eq!(calls[1], "domains 7 [(\".\", true)]");
    assert_eq!(calls[2..], ["default 7 true", "dnssec 7 no", "tls 7 no", "llmnr 7 no", "mdns 7 no", "flush"]);
}
