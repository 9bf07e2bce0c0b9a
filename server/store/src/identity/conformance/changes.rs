//! Changes of accounts, pages of accounts, and devices as shown to their owner.

use super::{NOW, Plainly, Store, act, login, name, new_user, opened, user, v2};
use crate::identity::{ChangeOutcome, RevokeReason, UserChange, UserFilter, UserKey};
use tornado_shared::model::{DeviceId, UserId};

pub(super) async fn changing_accounts(store: Store) {
    let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
    let (first, second) = (login(v2(1)), login(v2(2)));
    let kept = opened(&store, alice, &first).await;
    let ended = opened(&store, alice, &second).await;
    let change = UserChange {
        username: Some(name("alicia")),
        email: Some(Some("Alicia@Example.org".into())),
        max_devices: Some(7),
        password_hash: Some("$new".into()),
        end_logins: Some(RevokeReason::PasswordChanged),
        keep: Some(first.family),
        ..UserChange::default()
    };
    let outcome = store.update_user(alice, &change, NOW, &[act("user.update")]).await.unwrap();
    assert_eq!(outcome, ChangeOutcome::Changed(vec![ended]));
    let row = store.find_user(UserKey::Name(&name("alicia"))).await.unwrap().unwrap();
    assert_eq!(
        (row.email.as_deref(), row.max_devices, row.password_hash.as_str()),
        (Some("alicia@example.org"), 7, "$new")
    );
    assert_eq!(store.ended(kept).await.unwrap(), None);
    assert_eq!(store.ended(ended).await.unwrap(), Some(RevokeReason::PasswordChanged));

    let taken = UserChange { username: Some(name("alicia")), ..UserChange::default() };
    assert_eq!(store.update_user(bob, &taken, NOW, &[act("user.update")]).await.unwrap(), ChangeOutcome::Taken);
    let taken = UserChange { email: Some(Some("ALICIA@example.org".into())), ..UserChange::default() };
    assert_eq!(store.update_user(bob, &taken, NOW, &[]).await.unwrap(), ChangeOutcome::Taken);
    let none = UserChange::default();
    assert_eq!(store.update_user(UserId::random(), &none, NOW, &[]).await.unwrap(), ChangeOutcome::Gone);
    let cleared = UserChange { email: Some(None), ..UserChange::default() };
    assert_eq!(store.update_user(alice, &cleared, NOW, &[]).await.unwrap(), ChangeOutcome::Changed(Vec::new()));
    assert_eq!(store.find_user(UserKey::Id(alice)).await.unwrap().unwrap().email, None);
    // A login of another account cannot be kept.
    let all = UserChange { end_logins: Some(RevokeReason::Revoked), keep: Some(first.family), ..UserChange::default() };
    let bobs = opened(&store, bob, &login(v2(1))).await;
    assert_eq!(store.update_user(bob, &all, NOW, &[]).await.unwrap(), ChangeOutcome::Changed(vec![bobs]));
    assert_eq!(store.ended(kept).await.unwrap(), None);
}

pub(super) async fn pages(store: Store) {
    for person in ["dora", "anna_b", "carl", "annab"] {
        assert!(Plainly(&store).create_user(&new_user(person, Some(&format!("{person}@example.org")))).await);
    }
    let suspended = store.find_user(UserKey::Name(&name("carl"))).await.unwrap().unwrap().id;
    Plainly(&store).set_user_active(suspended, false).await;
    let gone = user(&store, "erna").await;
    Plainly(&store).delete_user(gone).await;
    let list = async |filter: UserFilter| {
        let (users, total) = store.list_users(&filter).await.unwrap();
        (users.iter().map(|user| user.username.to_string()).collect::<Vec<_>>(), total)
    };
    let all = UserFilter { limit: 2, ..UserFilter::default() };
    let (page, total) = list(all.clone()).await;
    assert_eq!((page.len(), total), (2, 4));
    let (rest, total) = list(UserFilter { after: page[1].clone(), ..all.clone() }).await;
    assert_eq!((rest, total), (vec!["carl".to_owned(), "dora".to_owned()], 4));
    let search = |text: &str| UserFilter { search: text.into(), limit: 10, ..UserFilter::default() };
    assert_eq!(list(search("A_B")).await.0, ["anna_b"], "wildcards are literal");
    assert_eq!(list(search("%")).await.1, 0);
    assert_eq!(list(search("dora@EXAMPLE")).await.0, ["dora"]);
    assert_eq!(list(UserFilter { active: Some(false), ..search("") }).await.0, ["carl"]);
    assert_eq!(list(UserFilter { active: Some(true), ..search("") }).await.1, 3);
}

pub(super) async fn devices(store: Store) {
    let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
    let (one, two) = (login(v2(1)), login(v2(2)));
    let (first, second) = (opened(&store, alice, &one).await, opened(&store, alice, &two).await);
    opened(&store, bob, &login(v2(1))).await;
    store.revoke_family(one.family, RevokeReason::Logout, NOW).await.unwrap();
    let list = store.list_devices(alice, NOW).await.unwrap();
    assert_eq!(list.len(), 2);
    let device = |id: DeviceId| list.iter().find(|device| device.id == id).unwrap();
    assert!(!device(first).logged_in && device(second).logged_in && device(first).has_key);
    assert!(store.rename_device(first, &"phone".parse().unwrap()).await.unwrap());
    assert_eq!(store.find_device(first, NOW).await.unwrap().unwrap().name.as_str(), "phone");
    assert_eq!(store.find_device(first, NOW).await.unwrap().unwrap().user, alice);
    assert!(Plainly(&store).remove_device(first).await);
    assert!(store.find_device(first, NOW).await.unwrap().is_none());
    assert!(!store.rename_device(first, &"gone".parse().unwrap()).await.unwrap());
    let erased = store.delete_user(alice, NOW, &act("user.delete")).await.unwrap();
    assert_eq!(erased, Some(vec![second]));
    assert_eq!(store.list_devices(alice, NOW).await.unwrap(), []);
}
