use super::*;
use crate::openapi::schemas::tests::{fields, names};
use tornado_shared::api;
use tornado_shared::model::{CloseReason, DeviceId, SessionId};

#[test]
fn schemas_of_usage_have_the_fields_that_are_written() {
    let bytes = api::LaneBytes::default();
    assert_eq!(names::<LaneBytes>(), fields(&bytes));
    let quota = api::QuotaView::new(10, 3, 0);
    assert_eq!(names::<Quota>(), fields(&quota));
    let usage = api::OwnUsage { sessions: 1, total: bytes, today: bytes, month: bytes, quota: Some(quota) };
    assert_eq!(names::<OwnUsage>(), fields(&usage));
    assert_eq!(names::<Seen>(), fields(&api::Seen { address: std::net::Ipv4Addr::LOCALHOST.into() }));
    let session = api::OwnSession {
        session_id: SessionId(Uuid::nil()),
        device_id: DeviceId(Uuid::nil()),
        started_at: 0,
        ended_at: Some(1),
        reason: Some(CloseReason::Disconnect),
        direct: bytes.direct,
        tor: bytes.tor,
    };
    assert_eq!(names::<OwnSession>(), fields(&session));
    let page = api::OwnSessions { sessions: vec![session], next: None };
    assert_eq!(names::<OwnSessions>(), fields(&page));
}

#[test]
fn schemas_of_devices_have_the_fields_that_are_written() {
    let device = api::OwnDevice {
        id: DeviceId(Uuid::nil()),
        name: "laptop".parse().unwrap(),
        logged_in: true,
        created_at: 0,
        last_login_at: 0,
    };
    assert_eq!(names::<OwnDevice>(), fields(&device));
    assert_eq!(names::<OwnDevices>(), fields(&api::OwnDevices { devices: vec![device] }));
    let change = api::UpdateMe { email: Some(String::new()), device_name: Some("desk".parse().unwrap()) };
    assert_eq!(names::<UpdateMe>(), fields(&change));
}
