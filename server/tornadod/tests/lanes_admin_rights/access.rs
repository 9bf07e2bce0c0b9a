//! Every route with every role.

use crate::world::{ROLES, World};
use tornado_admin_api::{METHODS, Method, STREAMS};
use tornado_contracts::auth::operators::OperatorRole;

pub fn every_method() -> impl Iterator<Item = &'static Method> {
    METHODS.iter().chain(&STREAMS)
}

/// The path with values that no object has.
pub fn path(method: &Method) -> String {
    let none = "00000000-0000-4000-8000-000000000000";
    let path = method.path.replace("{id}", none).replace("{device_id}", none).replace("{service}", "dns");
    path.replace("{name}", "none-such").replace("{user}", "none-such")
}

#[tokio::test]
async fn every_route_requires_its_right() {
    let world = World::new().await;
    for (name, role) in ROLES {
        world.operator(name, role).await;
    }
    let unknown = ["__Host-tornado=ABCDEFGHIJKLMNOP".to_owned(), "0".repeat(64)];
    let ended = world.sign_in("olga").await;
    assert_eq!(world.signed_in(&ended, "POST", "/sign-out", None).await.status, 200);
    for method in every_method() {
        let (verb, path) = (method.verb.as_str(), path(method));
        let without = world.send(verb, &path, &[], None).await;
        assert_eq!((without.status.as_u16(), without.code()), (401, "signed_out"), "{}", method.name);
        assert_eq!(without.headers["content-type"], "application/problem+json");
        assert_eq!(world.signed_in(&ended, verb, &path, None).await.status, 401, "{} signed out", method.name);
        let refused = world.signed_in(&unknown, verb, &path, None).await;
        assert_eq!(refused.status, if method.verb.changes() { 403 } else { 401 }, "{} unknown", method.name);
    }
    for (name, role) in ROLES {
        let rights = world.rights(&world.sign_in(name).await).await;
        let mut refused = 0;
        for method in every_method() {
            // A new one each time: some methods end it.
            let sign_in = world.sign_in(name).await;
            let reply = world.signed_in(&sign_in, method.verb.as_str(), &path(method), None).await;
            let what = format!("{} as {role}: {} {}", method.name, reply.status, reply.body);
            if rights.iter().any(|right| right == method.right) {
                assert!(reply.is_admitted(), "{what}");
            } else {
                assert_eq!((reply.status.as_u16(), reply.code()), (403, "not_allowed"), "{what}");
                refused += 1;
            }
        }
        assert_eq!(refused == 0, role == OperatorRole::Owner);
    }
    let changes = METHODS.iter().filter(|method| method.verb.changes());
    let viewer = world.rights(&world.sign_in("vera").await).await;
    let own: Vec<_> = changes.filter(|method| viewer.contains(&method.right.to_owned())).map(|one| one.right).collect();
    assert!(own.iter().all(|right| *right == "own.sign_in"), "a viewer changes only its own sign-in: {own:?}");
}
