//! Which of several addresses is kept, and when.

use super::*;
use tokio::time::Instant;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn families_alternate_and_no_address_comes_twice() {
    let found = ["[2001:db8::1]:1", "[2001:db8::2]:1", "192.0.2.1:1", "[2001:db8::1]:1", "[2001:db8::3]:1"].map(at);
    let sorted = ["[2001:db8::1]:1", "192.0.2.1:1", "[2001:db8::2]:1", "[2001:db8::3]:1"].map(at);
    assert_eq!(interleave(found), sorted);
    assert!(interleave([]).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_silent_candidate_delays_by_a_quarter_of_a_second() {
    let begun = Instant::now();
    let silent = at("[2001:db8::1]:1");
    let attempt = move |address| async move {
        if address == silent {
            std::future::pending::<()>().await;
        }
        Ok(())
    };
    let (won, ()) = race(vec![silent, at("192.0.2.1:1")], ATTEMPT_DELAY, attempt).await.unwrap();
    assert_eq!((won, begun.elapsed()), (at("192.0.2.1:1"), ATTEMPT_DELAY));
}

#[tokio::test(start_paused = true)]
async fn a_refused_candidate_delays_by_nothing_and_a_slow_one_still_wins() {
    let begun = Instant::now();
    let attempt = |address: SocketAddr| async move {
        match address.port() {
            1 => Err(io::ErrorKind::ConnectionRefused.into()),
            port => {
                tokio::time::sleep(Duration::from_millis(u64::from(port))).await;
                Ok(port)
            }
        }
    };
    let candidates = vec![at("192.0.2.1:1"), at("192.0.2.1:300"), at("192.0.2.1:900")];
    let (won, _) = race(candidates, ATTEMPT_DELAY, attempt).await.unwrap();
    assert_eq!((won, begun.elapsed()), (at("192.0.2.1:300"), Duration::from_millis(300)));
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_a_refused_certificate_is_reported() {
    let refused = |address: SocketAddr| async move {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure);
        Err::<(), _>(if address.port() == 1 { io::Error::other(tls) } else { io::ErrorKind::ConnectionRefused.into() })
    };
    let error = race(vec![at("192.0.2.1:1"), at("192.0.2.1:2")], ATTEMPT_DELAY, refused).await.unwrap_err();
    assert!(crate::pin::is_certificate_refusal(&error), "{error}");
    assert!(race(Vec::new(), ATTEMPT_DELAY, refused).await.is_err());
}
