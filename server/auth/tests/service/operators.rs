//! Operators and set-up codes.

use crate::support::world::{PASSWORD, World};
use tornado_contracts::auth::operators::Operators as _;
use tornado_contracts::auth::users::{ExportDevice, UpdateUser, Users as _};
use tornado_contracts::auth::{Acting, Auth as _, AuthError, Authorize, PutOperator, RedeemSetup};
use tornado_rpc::{NoInput, ServiceError as _};
use tornado_shared::crypto::v2::ExportSecret;
use tornado_shared::model::{Lane, PrivateKey, Secret};

fn redeem(code: &Secret, name: &str, password: &str) -> RedeemSetup {
    RedeemSetup { code: code.clone(), name: name.parse().unwrap(), password: Secret::new(password) }
}

#[tokio::test]
async fn the_first_operator_needs_a_one_time_code() {
    let world = World::new().await;
    let stale = world.client.setup_link(NoInput {}).await.unwrap().code.unwrap();
    let code = world.client.setup_link(NoInput {}).await.unwrap().code.unwrap();
    let refused = world.client.redeem_setup(redeem(&stale, "root", PASSWORD)).await;
    assert_eq!(refused.unwrap_err(), AuthError::InvalidSetupCode);
    let weak = world.client.redeem_setup(redeem(&code, "root", "changeme")).await.unwrap_err();
    assert_eq!(weak.code(), "invalid_fields");
    let operator = world.client.redeem_setup(redeem(&code, "root", PASSWORD)).await.unwrap();
    assert_eq!(operator.operator.name.as_str(), "root");
    let me = Acting::operator(operator.token, NoInput {});
    assert_eq!(world.operators().whoami(me).await.unwrap().operator, operator.operator, "signed in immediately");
    let again = world.client.redeem_setup(redeem(&code, "other", PASSWORD)).await;
    assert_eq!(again.unwrap_err(), AuthError::InvalidSetupCode);
    assert!(world.client.setup_link(NoInput {}).await.unwrap().code.is_none());
}

#[tokio::test]
async fn of_two_redeemers_one_becomes_operator() {
    let world = World::new().await;
    let code = world.client.setup_link(NoInput {}).await.unwrap().code.unwrap();
    let names: Vec<_> = (0..4).map(|i| format!("operator{i}")).collect();
    let tries = names.iter().map(|name| world.client.redeem_setup(redeem(&code, name, PASSWORD)));
    let results = futures::future::join_all(tries).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_set_up_code_expires_after_an_hour() {
    let world = World::new().await;
    let code = world.client.setup_link(NoInput {}).await.unwrap().code.unwrap();
    world.pass(3600);
    let late = world.client.redeem_setup(redeem(&code, "root", PASSWORD)).await;
    assert_eq!(late.unwrap_err(), AuthError::InvalidSetupCode);
}

#[tokio::test]
async fn root_can_put_an_operator_repeatedly() {
    let world = World::new().await;
    let put = |password: &str| PutOperator { name: "root".parse().unwrap(), password: Secret::new(password) };
    let first = world.client.put_operator(put(PASSWORD)).await.unwrap();
    world.pass(10);
    assert_eq!(world.client.put_operator(put("another password")).await.unwrap(), first);
    assert_eq!(world.client.put_operator(put("short")).await.unwrap_err().code(), "invalid_fields");
}

#[tokio::test]
async fn an_exported_device_ends_like_any_other() {
    let world = World::new().await;
    let user = world.account("alice", None, 3).await;
    let issue = async |user: &str| {
        let what = ExportDevice { user: user.into(), name: "phone".parse().unwrap() };
        world.users().export_device(Acting::root(what)).await
    };
    assert_eq!(issue("nobody").await.unwrap_err().code(), "not_found");
    let issued = issue("alice").await.unwrap();
    let key = PrivateKey::random().public_key();
    let access_token = issued.access_token.clone();
    let grant = world.client.authorize(Authorize { access_token, public_key: key, exported: true }).await.unwrap();
    assert_eq!((grant.user_id, grant.device_id, grant.username.as_str()), (user, issued.device_id, "alice"));
    // The printed secret and the keys of the lanes match.
    let export = data_encoding::BASE64URL_NOPAD.decode(issued.export.expose().as_bytes()).unwrap();
    let export = ExportSecret::from_bytes(export.try_into().unwrap());
    let keys = grant.preshared_keys.unwrap();
    for (lane, key_of_lane) in [(Lane::Direct, keys.direct), (Lane::Tor, keys.tor)] {
        assert_eq!(export.preshared_key(lane, &key).expose_base64(), key_of_lane.expose_base64());
    }
    let actions = world.actions().await;
    assert!(actions.contains(&"root device.issue done".to_owned()), "{actions:?}");
    assert_ne!(issue("alice").await.unwrap().device_id, issued.device_id, "each is a separate device");
    // The token expires after two minutes plus five seconds of leeway.
    world.pass(120 + 5);
    let access_token = issued.access_token.clone();
    let late = world.client.authorize(Authorize { access_token, public_key: key, exported: true }).await.unwrap_err();
    assert!(matches!(late, AuthError::Token(_)), "{late:?}");
    // The login is kept although nothing refreshes it, until it is revoked.
    world.pass(30 * 86_400);
    world.service.upkeep().await;
    let suspended = UpdateUser { user: "alice".into(), active: Some(false), ..UpdateUser::default() };
    world.users().update_user(Acting::root(suspended)).await.unwrap();
    assert!(world.sessions.closed().iter().any(|(device, _)| *device == issued.device_id));
    assert_eq!(issue("alice").await.unwrap_err(), AuthError::UserInactive);
}
