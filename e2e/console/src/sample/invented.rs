//! Invented data: names and addresses that documentation reserves.

use axum::http::HeaderValue;
use std::sync::atomic::{AtomicU64, Ordering};
use tornado_admin_ui::model::act::{Act, FactorOffer, Hidden, Invitation, Outcome, Refusal};
use tornado_admin_ui::model::audit::{self, Audit};
use tornado_admin_ui::model::keys::{Key, Keys, Phase, Usage};
use tornado_admin_ui::model::logs::{self, Interval, Level, Line, Logs, SavedQuery};
use tornado_admin_ui::model::overview::{
    Attention, Count, Dependency, Event, Gate, LaneFigures, Machine, Overview, Part, Range, Service,
};
use tornado_admin_ui::model::sessions::{self, Session, SessionDetail, SessionState, Sessions};
use tornado_admin_ui::model::set_up::{Reach, Reachability};
use tornado_admin_ui::model::settings::{
    About, Configuration, Operator, Origin, Passkey, Settings, SignIn, Token, Value,
};
use tornado_admin_ui::model::tor::{Circuit, CountryTor, Probe, Tor};
use tornado_admin_ui::model::users::{self, Device, PastSession, User, UserDetail, UserState, Users};
use tornado_admin_ui::model::{Condition, Fault, Lane, Page, Role, Values, Viewer};
use tornado_admin_ui::source::{Entered, Entry, Source};

/// 2026-11-27 14:32:08 UTC.
const NOW: i64 = 1_795_789_928;

/// Sessions of the list.
const LONG: u64 = 20_000;

/// Value that the page sends with each change.
const CSRF: &str = "0123456789abcdef";

/// The operator's password.
const PASSWORD: &str = "correct horse";

/// An image in the place of a QR code.
const QR: &str = "<svg viewBox=\"0 0 3 3\"><path d=\"M0 0h1v1h-1zM2 1h1v2h-2v-1h1z\"></path></svg>";

/// All rights, as of an owner.
const RIGHTS: [&str; 20] = [
    "users.read",
    "sessions.read",
    "logs.read",
    "logs.save",
    "settings.write",
    "tokens.create",
    "tokens.revoke",
    "backup.create",
    "own.sign_in",
    "sessions.close",
    "invitations.write",
    "users.write",
    "devices.write",
    "tor.write",
    "services.control",
    "keys.rotate",
    "keys.read",
    "audit.verify",
    "operators.write",
    "operators.remove",
];

/// The server's content. The number of sessions grows with each reading, so that a change can be seen.
#[derive(Default)]
pub struct Invented {
    reads: AtomicU64,
}

fn refusal(code: &str, field: &str, detail: &str) -> Refusal {
    Refusal { code: code.into(), detail: detail.into(), field: Some(field.into()) }
}

fn course(base: f64, swing: f64) -> Values {
    (0..120).map(|step| Some(base + swing * (f64::from(step) / 17.0).sin())).collect()
}

fn count(now: u64, swing: f64) -> Count {
    Count { now: Some(now), course: course(now as f64, swing) }
}

fn service(name: &str, condition: Condition, reason: &str, memory: u64) -> Service {
    Service {
        name: name.into(),
        is_desired: true,
        condition,
        reason: reason.into(),
        up_s: Some(1_051_200),
        restarts: 0,
        cpu: Some(0.4),
        cpu_course: course(0.4, 0.2),
        memory: Some(memory << 20),
    }
}

fn all_services() -> Vec<Service> {
    let degraded = "One of two upstreams has not responded since 14:11; names resolve through the other.";
    vec![
        service("master", Condition::Good, "", 9),
        service("auth", Condition::Good, "", 41),
        service("session", Condition::Good, "", 34),
        service("wg", Condition::Good, "", 29),
        service("tor", Condition::Good, "", 18),
        service("dns", Condition::Degraded, degraded, 16),
        service("client-api", Condition::Good, "", 19),
        service("admin", Condition::Good, "", 24),
        service("telemetry", Condition::Good, "", 38),
    ]
}

fn events() -> Vec<Event> {
    let event = |ago, condition, text: &str, detail: &str| Event {
        at: NOW - ago,
        condition,
        text: text.into(),
        detail: detail.into(),
    };
    vec![
        event(16, Condition::Good, "session.close demo-lynx", "operator:ops-amelia"),
        event(121, Condition::Good, "invitation.create", "operator:ops-bruno"),
        event(204, Condition::Shut, "operator.remove ops-clara", "operator:ops-bruno"),
        event(1248, Condition::Good, "keys.rotate", "service:master"),
    ]
}

fn row(index: u64) -> Session {
    let names = ["heron", "otter", "lynx", "marten", "wren", "badger", "stoat", "tern"];
    let name = names.get(index as usize % names.len()).copied().unwrap_or("heron");
    let state = match index % 7 {
        5 => SessionState::Connecting,
        6 => SessionState::Offline,
        _ => SessionState::Online,
    };
    let is_up = state != SessionState::Connecting;
    Session {
        id: format!("0193-{index:04}"),
        user: format!("demo-{name}"),
        device_id: format!("0194-{index:04}"),
        device: format!("{name}-laptop"),
        state,
        lane: is_up.then_some(if index.is_multiple_of(2) { Lane::Tor } else { Lane::Direct }),
        down: Some(24_800_000.0 / (index + 1) as f64),
        up: Some(3_100_000.0 / (index + 1) as f64),
        transferred: 6_420_000_000 / (index + 1),
        handshake_s: is_up.then_some(41 + index * 60),
        age_s: 19_200 + index * 3000,
        endpoint: Some(format!("203.0.113.{}", index + 10)),
    }
}

fn page<T>(rows: Vec<T>, matching: u64) -> Page<T> {
    let matching = if rows.is_empty() { 0 } else { matching };
    let next = (matching > rows.len() as u64).then(|| "next".into());
    Page { rows, offset: Some(0), matching: Some(matching), next, before: None, as_of: NOW }
}

fn person(name: &str, state: UserState, connected: u64, quota: Option<u64>) -> User {
    User {
        name: name.into(),
        email: Some(format!("{}@example.org", name.trim_start_matches("demo-"))),
        state,
        connected: Some(connected),
        max_devices: 3,
        quota: quota.map(|gigabytes| gigabytes * 1_000_000_000),
        has_second_factor: connected.is_multiple_of(2),
        latest_login: Some(NOW - 7200),
    }
}

#[async_trait::async_trait]
impl Source for Invented {
    async fn act(&self, csrf: String, act: Act) -> Result<Outcome, Refusal> {
        if csrf != CSRF {
            return Err(Refusal { code: "csrf".into(), detail: String::new(), field: None });
        }
        match act {
            Act::CreateInvitation { .. } => Ok(Outcome::Invited(Invitation {
                link: Hidden::new("tornado://vpn.example.net/?i=invented"),
                qr: Some(Hidden::new(QR)),
                expires_at: NOW + 7 * 86_400,
            })),
            Act::CreateUser { name, .. } if name == "demo-heron" => Err(refusal("name_taken", "username", "")),
            Act::CheckKeys => Ok(Outcome::Checked { files: 16, problems: Vec::new() }),
            Act::VerifyAudit => Ok(Outcome::Verified { rows: 4812, broken: None }),
            Act::ProbeTor => Ok(Outcome::Probed { is_ok: true, took_ms: 412, detail: "se".into() }),
            Act::RemoveOperator { .. } => {
                Err(Refusal { code: "last_owner".into(), detail: String::new(), field: None })
            }
            Act::CloseSession { .. }
            | Act::CreateUser { .. }
            | Act::UpdateUser { .. }
            | Act::RevokeUser { .. }
            | Act::DeleteUser { .. }
            | Act::RemoveDevice { .. }
            | Act::OrderTor(_)
            | Act::RenewTorIdentity
            | Act::ControlService { .. }
            | Act::RotateKeys
            | Act::PutOperator { .. }
            | Act::RevokeSignIn { .. }
            | Act::ConfirmSignIn { .. }
            | Act::ConfirmByPasskey(_)
            | Act::EndFactor { .. }
            | Act::AddPasskey { .. }
            | Act::RemovePasskey { .. }
            | Act::RevokeToken { .. }
            | Act::SaveQuery { .. }
            | Act::DeleteQuery { .. } => Ok(Outcome::Done),
            Act::PutHost { host } if host.as_deref().is_some_and(|host| host.contains(':')) => {
                Err(refusal("invalid_fields", "host", "host must not contain a port"))
            }
            Act::PutHost { .. } => Ok(Outcome::Done),
            Act::BeginFactor { password } if password.expose() != PASSWORD => {
                Err(refusal("invalid_credentials", "password", ""))
            }
            Act::BeginFactor { .. } => Ok(Outcome::Factor(FactorOffer {
                secret: Hidden::new("JBSWY3DPEHPK3PXP"),
                url: Hidden::new("otpauth://totp/Tornado:ops-amelia?secret=JBSWY3DPEHPK3PXP"),
                qr: Some(Hidden::new(QR)),
            })),
            Act::ConfirmFactor { code } if code.expose() != "123456" => Err(refusal("totp_invalid", "code", "")),
            Act::ConfirmFactor { .. } => {
                Ok(Outcome::Codes(["aaaa-bbbb", "cccc-dddd", "eeee-ffff", "gggg-hhhh"].map(Hidden::new).to_vec()))
            }
            // The answer of an authenticator needs a real server.
            Act::BeginPasskey { .. } | Act::BeginConfirmation => Err(refusal("unavailable", "", "no authenticator")),
            Act::CreateToken { .. } => {
                Ok(Outcome::Token { token: Hidden::new("tvpn_invented"), expires_at: NOW + 90 * 86_400 })
            }
        }
    }

    async fn enter(&self, entry: Entry) -> Result<Entered, Refusal> {
        let cookie = HeaderValue::from_static("sample=1; Path=/");
        match entry {
            Entry::Password { name, .. } if name == "ops-amelia" => {
                Ok(Entered { cookies: vec![cookie], requires_code: true })
            }
            Entry::Code(code) if code.expose() == "123456" => {
                Ok(Entered { cookies: vec![cookie], requires_code: false })
            }
            Entry::Code(_) => Err(refusal("totp_invalid", "code", "")),
            Entry::Password { .. } | Entry::SetUp { .. } => Err(refusal("invalid_credentials", "password", "")),
        }
    }

    async fn sign_out(&self, _csrf: String) -> Result<Vec<HeaderValue>, Refusal> {
        Ok(vec![HeaderValue::from_static("sample=; Path=/; Max-Age=0")])
    }

    async fn viewer(&self) -> Result<Viewer, Fault> {
        Ok(Viewer {
            name: "ops-amelia".into(),
            role: Role::Owner,
            host: "vpn.example.net".into(),
            version: "0.1.0".into(),
            up_s: 1_051_200,
            sessions: Some(347),
            users: Some(412),
            services_not_ready: 1,
            rights: RIGHTS.map(str::to_owned).to_vec(),
            csrf: CSRF.into(),
        })
    }

    async fn overview(&self, _range: Range) -> Result<Overview, Fault> {
        let lane = |lane, devices, down, up| LaneFigures {
            lane,
            passage: Gate::Open,
            since_s: Some(273_600),
            devices: Some(devices),
            gateway: "198.51.100.7".into(),
            exit_countries: Some(54),
            down: Some(down),
            up: Some(up),
            course: course(down, down / 3.0),
        };
        let parts = [
            (Part::Identity, Some(0.2)),
            (Part::Sessions, Some(0.3)),
            (Part::Live, Some(0.1)),
            (Part::TorNetwork, Some(412.0)),
            (Part::Canary, None),
            (Part::Firewall, None),
        ];
        Ok(Overview {
            as_of: NOW,
            attention: vec![
                Attention::Service {
                    name: "dns".into(),
                    condition: Condition::Degraded,
                    reason: "One of two upstreams has not responded since 14:11.".into(),
                },
                Attention::Disk { percent: 84 },
                Attention::Lane { lane: Lane::Tor, devices: Some(87) },
            ],
            online: count(318 + self.reads.fetch_add(1, Ordering::Relaxed), 90.0),
            offline: count(27, 8.0),
            slots: Some((345, 65_534)),
            connects: count(12, 5.0),
            lanes: vec![lane(Lane::Direct, 231, 412e6, 88e6), lane(Lane::Tor, 87, 61e6, 9e6)],
            from: NOW - 86_400,
            machine: Some(Machine {
                memory: Some(8 << 30),
                cpu: count(11, 4.0),
                memory_used: count(2_040_109_465, 1e8),
                network: count(1_140_000_000, 2e8),
                disk_used: count(36_077_725_286, 1e8),
                disk: Some(40 << 30),
            }),
            services: all_services(),
            dependencies: parts
                .map(|(part, latency_ms)| Dependency { part, condition: Condition::Good, latency_ms })
                .to_vec(),
            latest: events(),
        })
    }

    async fn sessions(&self, query: sessions::Query) -> Result<Sessions, Fault> {
        let text = query.text.unwrap_or_default();
        let all: Vec<_> = (0..LONG).map(row).filter(|session| session.user.contains(&text)).collect();
        let (matching, offset) = (all.len() as u64, query.offset);
        let rows: Vec<_> = all.into_iter().skip(usize::try_from(offset).unwrap_or(0)).take(100).collect();
        let end = offset + rows.len() as u64;
        let next = (end < matching).then(|| end.to_string());
        let before = (offset > 0).then(|| offset.saturating_sub(100).to_string());
        let page = Page { rows, offset: Some(offset), matching: Some(matching), next, before, as_of: NOW };
        Ok(Sessions { page, numbers: Some((318, 27)) })
    }

    async fn session(&self, id: String) -> Result<SessionDetail, Fault> {
        let index = id.strip_prefix("0193-").and_then(|index| index.parse().ok()).ok_or(Fault::NotFound)?;
        Ok(SessionDetail {
            session: row(index),
            addresses: vec![(Lane::Tor, "10.9.0.17".into()), (Lane::Direct, "10.8.0.17".into())],
            public_key: "hEr0nInventedKeyNotARealOne0000000000000000=".into(),
            heartbeat_s: Some(12),
            down_course: course(22e6, 3e6),
            up_course: course(3e6, 1e6),
            by_lane: vec![(Lane::Tor, 5_900_000_000, 520_000_000), (Lane::Direct, 61_000_000, 9_000_000)],
            as_of: NOW,
        })
    }

    async fn users(&self, query: users::Query) -> Result<Users, Fault> {
        let all = [
            ("demo-badger", UserState::Active, 1, Some(200)),
            ("demo-heron", UserState::Active, 2, Some(200)),
            ("demo-lynx", UserState::Active, 3, None),
            ("demo-marten", UserState::Suspended, 0, Some(500)),
            ("demo-otter", UserState::Active, 1, Some(200)),
            ("demo-wren", UserState::Active, 0, Some(200)),
        ];
        let text = query.text.unwrap_or_default();
        let rows = all
            .into_iter()
            .filter(|(name, state, ..)| name.contains(&text) && query.state.is_none_or(|wanted| wanted == *state))
            .map(|(name, state, used, quota)| person(name, state, used, quota))
            .collect();
        Ok(Users { page: page(rows, 412) })
    }

    async fn user(&self, name: String) -> Result<UserDetail, Fault> {
        if !name.starts_with("demo-") {
            return Err(Fault::NotFound);
        }
        Ok(UserDetail {
            user: person(&name, UserState::Active, 1, Some(200)),
            created_at: NOW - 20_000_000,
            devices: ["heron-thinkpad", "heron-phone"]
                .map(|name| Device {
                    id: name.into(),
                    name: name.into(),
                    is_logged_in: name != "heron-phone",
                    enrolled_at: NOW - 19_000_000,
                    latest_login: NOW - 600,
                })
                .to_vec(),
            sessions: vec![row(0)],
            history: (1..5)
                .map(|index| PastSession {
                    device: "heron-thinkpad".into(),
                    started_at: NOW - 90_000 * index,
                    ended_at: Some(NOW - 90_000 * index + 7440),
                    reason: "disconnect".into(),
                    direct: 3_840_000_000,
                    tor: 330_000_000,
                })
                .collect(),
            total_sessions: Some(218),
            by_lane: vec![
                (Lane::Direct, 1_200_000_000_000, 80_000_000_000),
                (Lane::Tor, 640_000_000_000, 20_000_000_000),
            ],
            max_down: Some(50e6),
            max_up: None,
            peer_group: true,
            as_of: NOW,
        })
    }

    async fn tor(&self) -> Result<Tor, Fault> {
        let circuit = |id: &str, names: [&str; 3]| Circuit {
            id: id.into(),
            condition: Condition::Good,
            path: names.map(|name| (name.to_owned(), Some("de".to_owned()))).to_vec(),
            purpose: "GENERAL".into(),
        };
        Ok(Tor {
            gate: Gate::Maintenance,
            gate_reason: "operator_down".into(),
            since_s: Some(420),
            applied: Some(Gate::Maintenance),
            devices: Some(87),
            is_process_desired: true,
            is_lane_desired: false,
            process: Condition::Good,
            process_state: "running".into(),
            up_s: Some(273_600),
            bootstrap: (100, "Done".into()),
            probe: Some(Probe { is_ok: true, at: NOW - 9, took_ms: 412, detail: "se".into() }),
            is_canary_healthy: Some(true),
            version: Some("0.4.9.11".into()),
            streams: 214,
            traffic: (1_210_000_000_000, 96_000_000_000),
            circuits: Some(vec![
                circuit("1841", ["ExampleGuardOne", "InventedMiddleElm", "DemoExitNorth"]),
                circuit("1839", ["ExampleGuardOne", "SampleMiddleFir", "DemoExitAlder"]),
                circuit("1836", ["ExampleGuardTwo", "SampleMiddleOak", "TestExitQuartz"]),
            ]),
            exits: [("us", 398), ("de", 312), ("nl", 241), ("se", 96), ("fr", 88), ("ro", 61), ("ch", 57)]
                .map(|(country, count)| (country.into(), count))
                .to_vec(),
            countries: vec![
                CountryTor { country: "de".into(), condition: Condition::Good, percent: 100, is_used: true },
                CountryTor { country: "se".into(), condition: Condition::Pending, percent: 45, is_used: true },
            ],
            log: vec![
                "Nov 27 14:20:11 [notice] Heartbeat: Tor's uptime is 3 days 4:00 hours, with 7 circuits open".into(),
                "Nov 24 10:21:03 [notice] Bootstrapped 100% (done): Done".into(),
            ],
            as_of: NOW,
        })
    }

    async fn services(&self) -> Result<Vec<Service>, Fault> {
        Ok(all_services())
    }

    async fn logs(&self, query: logs::Query) -> Result<Logs, Fault> {
        let line = |ago, level, service: &str, message: &str| Line {
            at: NOW - ago,
            level,
            service: service.into(),
            message: message.into(),
            fields: vec![("peer".into(), "12".into())],
        };
        Ok(Logs {
            lines: vec![
                line(2, Level::Info, "session", "device connected"),
                line(9, Level::Warn, "dns", "upstream did not respond"),
                line(40, Level::Error, "telemetry", "cannot write the segment"),
                line(41, Level::Debug, "wg", "handshake"),
            ],
            histogram: (0..60)
                .map(|minute| Interval { info: 20 + minute % 7, warn: minute % 5, error: u64::from(minute == 41) })
                .collect(),
            by_service: vec![("session".into(), 4120), ("dns".into(), 610)],
            saved: vec![SavedQuery { name: "Warnings of dns".into(), text: "level>=warn service:dns".into() }],
            problem: query.text.filter(|text| text.contains('(')).map(|_| "a parenthesis is not closed".into()),
            next: Some("next".into()),
            as_of: NOW,
        })
    }

    async fn keys(&self) -> Result<Keys, Fault> {
        let key = |id: &str, usage, phase| Key {
            id: id.into(),
            usage,
            phase,
            created_at: NOW - 30_000,
            active_from: NOW - 29_880,
            gone_at: (phase != Phase::Next).then_some(NOW + 60_000),
        };
        Ok(Keys {
            keys: vec![
                key("a-0193-7f", Usage::Access, Phase::Next),
                key("a-0193-7e", Usage::Access, Phase::Current),
                key("r-0193-7e", Usage::Refresh, Phase::Current),
                key("r-0193-6c", Usage::Refresh, Phase::VerifyOnly),
                key("l2-0193-02", Usage::LoginV2, Phase::Current),
                key("l1-0193-02", Usage::LoginV1, Phase::Current),
            ],
            next_rotation: Some(NOW + 55_800),
            is_rotating: false,
            tls: Some("a81e04f77c12e6b390ff000000000000000000000000000000000000000000ff".into()),
            as_of: NOW,
        })
    }

    async fn audit(&self, query: audit::Query) -> Result<Audit, Fault> {
        let entry = |number, outcome, action: &str| audit::Entry {
            number,
            at: NOW - 600 * number as i64,
            actor: "ops-amelia".into(),
            action: action.into(),
            target: "demo-heron".into(),
            outcome,
            details: vec![("reason".into(), "invented".into())],
        };
        let text = query.text.unwrap_or_default();
        let rows = [
            entry(3, Condition::Good, "user.suspend"),
            entry(2, Condition::Shut, "operator.remove"),
            entry(1, Condition::Broken, "key.rotate"),
        ];
        let rows = rows.into_iter().filter(|entry| entry.action.contains(&text)).collect();
        Ok(Audit { page: page(rows, 3) })
    }

    async fn reachability(&self) -> Result<Reachability, Fault> {
        Ok(Reachability {
            host: None,
            found_address: Some("198.51.100.7".into()),
            port: 4605,
            reach: Reach::Public,
            tor: Some((75, "loading relays".into())),
        })
    }

    async fn settings(&self) -> Result<Settings, Fault> {
        let value = |name: &str, value: Option<&str>, origin| Value {
            name: name.into(),
            value: value.map(str::to_owned),
            origin,
        };
        let operator = |name: &str, role, has_second_factor| Operator { name: name.into(), role, has_second_factor };
        let sign_in = |id: &str, operator: &str, is_current| SignIn {
            id: id.into(),
            operator: operator.into(),
            address: "192.0.2.7".into(),
            at: NOW - 9000,
            latest_use: NOW - 5,
            is_current,
        };
        let token = |name: &str, scopes: &[&str], days: i64| Token {
            id: name.into(),
            operator: "ops-amelia".into(),
            name: name.into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_at: NOW + days * 86_400,
            latest_use: Some(NOW - 4),
        };
        Ok(Settings {
            configuration: Some(Configuration {
                file: "/etc/tornado/tornado.toml".into(),
                is_changed: true,
                values: vec![
                    value("server.name", Some("\"vpn.example.net\""), Origin::File),
                    value("session.offline_grace", Some("600"), Origin::Default),
                    value("lanes.pools.direct.v4", Some("\"10.8.0.0/16\""), Origin::Chosen),
                    value("admin.metrics_token_sha256", None, Origin::File),
                ],
            }),
            operators: Some(vec![
                operator("ops-amelia", Role::Owner, true),
                operator("ops-bruno", Role::Viewer, false),
            ]),
            sign_ins: vec![sign_in("1", "ops-amelia", true), sign_in("2", "ops-bruno", false)],
            has_second_factor: false,
            passkeys: Some(vec![Passkey {
                id: "0195-0001".into(),
                name: "amelia-phone".into(),
                created_at: NOW - 9_000_000,
                latest_use: Some(NOW - 9000),
            }]),
            tokens: Some(vec![
                token("grafana", &["logs.read"], 90),
                token("hr-joiners", &["users.read", "invitations.write"], 6),
            ]),
            as_of: NOW,
        })
    }

    async fn about(&self) -> Result<About, Fault> {
        Ok(About { version: "0.1.0".into(), licence: "GPL-3.0-or-later".into() })
    }
}
