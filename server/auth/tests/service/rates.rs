//! Rate limits of accounts.

use crate::support::world::{PASSWORD, World};
use tornado_contracts::MAX_RATE;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::users::{CreateUser, UpdateUser, Users as _};
use tornado_shared::model::Secret;

#[tokio::test]
async fn rates_outside_the_range_are_rejected() {
    let world = World::new().await;
    let bob =
        CreateUser { username: "bob".parse().unwrap(), email: None, password: Secret::new(PASSWORD), max_devices: 2 };
    world.users().create_user(Acting::root(bob)).await.unwrap();
    for (rate, is_taken) in [(0, true), (8_000, true), (7_999, false), (MAX_RATE, true), (MAX_RATE + 1, false)] {
        let of = || UpdateUser { user: "bob".into(), ..UpdateUser::default() };
        for update in [UpdateUser { download_rate: Some(rate), ..of() }, UpdateUser { upload_rate: Some(rate), ..of() }]
        {
            assert_eq!(world.users().update_user(Acting::root(update)).await.is_ok(), is_taken, "{rate}");
        }
    }
}
