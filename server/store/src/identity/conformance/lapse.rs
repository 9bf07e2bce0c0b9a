//! A precondition that was verified before a transaction must still hold in it.

use super::entry::invitation;
use super::{NOW, Plainly, Store, act, login, name, opened, proof, user, v2};
use crate::identity::{
    Authority, ChangeOutcome, DeviceClaim, EnrollOutcome, Enrollee, FactorOwner, LoginOutcome, NewApiToken, NewAudit,
    NewSignIn, OperatorChange, OperatorRow, Proof, PutOutcome, RevokeReason, UserChange,
};
use crate::{StoreError, Verified};
use tornado_shared::model::{FamilyId, OperatorId, UserId};
use uuid::Uuid;

fn lapsed<T>(outcome: Result<T, StoreError>) -> Option<Verified> {
    match outcome {
        Err(StoreError::Lapsed(what)) => Some(what),
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    }
}

fn new_password(hash: &str) -> UserChange {
    let end_logins = Some(RevokeReason::PasswordChanged);
    UserChange { password_hash: Some(hash.into()), end_logins, ..UserChange::default() }
}

async fn change(store: &Store, user: UserId, change: &UserChange) {
    let outcome = store.update_user(user, change, NOW, &[act("user.update")]).await.unwrap();
    assert!(matches!(outcome, ChangeOutcome::Changed(_)));
}

pub(super) async fn passwords(store: Store) {
    let alice = user(&store, "alice").await;
    change(&store, alice, &new_password("$two")).await;
    let late = login(v2(1));
    assert_eq!(lapsed(store.log_in(alice, &proof(), &late).await), Some(Verified::Credentials));
    assert!(store.standing(late.family).await.unwrap().is_none(), "nothing was written");
    assert_eq!(store.list_devices(alice, NOW).await.unwrap(), []);
    let proof = Proof { password_hash: "$two".into(), factor: None };
    assert!(matches!(store.log_in(alice, &proof, &late).await.unwrap(), LoginOutcome::Opened(_)));
    // The owner's own change, verified against the previous password.
    let stale = UserChange { verified: Some("$argon2id$one".into()), ..new_password("$three") };
    assert_eq!(lapsed(store.update_user(alice, &stale, NOW, &[]).await), Some(Verified::Credentials));
    assert!(store.standing(late.family).await.unwrap().unwrap().revoked.is_none());
    let good = UserChange { verified: Some("$two".into()), ..new_password("$three") };
    change(&store, alice, &good).await;
}

/// In any order, no login with the old password remains valid.
pub(super) async fn logins_race_with_a_new_password(store: Store) {
    let alice = user(&store, "alice").await;
    let logins: Vec<_> = (0..8).map(|key| login(v2(key))).collect();
    let tries: Vec<_> = logins
        .iter()
        .cloned()
        .map(|login| {
            let store = store.clone();
            tokio::spawn(async move { lapsed(store.log_in(alice, &proof(), &login).await) })
        })
        .collect();
    change(&store, alice, &new_password("$two")).await;
    for attempt in tries {
        attempt.await.unwrap();
    }
    for login in &logins {
        let standing = store.standing(login.family).await.unwrap();
        assert!(standing.is_none_or(|standing| standing.revoked.is_some()));
    }
}

pub(super) async fn factors(store: Store) {
    let alice = user(&store, "alice").await;
    let owner = FactorOwner::User(alice);
    assert_eq!(lapsed(store.offer_factor(owner, "$other", &[1], NOW).await), Some(Verified::Credentials));
    assert!(store.offer_factor(owner, "$argon2id$one", &[1], NOW).await.unwrap());
    opened(&store, alice, &login(v2(1))).await;
    let confirm =
        async |sealed: u8| store.confirm_factor(owner, &[sealed], 1, &[], &act("user.totp_on")).await.unwrap();
    assert!(!confirm(2).await, "the code belongs to another secret");
    assert!(confirm(1).await);
    let with = |factor: Option<Vec<u8>>| Proof { factor, ..proof() };
    for stale in [None, Some(vec![2])] {
        let outcome = store.log_in(alice, &with(stale), &login(v2(1))).await;
        assert_eq!(lapsed(outcome), Some(Verified::Credentials));
    }
    let outcome = store.log_in(alice, &with(Some(vec![1])), &login(v2(1))).await.unwrap();
    assert!(matches!(outcome, LoginOutcome::Opened(_)));
    assert_eq!(lapsed(store.remove_factor(owner, "$other", &act("user.totp_off")).await), Some(Verified::Credentials));
    assert!(store.remove_factor(owner, "$argon2id$one", &act("user.totp_off")).await.unwrap());
}

pub(super) async fn enrolments(store: Store) {
    let alice = user(&store, "alice").await;
    let id = invitation(&store, 1, Some(alice)).await;
    change(&store, alice, &new_password("$two")).await;
    let who = Enrollee::Existing(alice, proof());
    assert_eq!(lapsed(store.enroll(id, &who, &login(v2(1))).await), Some(Verified::Credentials));
    let who = Enrollee::Existing(alice, Proof { password_hash: "$two".into(), factor: None });
    let outcome = store.enroll(id, &who, &login(v2(1))).await.unwrap();
    assert!(matches!(outcome, EnrollOutcome::Enrolled(_)), "the invitation must stay valid");
}

async fn operator(store: &Store, who: &str, password: Option<&str>, role: Option<&str>) -> OperatorRow {
    let change = OperatorChange {
        id: OperatorId::random(),
        name: name(who),
        password_hash: password.map(str::to_owned),
        role: role.map(str::to_owned),
        forget_totp: false,
        now: NOW,
    };
    match store.put_operator(&change, &act("operator.put")).await.unwrap() {
        PutOutcome::Put(row) => row,
        outcome @ (PutOutcome::NeedsPassword | PutOutcome::LastOwner | PutOutcome::Gone) => panic!("{outcome:?}"),
    }
}

fn sign_in(operator: OperatorId) -> NewSignIn {
    let id = Uuid::new_v4();
    NewSignIn {
        id,
        operator,
        token_hash: [id.as_bytes()[0]; 32],
        now: NOW,
        expires_at: NOW + 100,
        address: String::new(),
    }
}

pub(super) async fn sign_ins(store: Store) {
    let (_, ben) = (operator(&store, "ann", Some("$"), None).await, operator(&store, "ben", Some("$1"), None).await);
    let of = |hash: &str, factor: Option<Vec<u8>>| Proof { password_hash: hash.into(), factor };
    let open =
        async |proof: Proof| lapsed(store.open_sign_in(&sign_in(ben.id), &proof, &act("operator.sign_in")).await);
    assert_eq!(open(of("$1", None)).await, None);
    operator(&store, "ben", Some("$2"), None).await;
    assert_eq!(open(of("$1", None)).await, Some(Verified::Credentials));
    let owner = FactorOwner::Operator(ben.id);
    assert!(store.offer_factor(owner, "$2", &[7], NOW).await.unwrap());
    assert!(store.confirm_factor(owner, &[7], 1, &[], &act("operator.totp_on")).await.unwrap());
    assert_eq!(open(of("$2", None)).await, Some(Verified::Credentials));
    assert_eq!(open(of("$2", Some(vec![7]))).await, None);
    store.remove_operator(&name("ben"), &act("operator.remove")).await.unwrap();
    assert_eq!(open(of("$2", Some(vec![7]))).await, Some(Verified::Credentials));
}

/// An act writes nothing if its actor lost the right to it before the commit.
pub(super) async fn authorities(store: Store) {
    let (ann, alice) = (operator(&store, "ann", Some("$"), None).await, user(&store, "alice").await);
    operator(&store, "ben", Some("$"), None).await;
    let opening = sign_in(ann.id);
    let proof_of_ann = Proof { password_hash: "$".into(), factor: None };
    store.open_sign_in(&opening, &proof_of_ann, &act("operator.sign_in")).await.unwrap();
    let by = |authority: Authority, at| NewAudit { authority, at, ..act("user.act") };
    let ann_as = |role: &str| Authority::SignIn { id: opening.id, role: role.into() };
    let create = async |who: &str, authority: Authority, at| {
        lapsed(store.create_user(&super::new_user(who, None), NOW, &by(authority, at)).await)
    };
    assert_eq!(create("one", ann_as("owner"), NOW).await, None);
    assert_eq!(create("two", ann_as("owner"), NOW + 100).await, Some(Verified::SignIn), "the sign-in expired");
    operator(&store, "ann", None, Some("viewer")).await;
    assert_eq!(create("two", ann_as("owner"), NOW).await, Some(Verified::SignIn), "the role changed");
    // Every operator may end their own sign-in.
    assert!(store.end_sign_in(opening.id, &by(ann_as("viewer"), NOW)).await.unwrap());
    assert_eq!(create("two", ann_as("viewer"), NOW).await, Some(Verified::SignIn), "signed out");
    let token = NewApiToken {
        id: Uuid::new_v4(),
        operator: ann.id,
        name: "backup".into(),
        token_hash: [3; 32],
        scopes: "users.write".into(),
        now: NOW,
        expires_at: NOW + 10,
    };
    store.create_api_token(&token, &act("token.create")).await.unwrap();
    let token_as = |role: &str| Authority::ApiToken { id: token.id, role: role.into() };
    assert_eq!(create("two", token_as("viewer"), NOW).await, None);
    assert_eq!(create("three", token_as("owner"), NOW).await, Some(Verified::ApiToken), "the role changed");
    assert_eq!(create("three", token_as("viewer"), NOW + 10).await, Some(Verified::ApiToken), "the token expired");
    store.end_api_token(token.id, &act("token.revoke")).await.unwrap();
    assert_eq!(create("three", token_as("viewer"), NOW).await, Some(Verified::ApiToken), "the token was revoked");

    let (first, second) = (login(v2(1)), login(v2(2)));
    let device = opened(&store, alice, &first).await;
    opened(&store, alice, &second).await;
    let take =
        async |family: FamilyId| lapsed(store.remove_device(device, NOW, &by(Authority::Login(family), NOW)).await);
    store.revoke_family(second.family, RevokeReason::Logout, NOW).await.unwrap();
    assert_eq!(take(second.family).await, Some(Verified::Login), "logged out");
    assert_eq!(take(FamilyId::random()).await, Some(Verified::Login));
    Plainly(&store).set_user_active(alice, false).await;
    assert_eq!(take(first.family).await, Some(Verified::Login), "suspended");
    Plainly(&store).set_user_active(alice, true).await;
    let third = login(DeviceClaim::V2 { key: [1; 32], name: "x".parse().unwrap() });
    assert_eq!(opened(&store, alice, &third).await, device);
    assert_eq!(take(third.family).await, None, "a device may remove itself");
}
