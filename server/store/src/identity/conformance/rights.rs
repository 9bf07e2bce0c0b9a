//! Refresh tokens, revoked logins, spent envelopes and pruning.

use super::entry::invitation;
use super::{NOW, Plainly, Store, WEEK, act, login, opened, user, v2};
use crate::identity::{ChangeOutcome, NewLogin, RefreshOutcome, RevokeReason, TokenRefresh, UserChange, UserKey};
use tornado_shared::model::DeviceId;
use uuid::Uuid;

fn refresh(login: &NewLogin, spent: Uuid) -> TokenRefresh {
    let (next, now) = (Uuid::new_v4(), NOW + 60);
    TokenRefresh { family: login.family, spent, idempotency_key: None, next, now, expires_at: now + WEEK, newer: None }
}

pub(super) async fn refresh_tokens(store: Store) {
    let alice = user(&store, "alice").await;
    let login = login(v2(1));
    opened(&store, alice, &login).await;
    let first = refresh(&login, login.refresh_jti);
    assert_eq!(store.refresh(&first).await.unwrap(), RefreshOutcome::Refreshed);
    assert_eq!(store.standing(login.family).await.unwrap().unwrap().expires_at, NOW + 60 + WEEK);
    let late = TokenRefresh { now: NOW + 60 + WEEK, ..refresh(&login, first.next) };
    assert_eq!(store.refresh(&late).await.unwrap(), RefreshOutcome::Refused);
    let second = refresh(&login, first.next);
    assert_eq!(store.refresh(&second).await.unwrap(), RefreshOutcome::Refreshed);
    assert_eq!(store.refresh(&refresh(&login, first.next)).await.unwrap(), RefreshOutcome::Reused);
    assert_eq!(store.standing(login.family).await.unwrap().unwrap().revoked, Some(RevokeReason::Reused));
    assert_eq!(store.refresh(&refresh(&login, second.next)).await.unwrap(), RefreshOutcome::Refused);
    assert_eq!(store.refresh(&refresh(&login, first.next)).await.unwrap(), RefreshOutcome::Refused);
}

pub(super) async fn refresh_tokens_newer_than_the_store(store: Store) {
    let alice = user(&store, "alice").await;
    let login = login(v2(1));
    opened(&store, alice, &login).await;
    let known = store.standing(login.family).await.unwrap().unwrap().expires_at;
    let adopted = TokenRefresh { newer: Some(known + 1), ..refresh(&login, Uuid::new_v4()) };
    assert_eq!(store.refresh(&adopted).await.unwrap(), RefreshOutcome::Refreshed);
    let next = refresh(&login, adopted.next);
    assert_eq!(store.refresh(&next).await.unwrap(), RefreshOutcome::Refreshed);
    // The store knows a newer token now, so the same token counts as used twice.
    let again = TokenRefresh { newer: Some(known + 1), ..refresh(&login, adopted.spent) };
    assert_eq!(store.refresh(&again).await.unwrap(), RefreshOutcome::Reused);
}

pub(super) async fn refresh_trades_repeat(store: Store) {
    let alice = user(&store, "alice").await;
    let login = login(v2(1));
    opened(&store, alice, &login).await;
    let with_key = |spent, number| TokenRefresh { idempotency_key: Some([number; 32]), ..refresh(&login, spent) };
    let lost = with_key(login.refresh_jti, 1);
    assert_eq!(store.refresh(&lost).await.unwrap(), RefreshOutcome::Refreshed);
    let again = with_key(login.refresh_jti, 1);
    assert_eq!(store.refresh(&again).await.unwrap(), RefreshOutcome::Refreshed);
    // The token that never reached its owner is invalid; the repeated one stays valid.
    let next = with_key(again.next, 2);
    assert_eq!(store.refresh(&next).await.unwrap(), RefreshOutcome::Refreshed);
    assert_eq!(store.refresh(&with_key(lost.next, 1)).await.unwrap(), RefreshOutcome::Reused);
    for (name, number) in [("bob", 3), ("carol", 4)] {
        let user = user(&store, name).await;
        let login = super::login(v2(number));
        opened(&store, user, &login).await;
        let first = TokenRefresh { idempotency_key: Some([number; 32]), ..refresh(&login, login.refresh_jti) };
        assert_eq!(store.refresh(&first).await.unwrap(), RefreshOutcome::Refreshed);
        // An attacker has the token, but a wrong idempotency key or none.
        let idempotency_key = if name == "bob" { Some([9; 32]) } else { None };
        let theft = TokenRefresh { idempotency_key, ..refresh(&login, login.refresh_jti) };
        assert_eq!(store.refresh(&theft).await.unwrap(), RefreshOutcome::Reused);
    }
}

pub(super) async fn refresh_tokens_race(store: Store) {
    let alice = user(&store, "alice").await;
    let login = login(v2(1));
    opened(&store, alice, &login).await;
    let tries = (0..8).map(|_| {
        let (store, refresh) = (store.clone(), refresh(&login, login.refresh_jti));
        tokio::spawn(async move { store.refresh(&refresh).await.unwrap() })
    });
    let mut outcomes = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        outcomes.push(attempt.await.unwrap());
    }
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    assert_eq!((count(RefreshOutcome::Refreshed), count(RefreshOutcome::Reused)), (1, 1));
}

pub(super) async fn revoking(store: Store) {
    let alice = user(&store, "alice").await;
    let (one, two, three) = (login(v2(1)), login(v2(2)), login(v2(3)));
    opened(&store, alice, &one).await;
    let second = opened(&store, alice, &two).await;
    opened(&store, alice, &three).await;
    assert!(store.revoke_family(one.family, RevokeReason::Logout, NOW).await.unwrap());
    assert!(!store.revoke_family(one.family, RevokeReason::Suspended, NOW).await.unwrap());
    assert!(Plainly(&store).remove_device(second).await);
    assert!(!Plainly(&store).remove_device(second).await);
    assert!(Plainly(&store).set_user_active(alice, false).await);
    assert_eq!(store.refresh(&refresh(&three, three.refresh_jti)).await.unwrap(), RefreshOutcome::Refused);
    let expected = [
        (one.family, RevokeReason::Logout),
        (two.family, RevokeReason::DeviceRemoved),
        (three.family, RevokeReason::Suspended),
    ];
    for (family, reason) in expected {
        assert_eq!(store.standing(family).await.unwrap().unwrap().revoked, Some(reason));
    }
    assert!(store.standing(two.family).await.unwrap().unwrap().device_removed);
    assert!(Plainly(&store).delete_user(alice).await);
    assert!(store.standing(three.family).await.unwrap().unwrap().user_deleted);
}

pub(super) async fn ended_devices(store: Store) {
    let alice = user(&store, "alice").await;
    let (first, removed) = (login(v2(1)), login(v2(2)));
    let device = opened(&store, alice, &first).await;
    let other = opened(&store, alice, &removed).await;
    assert_eq!(store.ended(DeviceId::random()).await.unwrap(), None, "the device is unknown");
    assert_eq!(store.ended(device).await.unwrap(), None);
    store.revoke_family(first.family, RevokeReason::Logout, NOW).await.unwrap();
    assert_eq!(store.ended(device).await.unwrap(), Some(RevokeReason::Logout));
    let second = login(v2(1));
    opened(&store, alice, &second).await;
    assert_eq!(store.ended(device).await.unwrap(), None, "a newer login exists");
    store.revoke_family(second.family, RevokeReason::Reused, NOW + 1).await.unwrap();
    assert_eq!(store.ended(device).await.unwrap(), Some(RevokeReason::Reused), "the latest reason");
    Plainly(&store).remove_device(other).await;
    assert_eq!(store.ended(other).await.unwrap(), Some(RevokeReason::DeviceRemoved));
    Plainly(&store).set_user_active(alice, false).await;
    assert_eq!(store.ended(device).await.unwrap(), Some(RevokeReason::Suspended));
    Plainly(&store).delete_user(alice).await;
    assert_eq!(store.ended(device).await.unwrap(), Some(RevokeReason::Deleted));
}

pub(super) async fn envelopes(store: Store) {
    assert!(store.spend_envelope(&[1; 32], NOW + 10).await.unwrap());
    assert!(!store.spend_envelope(&[1; 32], NOW + 10).await.unwrap());
    assert!(store.spend_envelope(&[2; 32], NOW + 10).await.unwrap());
    assert_eq!(store.prune(NOW + 9).await.unwrap(), 0);
    assert!(!store.spend_envelope(&[1; 32], NOW + 10).await.unwrap());
    assert_eq!(store.prune(NOW + 10).await.unwrap(), 2);
    assert!(store.spend_envelope(&[1; 32], NOW + 20).await.unwrap());
}

/// An exported device does not refresh tokens. If its login were pruned, a suspension would not find its session.
pub(super) async fn kept_logins(store: Store) {
    let alice = user(&store, "alice").await;
    let (kept, other) = (login(v2(1)), login(v2(2)));
    let device = opened(&store, alice, &kept).await;
    opened(&store, alice, &other).await;
    assert!(store.keep_family(kept.family).await.unwrap());
    store.prune(NOW + 400 * 86_400).await.unwrap();
    assert!(store.standing(kept.family).await.unwrap().is_some());
    assert!(store.standing(other.family).await.unwrap().is_none());
    let change = UserChange { end_logins: Some(RevokeReason::PasswordChanged), ..UserChange::default() };
    let changed = store.update_user(alice, &change, NOW, &[act("user.password")]).await.unwrap();
    let ChangeOutcome::Changed(devices) = changed else { panic!("{changed:?}") };
    assert!(devices.contains(&device), "it must end with the account's logins, even a year later");
    assert!(!store.keep_family(kept.family).await.unwrap(), "a revoked login must stay revoked");
}

pub(super) async fn forgetting(store: Store) {
    let alice = user(&store, "alice").await;
    let old = login(v2(1));
    opened(&store, alice, &old).await;
    invitation(&store, 1, None).await;
    store.put_setup_code(&[1; 32], NOW + 10, &act("setup.code")).await.unwrap();
    assert_eq!(store.prune(NOW).await.unwrap(), 0);
    store.prune(NOW + WEEK).await.unwrap();
    assert!(store.standing(old.family).await.unwrap().is_some(), "a late token must get the reason");
    store.prune(NOW + 40 * 86_400).await.unwrap();
    assert!(store.standing(old.family).await.unwrap().is_none());
    assert!(store.find_user(UserKey::Id(alice)).await.unwrap().is_some());
    assert_eq!(store.prune(NOW + 40 * 86_400).await.unwrap(), 0);
}
