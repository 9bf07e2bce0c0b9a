//! Accounts, their devices, and the devices' keys.

use super::{NOW, Plainly, Store, WEEK, login, new_user, opened, proof, user, v1, v2};
use crate::identity::{KeyOutcome, LoginOutcome, MAX_DEVICE_ROWS, NewLogin, RevokeReason, UserKey};
use tornado_shared::model::{FamilyId, PrivateKey, UserId};

pub(super) async fn users(store: Store) {
    assert!(store.is_pristine().await.unwrap());
    let alice = new_user("alice", Some("Alice@Example.org"));
    assert!(Plainly(&store).create_user(&alice).await);
    assert!(!store.is_pristine().await.unwrap());
    for key in [UserKey::Id(alice.id), UserKey::Name(&alice.username), UserKey::Email("alice@EXAMPLE.org")] {
        let row = store.find_user(key).await.unwrap().unwrap();
        assert_eq!((row.id, row.username.as_str(), row.is_active), (alice.id, "alice", true));
        assert_eq!((row.email.as_deref(), row.max_devices), (Some("alice@example.org"), 2));
        assert_eq!((row.created_at, row.last_login_at), (NOW, None));
    }
    assert!(!Plainly(&store).create_user(&new_user("alice", None)).await);
    assert!(!Plainly(&store).create_user(&new_user("alicia", Some("alice@example.org"))).await);
    assert!(Plainly(&store).create_user(&new_user("bob", None)).await);
    assert!(Plainly(&store).create_user(&new_user("carol", None)).await);
    assert!(store.find_user(UserKey::Email("alice")).await.unwrap().is_none());
    assert!(!store.rehash_user(alice.id, "other", "$two").await.unwrap());
    assert!(store.rehash_user(alice.id, "$argon2id$one", "$two").await.unwrap());
    assert_eq!(store.find_user(UserKey::Id(alice.id)).await.unwrap().unwrap().password_hash, "$two");
    assert!(!Plainly(&store).set_user_active(UserId::random(), false).await);
}

pub(super) async fn deleted_names_are_free(store: Store) {
    let first = new_user("alice", Some("alice@example.org"));
    assert!(Plainly(&store).create_user(&first).await);
    assert!(Plainly(&store).delete_user(first.id).await);
    assert!(!Plainly(&store).delete_user(first.id).await);
    assert!(store.find_user(UserKey::Name(&first.username)).await.unwrap().is_none());
    let second = new_user("alice", Some("alice@example.org"));
    assert!(Plainly(&store).create_user(&second).await);
    assert_eq!(store.find_user(UserKey::Name(&first.username)).await.unwrap().unwrap().id, second.id);
}

pub(super) async fn logins_and_devices(store: Store) {
    let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
    let first = login(v2(1));
    let device = opened(&store, alice, &first).await;
    assert_eq!(device, first.new_device);
    assert!(store.has_device(alice, &[1; 32]).await.unwrap() && !store.has_device(alice, &[2; 32]).await.unwrap());
    assert!(!store.has_device(bob, &[1; 32]).await.unwrap());
    let standing = store.standing(first.family).await.unwrap().unwrap();
    assert_eq!((standing.user.id, standing.device), (alice, device));
    assert_eq!((standing.user_deleted, standing.device_removed, standing.revoked), (false, false, None));
    assert_eq!(standing.device_name.as_str(), "Łukasz's laptop");
    assert_eq!(standing.sealed_export.as_deref(), Some([0, 1, 2, 255].as_slice()));
    assert_eq!((standing.expires_at, standing.user.last_login_at), (NOW + WEEK, Some(NOW)));

    let second = login(v2(1));
    assert_eq!(opened(&store, alice, &second).await, device);
    let replaced = store.standing(first.family).await.unwrap().unwrap();
    assert_eq!(replaced.revoked, Some(RevokeReason::Replaced));
    assert_ne!(opened(&store, alice, &login(v2(2))).await, device);
    assert_ne!(opened(&store, bob, &login(v2(1))).await, device);
    assert!(store.standing(FamilyId::random()).await.unwrap().is_none());

    Plainly(&store).set_user_active(alice, false).await;
    assert_eq!(store.log_in(alice, &proof(), &login(v2(1))).await.unwrap(), LoginOutcome::UserGone);
    assert_eq!(store.log_in(UserId::random(), &proof(), &login(v2(1))).await.unwrap(), LoginOutcome::UserGone);
}

pub(super) async fn v1_devices(store: Store) {
    let alice = user(&store, "alice").await;
    let first = opened(&store, alice, &login(v1(&[]))).await;
    let second = opened(&store, alice, &NewLogin { now: NOW + 1, ..login(v1(&[])) }).await;
    assert_ne!(first, second);
    let third = opened(&store, alice, &NewLogin { now: NOW + 2, ..login(v1(&[])) }).await;
    assert_eq!(third, first, "the device with the oldest login");
    let fourth = opened(&store, alice, &NewLogin { now: NOW + 3, ..login(v1(&[second])) }).await;
    assert_eq!(fourth, first);
    assert_eq!(store.log_in(alice, &proof(), &login(v1(&[first, second]))).await.unwrap(), LoginOutcome::NoDevice);
}

pub(super) async fn device_rows_are_bounded(store: Store) {
    let alice = user(&store, "alice").await;
    let mut last = None;
    for key in 0..MAX_DEVICE_ROWS {
        last = Some(opened(&store, alice, &login(v2(u8::try_from(key).unwrap()))).await);
    }
    let more = login(v2(200));
    assert_eq!(store.log_in(alice, &proof(), &more).await.unwrap(), LoginOutcome::NoDevice);
    assert!(store.standing(more.family).await.unwrap().is_none());
    assert!(Plainly(&store).remove_device(last.unwrap()).await);
    opened(&store, alice, &login(v2(200))).await;
}

pub(super) async fn wireguard_keys(store: Store) {
    let alice = user(&store, "alice").await;
    let (one, two) = (login(v2(1)), login(v2(2)));
    let (first, second) = (opened(&store, alice, &one).await, opened(&store, alice, &two).await);
    let (key, other) = (PrivateKey::random().public_key(), PrivateKey::random().public_key());
    assert_eq!(store.set_wireguard_key(first, &key).await.unwrap(), KeyOutcome::Set);
    assert_eq!(store.set_wireguard_key(first, &key).await.unwrap(), KeyOutcome::Set);
    assert_eq!(store.set_wireguard_key(second, &key).await.unwrap(), KeyOutcome::InUse);
    assert_eq!(store.standing(one.family).await.unwrap().unwrap().wireguard_key, Some(key));
    assert_eq!(store.set_wireguard_key(first, &other).await.unwrap(), KeyOutcome::Set);
    assert_eq!(store.set_wireguard_key(second, &key).await.unwrap(), KeyOutcome::Set);
    Plainly(&store).remove_device(second).await;
    assert_eq!(store.set_wireguard_key(second, &key).await.unwrap(), KeyOutcome::DeviceGone);
    assert_eq!(store.set_wireguard_key(first, &key).await.unwrap(), KeyOutcome::Set);
}
