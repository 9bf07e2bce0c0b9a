//! Invented data: names and addresses that documentation reserves.

use axum::http::HeaderValue;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use std::convert::Infallible;
use std::sync::Arc;
use tornado_admin_ui::model::act::{Act, Hidden, Invitation, Outcome, Refusal};
use tornado_admin_ui::model::audit::{self, Audit};
use tornado_admin_ui::model::keys::{Key, Keys};
use tornado_admin_ui::model::logs::{self, Level, Line, Logs};
use tornado_admin_ui::model::overview::{
    Attention, Count, Dependency, Event, Gate, LaneFigures, Machine, Overview, Range, Service,
};
use tornado_admin_ui::model::sessions::{self, DeviceKind, Session, SessionDetail, SessionState, Sessions};
use tornado_admin_ui::model::settings::{About, Origin, Settings, SignIn, Value};
use tornado_admin_ui::model::tor::{Circuit, DesiredActual, Tor};
use tornado_admin_ui::model::users::{self, Counts, Device, User, UserDetail, UserState, Users};
use tornado_admin_ui::model::{Condition, Fault, Lane, Page, Role, Values, Viewer};
use tornado_admin_ui::serve::{Assets, page_router};
use tornado_admin_ui::source::{Entered, Entry, Source};

/// 2026-11-27 14:32:08 UTC.
const NOW: i64 = 1_795_789_928;

/// The server of the tests: the console and the gallery.
pub fn router(assets: Assets) -> axum::Router {
    let source: Arc<dyn Source> = Arc::new(Sample);
    page_router(crate::TestApp, assets, Some(Arc::new(move |_| Arc::clone(&source))))
        .route(tornado_admin_ui::live::EVENTS, axum::routing::get(events_of_sample))
}

/// A stream of events that stays open and reports nothing.
async fn events_of_sample() -> Sse<impl futures::Stream<Item = Result<Message, Infallible>>> {
    Sse::new(futures::stream::pending()).keep_alive(KeepAlive::new())
}

/// Value that the page sends with each change.
const CSRF: &str = "0123456789abcdef";

/// All rights, as of an owner.
const RIGHTS: [&str; 12] = [
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
    "logs.read",
];

struct Sample;

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
        event(16, Condition::Good, "demo-lynx recovered on lynx-tablet", "after 3 min offline"),
        event(121, Condition::Good, "ops-bruno invited a user", "valid for 7 days, 3 devices"),
        event(204, Condition::Absent, "demo-wren disconnected wren-desktop", "after 6 h 12 min"),
        event(1248, Condition::Degraded, "dns became degraded", "203.0.113.53 does not respond"),
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
        kind: if index % 3 == 0 { DeviceKind::Phone } else { DeviceKind::Computer },
        state,
        lane: is_up.then_some(if index % 2 == 0 { Lane::Tor } else { Lane::Direct }),
        country: (index % 4 == 0).then(|| "de".into()),
        down: Some(24_800_000.0 / (index + 1) as f64),
        up: Some(3_100_000.0 / (index + 1) as f64),
        transferred: 6_420_000_000 / (index + 1),
        handshake_s: is_up.then_some(41 + index * 60),
        age_s: 19_200 + index * 3000,
        endpoint: Some(format!("203.0.113.{}", index + 10)),
    }
}

fn page<T>(rows: Vec<T>, total: u64) -> Page<T> {
    let matching = if rows.is_empty() { 0 } else { total };
    Page { rows, offset: 0, matching, total, next: Some("next".into()), before: None, as_of: NOW }
}

fn person(name: &str, state: UserState, used: u64, quota: Option<u64>) -> User {
    User {
        name: name.into(),
        email: Some(format!("{}@example.org", name.trim_start_matches("demo-"))),
        state,
        connected: 1,
        max_devices: 3,
        used: used * 1_000_000_000,
        quota: quota.map(|gigabytes| gigabytes * 1_000_000_000),
        has_second_factor: used % 2 == 0,
        latest_login: Some(NOW - 7200),
    }
}

#[async_trait::async_trait]
impl Source for Sample {
    async fn act(&self, csrf: String, act: Act) -> Result<Outcome, Refusal> {
        if csrf != CSRF {
            return Err(Refusal { code: "csrf".into(), detail: String::new(), field: None });
        }
        match act {
            Act::CreateInvitation { .. } => Ok(Outcome::Invited(Invitation {
                link: Hidden::new("tornado://vpn.example.net/?i=invented"),
                qr: Some(Hidden::new(
                    "<svg viewBox=\"0 0 3 3\"><path d=\"M0 0h1v1h-1zM2 1h1v2h-2v-1h1z\"></path></svg>",
                )),
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
            | Act::ConfirmSignIn { .. } => Ok(Outcome::Done),
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
            devices,
            gateway: "198.51.100.7".into(),
            guards: Some(3),
            exit_countries: Some(54),
            down: Some(down),
            up: Some(up),
            today: Some(3_100_000_000_000),
            course: course(down, down / 3.0),
        };
        Ok(Overview {
            as_of: NOW,
            attention: vec![
                Attention::Service {
                    name: "dns".into(),
                    condition: Condition::Degraded,
                    reason: "One of two upstreams has not responded since 14:11.".into(),
                },
                Attention::Disk { percent: 84, days_left: Some(9) },
                Attention::Quota { user: "demo-otter".into(), percent: 92, renews_in_days: 3 },
            ],
            online: count(318, 90.0),
            offline: count(27, 8.0),
            users: count(412, 3.0),
            devices: 846,
            recovered: count(143, 20.0),
            lanes: vec![lane(Lane::Direct, 231, 412e6, 88e6), lane(Lane::Tor, 87, 61e6, 9e6)],
            from: NOW - 86_400,
            machine: Some(Machine {
                cores: 4,
                memory: 8 << 30,
                system: "Debian 12".into(),
                cpu: count(11, 4.0),
                memory_used: count(2_040_109_465, 1e8),
                uplink: ("eth0".into(), count(1_140_000_000, 2e8)),
                disk_used: count(36_077_725_286, 1e8),
                disk: 40 << 30,
            }),
            services: all_services(),
            dependencies: ["Identity", "Sessions", "Tor network", "Leak canary", "Firewall"]
                .map(|name| Dependency {
                    name: name.into(),
                    condition: Condition::Good,
                    finding: "as desired".into(),
                    latency_ms: Some(0.2),
                })
                .to_vec(),
            latest: events(),
        })
    }

    async fn sessions(&self, query: sessions::Query) -> Result<Sessions, Fault> {
        let text = query.text.unwrap_or_default();
        let rows = (0..18).map(row).filter(|session| session.user.contains(&text)).collect();
        Ok(Sessions { page: page(rows, 347), online: 318, offline: 27 })
    }

    async fn session(&self, id: String) -> Result<SessionDetail, Fault> {
        let index = id.strip_prefix("0193-").and_then(|index| index.parse().ok()).ok_or(Fault::NotFound)?;
        Ok(SessionDetail {
            session: row(index),
            address: "10.66.0.17".into(),
            heartbeat_s: Some(12),
            down_course: course(22e6, 3e6),
            up_course: course(3e6, 1e6),
            by_lane: vec![(Lane::Tor, 5_900_000_000, 520_000_000)],
            events: events(),
            as_of: NOW,
        })
    }

    async fn users(&self, query: users::Query) -> Result<Users, Fault> {
        let all = [
            ("demo-badger", UserState::Active, 41, Some(200)),
            ("demo-heron", UserState::Active, 96, Some(200)),
            ("demo-lynx", UserState::Active, 12, None),
            ("demo-marten", UserState::Suspended, 66, Some(500)),
            ("demo-otter", UserState::Active, 184, Some(200)),
            ("demo-wren", UserState::OverQuota, 200, Some(200)),
        ];
        let text = query.text.unwrap_or_default();
        let rows = all
            .into_iter()
            .filter(|(name, state, ..)| name.contains(&text) && query.state.is_none_or(|wanted| wanted == *state))
            .map(|(name, state, used, quota)| person(name, state, used, quota))
            .collect();
        Ok(Users { page: page(rows, 412), counts: Counts { suspended: 9, over_quota: 2 } })
    }

    async fn user(&self, name: String) -> Result<UserDetail, Fault> {
        if !name.starts_with("demo-") {
            return Err(Fault::NotFound);
        }
        Ok(UserDetail {
            user: person(&name, UserState::Active, 96, Some(200)),
            created_at: NOW - 20_000_000,
            devices: vec![Device {
                id: "1".into(),
                name: "heron-thinkpad".into(),
                kind: DeviceKind::Computer,
                enrolled_at: NOW - 19_000_000,
                latest_session_at: Some(NOW - 600),
            }],
            sessions: vec![row(0)],
            days: (0..30).map(|day| Some(3e9 + 1e9 * f64::from(day % 5))).collect(),
            max_down: Some(50e6),
            max_up: None,
            peer_group: true,
            as_of: NOW,
        })
    }

    async fn tor(&self) -> Result<Tor, Fault> {
        let state = |name: &str, desired: &str, actual: &str, condition| DesiredActual {
            name: name.into(),
            desired: desired.into(),
            actual: actual.into(),
            condition,
        };
        Ok(Tor {
            is_process_desired: true,
            is_lane_desired: false,
            gate: Gate::Maintenance,
            since_s: Some(420),
            devices: 87,
            states: vec![
                state("Lane", "up", "maintenance", Condition::Held),
                state("Tor process", "running", "starting", Condition::Pending),
                state("Canary", "clean", "clean", Condition::Good),
            ],
            bootstrap: (62, "Loading relay descriptors".into()),
            circuits: vec![Circuit {
                id: "17".into(),
                condition: Condition::Good,
                countries: vec!["fr".into(), "se".into(), "de".into()],
                purpose: "general".into(),
                age_s: 340,
            }],
            exits: [("de", 512), ("us", 430), ("nl", 260), ("fr", 120), ("se", 96)]
                .map(|(country, count)| (country.into(), count))
                .to_vec(),
            log: events(),
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
            per_minute: course(40.0, 20.0),
            by_service: vec![("session".into(), 4120), ("dns".into(), 610)],
            problem: query.text.filter(|text| text.contains('(')).map(|_| "a parenthesis is not closed".into()),
            next: Some("next".into()),
            as_of: NOW,
        })
    }

    async fn keys(&self) -> Result<Keys, Fault> {
        let key = |name: &str, condition| Key {
            name: name.into(),
            condition,
            fingerprint: "SHA256:3f9a 51c0 77de".into(),
            since: NOW - 6_000_000,
            rotates_at: Some(NOW + 1_800_000),
            overlap_until: None,
        };
        Ok(Keys { keys: vec![key("Login keys", Condition::Good), key("TLS", Condition::Degraded)], as_of: NOW })
    }

    async fn audit(&self, query: audit::Query) -> Result<Audit, Fault> {
        let entry = |number, outcome, action: &str| audit::Entry {
            number,
            at: NOW - 600 * number as i64,
            actor: "ops-amelia".into(),
            action: action.into(),
            target: "demo-heron".into(),
            outcome,
            detail: String::new(),
        };
        let text = query.text.unwrap_or_default();
        let rows = [
            entry(3, Condition::Good, "user.suspend"),
            entry(2, Condition::Shut, "operator.remove"),
            entry(1, Condition::Broken, "key.rotate"),
        ];
        let rows = rows.into_iter().filter(|entry| entry.action.contains(&text)).collect();
        Ok(Audit { page: page(rows, 3), verified: Some((true, NOW - 30)) })
    }

    async fn settings(&self) -> Result<Settings, Fault> {
        let value = |table: &str, key: &str, value: &str, origin| Value {
            table: table.into(),
            key: key.into(),
            value: value.into(),
            origin,
        };
        Ok(Settings {
            values: vec![
                value("server", "name", "\"vpn.example.net\"", Origin::File("/etc/tornado/tornado.toml".into())),
                value("session", "hold", "\"10m\"", Origin::Default),
                value("auth", "secret", "set", Origin::Environment("TORNADO_SECRET".into())),
            ],
            operators: vec![("ops-amelia".into(), Role::Owner, true), ("ops-bruno".into(), Role::Viewer, false)],
            sign_ins: vec![SignIn {
                id: "1".into(),
                agent: "Firefox on Linux".into(),
                address: "192.0.2.7".into(),
                at: NOW - 9000,
                latest_use: NOW - 5,
                is_current: true,
            }],
            as_of: NOW,
        })
    }

    async fn about(&self) -> Result<About, Fault> {
        Ok(About {
            version: "0.1.0".into(),
            licence: "GPL-3.0-or-later".into(),
            kept: vec![("users".into(), "name, e-mail address, limits".into(), "until the user is deleted".into())],
        })
    }
}
