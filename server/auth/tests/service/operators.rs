//! Operators and set-up codes.

use crate::world::{PASSWORD, World};
use tornado_mesh::auth::{Auth as _, AuthError, PutOperator, RedeemSetup};
use tornado_mesh::{NoInput, ServiceError as _};
use tornado_shared::model::Secret;

fn redeem(code: &Secret, name: &str, password: &str) -> RedeemSetup {
    RedeemSetup { code: code.clone(), name: name.parse().unwrap(), password: Secret::new(password) }
}

#[tokio::test]
async fn defect_022_the_first_operator_comes_by_a_one_time_code_and_there_is_no_default() {
    let world = World::new().await;
    let stale = world.client.setup_link(NoInput {}).await.unwrap().code.unwrap();
    let code = world.client.setup_link(NoInput {}).await.unwrap().code.unwrap();
    let refused = world.client.redeem_setup(redeem(&stale, "root", PASSWORD)).await;
    assert_eq!(refused.unwrap_err(), AuthError::InvalidSetupCode);
    let weak = world.client.redeem_setup(redeem(&code, "root", "changeme")).await.unwrap_err();
    assert_eq!(weak.code(), "invalid_fields");
    let operator = world.client.redeem_setup(redeem(&code, "root", PASSWORD)).await.unwrap();
    assert_eq!(operator.name.as_str(), "root");
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
async fn a_set_up_code_lives_an_hour() {
    let world = World::new().await;
    let code = world.client.setup_link(NoInput {}).await.unwrap().code.unwrap();
    world.pass(3600);
    let late = world.client.redeem_setup(redeem(&code, "root", PASSWORD)).await;
    assert_eq!(late.unwrap_err(), AuthError::InvalidSetupCode);
}

#[tokio::test]
async fn root_puts_operators_again_and_again() {
    let world = World::new().await;
    let put = |password: &str| PutOperator { name: "root".parse().unwrap(), password: Secret::new(password) };
    let first = world.client.put_operator(put(PASSWORD)).await.unwrap();
    world.pass(10);
    assert_eq!(world.client.put_operator(put("another password")).await.unwrap(), first);
    assert_eq!(world.client.put_operator(put("short")).await.unwrap_err().code(), "invalid_fields");
}
