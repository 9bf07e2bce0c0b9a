//! A namespace with the service, an upstream with a signed root zone, and a DNS client.

use hickory_resolver::proto::dnssec::crypto::EcdsaSigningKey;
use hickory_resolver::proto::dnssec::rdata::DNSKEY;
use hickory_resolver::proto::dnssec::{Algorithm, DnssecSigner, SigningKey as _};
use hickory_resolver::proto::op::{Edns, Message, OpCode, Query};
use hickory_resolver::proto::rr::rdata::{A, AAAA, NS, SOA};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::Server;
use hickory_server::dnssec::NxProofKind;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_dns::{Config, Wiring};
use tornado_runtime::metrics::Metrics;
use tornado_runtime::{Context, Roles};

pub const GATEWAY4: &str = "10.8.0.1:53";
pub const GATEWAY6: &str = "[fd74:6f72:6e61:8::1]:53";

/// A network namespace of one thread; it ends with the thread.
pub struct Space;

impl Space {
    /// Runs `work` in a new namespace. Prints why the test is skipped if it does not run as root.
    pub fn run<F: Future<Output = ()>>(work: impl FnOnce(Self) -> F + Send + 'static) {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("SKIPPED: this test creates a network namespace and needs root");
            return;
        }
        let thread = std::thread::spawn(move || {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            ip("link set lo up");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(work(Self));
        });
        thread.join().unwrap();
    }

    /// Adds (`add`) or removes (`del`) the gateway's addresses. The kernel completes an IPv6 address in a work queue;
    /// datagrams sent before are lost.
    pub fn addresses(&self, verb: &str) {
        ip(&format!("addr {verb} 10.8.0.1/32 dev lo"));
        ip(&format!("addr {verb} fd74:6f72:6e61:8::1/128 dev lo"));
        while !Command::new("ip").args(["-6", "addr", "show", "tentative"]).output().unwrap().stdout.is_empty() {}
    }
}

fn ip(words: &str) {
    assert!(Command::new("ip").args(words.split(' ')).status().unwrap().success(), "ip {words}");
}

/// A zone-signing key of the root zone.
pub struct Key {
    pkcs8: Vec<u8>,
}

impl Key {
    pub fn new() -> Self {
        let pkcs8 = EcdsaSigningKey::generate_pkcs8(Algorithm::ECDSAP256SHA256).unwrap();
        Self { pkcs8: pkcs8.secret_pkcs8_der().to_vec() }
    }

    fn signing(&self) -> EcdsaSigningKey {
        let pkcs8 = rustls_pki_types::PrivatePkcs8KeyDer::from(self.pkcs8.clone());
        EcdsaSigningKey::from_pkcs8(&pkcs8, Algorithm::ECDSAP256SHA256).unwrap()
    }

    fn dnskey(&self) -> DNSKEY {
        DNSKEY::from_key(&self.signing().to_public_key().unwrap())
    }
}

fn zone(key: &Key) -> InMemoryZoneHandler<TokioRuntimeProvider> {
    let name = |text: &str| Name::from_ascii(text).unwrap();
    let proof = Some(NxProofKind::Nsec);
    let mut zone = InMemoryZoneHandler::empty(Name::root(), ZoneType::Primary, AxfrPolicy::Deny, proof);
    let soa = SOA::new(name("ns.test."), name("admin.test."), 1, 3600, 600, 86_400, 60);
    let mut records = vec![(Name::root(), RData::SOA(soa)), (Name::root(), RData::NS(NS(name("ns.test."))))];
    for (host, address) in [
        ("ns.test.", "127.0.0.1"),
        ("www.good.test.", "192.0.2.80"),
        ("mail.good.test.", "192.0.2.25"),
        ("inside.good.test.", "10.1.2.3"),
        ("inside.good.test.", "fd00::1"),
        ("host.corp.test.", "10.1.2.3"),
    ] {
        let data = match address.parse().unwrap() {
            std::net::IpAddr::V4(v4) => RData::A(A(v4)),
            std::net::IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
        };
        records.push((name(host), data));
    }
    for (owner, data) in records {
        assert!(zone.upsert_mut(Record::from_rdata(owner, 300, data), 1));
    }
    let day = Duration::from_secs(86_400);
    zone.add_zone_signing_key_mut(DnssecSigner::new(key.dnskey(), Box::new(key.signing()), Name::root(), day)).unwrap();
    zone.secure_zone_mut().unwrap();
    zone
}

/// An upstream that is authoritative for the root zone.
pub struct Upstream {
    server: Server<Catalog>,
}

impl Upstream {
    pub async fn start(at: &str, key: &Key) -> Self {
        let mut catalog = Catalog::new();
        catalog.upsert(Name::root().into(), vec![Arc::new(zone(key))]);
        let mut server = Server::new(catalog);
        server.register_socket(UdpSocket::bind(at).await.unwrap());
        server.register_listener(TcpListener::bind(at).await.unwrap(), Duration::from_secs(5), 16);
        Self { server }
    }

    pub async fn stop(mut self) {
        self.server.shutdown_gracefully().await.unwrap();
    }
}

/// The configuration of the tests.
pub fn config(key: &Key, upstream: &str) -> Config {
    let file = tempfile::NamedTempFile::new().unwrap();
    let public = data_encoding::BASE64
        .encode(hickory_resolver::proto::dnssec::PublicKey::public_bytes(&key.signing().to_public_key().unwrap()));
    std::fs::write(file.path(), format!(". 3600 IN DNSKEY 257 3 13 {public}\n")).unwrap();
    Config {
        upstreams: vec![upstream.to_owned()],
        trust_anchor: Some(file.into_temp_path().keep().unwrap()),
        private_names: vec!["corp.test".into()],
        ..Config::default()
    }
}

/// The running service.
pub struct Running {
    directory: tempfile::TempDir,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), tornado_dns::Error>>,
    anchors: Option<std::path::PathBuf>,
}

pub fn start(config: Config) -> Running {
    // hickory creates TLS settings even without an upstream that uses TLS.
    drop(rustls::crypto::ring::default_provider().install_default());
    let directory = tempfile::tempdir().unwrap();
    let shutdown = CancellationToken::new();
    let context = Context {
        service: ServiceName::Dns,
        run_dir: directory.path().into(),
        state_dir: directory.path().into(),
        roles: Roles::default(),
        metrics: Metrics::default(),
        shutdown: shutdown.clone(),
    };
    let anchors = config.trust_anchor.clone();
    Running { directory, shutdown, task: tokio::spawn(tornado_dns::run(context, config, Wiring::default())), anchors }
}

impl Running {
    /// Body and status code of the readiness endpoint.
    pub async fn ready(&self) -> String {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut command = tokio::process::Command::new("curl");
        command.args(["--silent", "--max-time", "5", "--unix-socket"]).arg(self.directory.path().join("dns.sock"));
        let output = command.args(["--write-out", " %{http_code}", "http://s/v1/ready"]).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub async fn until_ready(&self) {
        let began = Instant::now();
        loop {
            let said = self.ready().await;
            if said.ends_with(" 200") || said.ends_with(" 204") {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60) && !self.task.is_finished(), "{said}");
        }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
        if let Some(path) = self.anchors {
            drop(std::fs::remove_file(path));
        }
    }
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Query;
    message.metadata.recursion_desired = true;
    // The AD bit in a query requests it in the answer (RFC 6840 §5.7).
    message.metadata.authentic_data = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.set_edns(Edns::new());
    message
}

/// Sends a query over UDP.
pub async fn ask(to: &str, name: &str, kind: RecordType) -> Message {
    let any = if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any).await.unwrap();
    socket.connect(to).await.unwrap();
    socket.send(&question(name, kind).to_vec().unwrap()).await.unwrap();
    let mut buffer = vec![0; 4096];
    let answer = tokio::time::timeout(Duration::from_secs(6), socket.recv(&mut buffer)).await;
    let length = answer.unwrap().unwrap();
    Message::from_vec(&buffer[..length]).unwrap()
}

/// Sends a query over TCP.
pub async fn ask_tcp(to: &str, name: &str, kind: RecordType) -> Message {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let question = question(name, kind).to_vec().unwrap();
    stream.write_all(&u16::try_from(question.len()).unwrap().to_be_bytes()).await.unwrap();
    stream.write_all(&question).await.unwrap();
    let length = stream.read_u16().await.unwrap();
    let mut buffer = vec![0; length.into()];
    stream.read_exact(&mut buffer).await.unwrap();
    Message::from_vec(&buffer).unwrap()
}
