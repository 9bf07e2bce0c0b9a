//! The whole service in a network namespace, with an upstream that has a signed zone.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's failure")]

mod support;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use std::time::{Duration, Instant};
use support::{GATEWAY4, GATEWAY6, Key, Space, Upstream, ask, ask_tcp, config, start};

#[test]
fn it_listens_once_its_addresses_exist_and_validates_responses() {
    Space::run(|space| async move {
        let key = Key::new();
        let upstream = Upstream::start("127.0.0.1:5300", &key).await;
        let service = start(config(&key, "127.0.0.1:5300"));
        let waits = service.ready().await;
        assert!(waits.contains("waiting for the address 10.8.0.1"), "{waits}");
        space.addresses("add");
        service.until_ready().await;

        for gateway in [GATEWAY4, GATEWAY6] {
            let good = ask(gateway, "www.good.test.", RecordType::A).await;
            assert_eq!(good.response_code, ResponseCode::NoError);
            assert!(good.authentic_data, "the signature was not validated");
            assert_eq!(good.answers[0].data.to_string(), "192.0.2.80");
            let by_tcp = ask_tcp(gateway, "www.good.test.", RecordType::A).await;
            assert_eq!(by_tcp.answers.len(), good.answers.len());
        }
        let none = ask(GATEWAY4, "none.good.test.", RecordType::A).await;
        assert_eq!(none.response_code, ResponseCode::NXDomain);
        assert!(none.authentic_data, "the negative answer was not validated");
        let any = ask(GATEWAY4, "www.good.test.", RecordType::ANY).await;
        assert_eq!((any.response_code, any.answers.len()), (ResponseCode::Refused, 0));
        // Public names with private addresses.
        for (name, kind) in [("inside.good.test.", RecordType::A), ("inside.good.test.", RecordType::AAAA)] {
            let inside = ask(GATEWAY4, name, kind).await;
            assert_eq!((inside.response_code, inside.answers.len()), (ResponseCode::ServFail, 0));
        }
        let known = ask(GATEWAY4, "host.corp.test.", RecordType::A).await;
        assert_eq!(known.answers[0].data.to_string(), "10.1.2.3", "a name in private_names must resolve");

        // The addresses disappear and return, as when `wg` recreates the interface.
        space.addresses("del");
        space.addresses("add");
        assert_eq!(ask(GATEWAY6, "www.good.test.", RecordType::A).await.answers.len(), 1);
        drop(upstream);
        service.stop().await;
    });
}

#[test]
fn a_zone_signed_by_somebody_else_is_refused() {
    Space::run(|space| async move {
        let (trusted, other) = (Key::new(), Key::new());
        let _upstream = Upstream::start("127.0.0.1:5300", &other).await;
        space.addresses("add");
        let service = start(config(&trusted, "127.0.0.1:5300"));
        service.until_ready().await;
        let bogus = ask(GATEWAY4, "www.good.test.", RecordType::A).await;
        assert_eq!((bogus.response_code, bogus.answers.len()), (ResponseCode::ServFail, 0));
        service.stop().await;

        // The same zone without validation (`dnssec = false`).
        let service = start(tornado_dns::Config { dnssec: false, ..config(&trusted, "127.0.0.1:5300") });
        service.until_ready().await;
        let unchecked = ask(GATEWAY4, "www.good.test.", RecordType::A).await;
        assert_eq!((unchecked.response_code, unchecked.authentic_data), (ResponseCode::NoError, false));
        service.stop().await;
    });
}

#[test]
fn a_dead_upstream_is_told_fast_and_its_return_is_noticed() {
    Space::run(|space| async move {
        let key = Key::new();
        let upstream = Upstream::start("127.0.0.1:5300", &key).await;
        space.addresses("add");
        let service = start(config(&key, "127.0.0.1:5300"));
        service.until_ready().await;
        assert_eq!(ask(GATEWAY4, "www.good.test.", RecordType::A).await.answers.len(), 1);
        upstream.stop().await;

        let failed = ask(GATEWAY4, "mail.good.test.", RecordType::A).await;
        assert_eq!(failed.response_code, ResponseCode::ServFail);
        let kept = ask(GATEWAY4, "www.good.test.", RecordType::A).await;
        assert_eq!(kept.answers.len(), 1, "a cached answer must remain available");

        let _upstream = Upstream::start("127.0.0.1:5300", &key).await;
        let began = Instant::now();
        while ask(GATEWAY4, "mail.good.test.", RecordType::A).await.response_code != ResponseCode::NoError {
            assert!(began.elapsed() < Duration::from_secs(90), "the upstream was not used again");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        service.stop().await;
    });
}

#[test]
fn who_asks_too_much_is_refused() {
    Space::run(|space| async move {
        let key = Key::new();
        let _upstream = Upstream::start("127.0.0.1:5300", &key).await;
        space.addresses("add");
        let few = tornado_dns::Config { questions_per_second: 2, ..config(&key, "127.0.0.1:5300") };
        let service = start(few);
        service.until_ready().await;
        let mut codes = Vec::new();
        for _ in 0..12 {
            codes.push(ask(GATEWAY4, "www.good.test.", RecordType::A).await.response_code);
        }
        assert_eq!(codes[..8], [ResponseCode::NoError; 8], "a burst must be accepted");
        assert_eq!(*codes.last().unwrap(), ResponseCode::Refused);
        service.stop().await;
    });
}
