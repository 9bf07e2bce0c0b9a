//! Tests of the client's trust decisions against real TLS servers.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use data_encoding::HEXLOWER;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer, version};
use tornado_client::{DeviceApi, DeviceIdentity, Error, Options, Proof};
use tornado_shared::api::{ServerInfo, TlsAttestation};
use tornado_shared::crypto::encoding::Bytes;
use tornado_shared::crypto::identity::{Fingerprint, IdentityKey, tls_statement};
use tornado_shared::crypto::login_key::StoredLoginKey;
use tornado_shared::invitation::ServerAddress;
use tornado_shared::model::Secret;

const NOW: i64 = 1_800_000_000;

/// A server that sends the same response to every request, and counts the requests that it could read.
struct Server {
    address: ServerAddress,
    spki: Fingerprint,
    requests: Arc<AtomicUsize>,
}

async fn serve(tls12: bool, answer: impl FnOnce(Fingerprint) -> String) -> Server {
    let key = KeyPair::generate().unwrap();
    let spki = Fingerprint(Sha256::digest(key.subject_public_key_info()).into());
    let certificate = CertificateParams::new(vec!["other.invalid".into()]).unwrap().self_signed(&key).unwrap();
    let versions = if tls12 { vec![&version::TLS12] } else { vec![&version::TLS13] };
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let (answer, count) = (answer(spki), requests.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer, count) = (acceptor.clone(), answer.clone(), count.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut buffer = vec![0; 16 * 1024];
                if stream.read(&mut buffer).await.unwrap_or(0) > 0 {
                    count.fetch_add(1, Ordering::SeqCst);
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    Server { address, spki, requests }
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn info(identity: &IdentityKey, signer: &IdentityKey, spki: Fingerprint) -> String {
    let spki_sha256 = HEXLOWER.encode(&spki.0);
    let signature = signer.sign(&tls_statement(&spki_sha256));
    let info = ServerInfo {
        identity: identity.public(),
        login_key: StoredLoginKey::random(NOW, 86_400).load().sign(identity),
        pubkey: String::new(),
        tls: Some(TlsAttestation { spki_sha256, signature }),
        now: NOW,
    };
    http("200 OK", &serde_json::to_string(&info).unwrap())
}

#[tokio::test]
async fn first_contact_believes_the_pinned_identity() {
    for tls12 in [false, true] {
        let identity = IdentityKey::random();
        let server = serve(tls12, |spki| info(&identity, &identity, spki)).await;
        let pin = identity.public().fingerprint();
        let api = DeviceApi::discover(&server.address, pin, &Options::default()).await.unwrap();
        assert_eq!(api.tls(), server.spki);
        api.server_info().await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_without_a_signed_statement_is_rejected() {
    let (identity, thief) = (IdentityKey::random(), IdentityKey::random());
    let pin = identity.public().fingerprint();
    // The attacker's own identity; the right identity with the attacker's signature; the right statement, copied from
    // the real server, which names another certificate.
    let own = serve(false, |spki| info(&thief, &thief, spki)).await;
    let signed = serve(false, |spki| info(&identity, &thief, spki)).await;
    let copied = serve(false, |_| info(&identity, &identity, Fingerprint([7; 32]))).await;
    for server in [own, signed, copied] {
        let refused = DeviceApi::discover(&server.address, pin, &Options::default()).await.unwrap_err();
        assert!(matches!(refused, Error::WrongServer(_)), "{refused:?}");
        assert_eq!(server.requests.load(Ordering::SeqCst), 1, "only the request for the statement was sent");
    }
}

#[tokio::test]
async fn a_server_with_another_key_gets_no_request() {
    for tls12 in [false, true] {
        let identity = IdentityKey::random();
        let server = serve(tls12, |spki| info(&identity, &identity, spki)).await;
        let pin = identity.public().fingerprint();
        let api = DeviceApi::pinned(&server.address, pin, Fingerprint([9; 32]), &Options::default()).unwrap();
        let refused = api.reauth(&Secret::new("token"), Bytes([1; 16])).await.unwrap_err();
        assert!(matches!(refused, Error::WrongCertificate), "{refused:?}");
        assert!(!refused.is_transient() && !refused.ends_login());
        assert_eq!(server.requests.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn a_login_key_of_another_signer_gets_no_password() {
    let (identity, thief) = (IdentityKey::random(), IdentityKey::random());
    let server = serve(false, |spki| {
        let text = info(&identity, &identity, spki);
        let body = text.split("\r\n\r\n").nth(1).unwrap();
        let mut statement: ServerInfo = serde_json::from_str(body).unwrap();
        statement.login_key = StoredLoginKey::random(NOW, 86_400).load().sign(&thief);
        http("200 OK", &serde_json::to_string(&statement).unwrap())
    })
    .await;
    let pin = identity.public().fingerprint();
    let api = DeviceApi::pinned(&server.address, pin, server.spki, &Options::default()).unwrap();
    let device = DeviceIdentity::new(&IdentityKey::random(), "laptop".parse().unwrap());
    let refused = api
        .login(&device, "ann", Proof { password: &Secret::new("a long password"), totp: None }, NOW)
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Crypto(_)), "{refused:?}");
    assert_eq!(server.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn redirects_floods_and_silence_are_bounded() {
    let identity = IdentityKey::random();
    let pin = identity.public().fingerprint();
    let redirect =
        serve(false, |_| "HTTP/1.1 302 Found\r\nlocation: https://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".into())
            .await;
    let api = DeviceApi::pinned(&redirect.address, pin, redirect.spki, &Options::default()).unwrap();
    assert!(matches!(api.server_info().await.unwrap_err(), Error::Malformed(_)));

    let flood = serve(false, |_| http("200 OK", &"x".repeat(300_000))).await;
    let api = DeviceApi::pinned(&flood.address, pin, flood.spki, &Options::default()).unwrap();
    assert!(matches!(api.server_info().await.unwrap_err(), Error::Malformed(_)));

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().to_string().parse().unwrap();
    let short = std::time::Duration::from_millis(300);
    let options = Options { connect_timeout: short, call_timeout: short, ..Options::default() };
    let api = DeviceApi::pinned(&address, pin, Fingerprint([1; 32]), &options).unwrap();
    assert!(api.server_info().await.unwrap_err().is_transient());
    drop(silent);
    assert!(matches!(api.server_info().await.unwrap_err(), Error::Unreachable(_) | Error::Timeout));
}

#[tokio::test]
async fn busy_servers_say_how_long() {
    let identity = IdentityKey::random();
    let body = r#"{"type":"x","status":429,"code":"too_many_attempts","detail":"wait"}"#;
    let answer = http("429 Too Many Requests\r\nretry-after: 7", body);
    let server = serve(true, |_| answer).await;
    let pin = identity.public().fingerprint();
    let api = DeviceApi::pinned(&server.address, pin, server.spki, &Options::default()).unwrap();
    let busy = api.server_info().await.unwrap_err();
    assert!(busy.is_transient());
    assert_eq!(busy.retry_after(), Some(std::time::Duration::from_secs(7)));
    assert_eq!(busy.code(), "too_many_attempts");
}
