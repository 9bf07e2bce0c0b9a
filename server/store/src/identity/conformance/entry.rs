//! Invitations, operators, set-up codes and the certificate of the edge.

use super::{NOW, Plainly, Store, act, login, name, new_user, proof, user, v2};
use crate::identity::{
    EnrollOutcome, Enrollee, NewInvitation, NewLogin, OperatorChange, OperatorRow, PutOutcome, UserKey,
};
use tornado_shared::model::{InvitationId, OperatorId, UnixSeconds, UserId};

pub(super) async fn invitation(store: &Store, code: u8, user: Option<UserId>) -> InvitationId {
    let id = InvitationId::random();
    let invitation =
        NewInvitation { id, code_hash: [code; 32], user, max_devices: 4, now: NOW, expires_at: NOW + 3600 };
    store.create_invitation(&invitation, &act("invitation.create")).await.unwrap();
    id
}

pub(super) async fn invitations(store: Store) {
    let id = invitation(&store, 1, None).await;
    assert!(!store.is_pristine().await.unwrap());
    let open = store.find_invitation(&[1; 32], NOW + 3599).await.unwrap().unwrap();
    assert_eq!((open.id, open.user, open.max_devices), (id, None, 4));
    assert!(store.find_invitation(&[1; 32], NOW + 3600).await.unwrap().is_none());
    assert!(store.find_invitation(&[2; 32], NOW).await.unwrap().is_none());

    user(&store, "alice").await;
    let taken = Enrollee::New(new_user("alice", None));
    assert_eq!(store.enroll(id, &taken, &login(v2(1))).await.unwrap(), EnrollOutcome::NameTaken);
    let late = NewLogin { now: NOW + 3600, ..login(v2(1)) };
    let bob = Enrollee::New(new_user("bob", None));
    assert_eq!(store.enroll(id, &bob, &late).await.unwrap(), EnrollOutcome::InvalidInvitation);
    let login = login(v2(1));
    assert_eq!(store.enroll(id, &bob, &login).await.unwrap(), EnrollOutcome::Enrolled(login.new_device));
    assert_eq!(store.standing(login.family).await.unwrap().unwrap().user.username.as_str(), "bob");
    assert!(store.find_invitation(&[1; 32], NOW).await.unwrap().is_none());
    let carol = Enrollee::New(new_user("carol", None));
    assert_eq!(store.enroll(id, &carol, &login).await.unwrap(), EnrollOutcome::InvalidInvitation);
    assert!(store.find_user(UserKey::Name(&name("carol"))).await.unwrap().is_none());
}

pub(super) async fn invitations_race(store: Store) {
    let id = invitation(&store, 1, None).await;
    let tries = (0..8u8).map(|i| {
        let (store, who, login) = (store.clone(), Enrollee::New(new_user(&format!("guest{i}"), None)), login(v2(i)));
        tokio::spawn(async move { store.enroll(id, &who, &login).await.unwrap() })
    });
    let mut enrolled = 0;
    for attempt in tries.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            EnrollOutcome::Enrolled(_) => enrolled += 1,
            EnrollOutcome::InvalidInvitation => {}
            EnrollOutcome::NameTaken | EnrollOutcome::UserGone | EnrollOutcome::NoDevice => panic!("not a race"),
        }
    }
    assert_eq!(enrolled, 1);
}

pub(super) async fn bound_invitations(store: Store) {
    let alice = user(&store, "alice").await;
    let id = invitation(&store, 1, Some(alice)).await;
    assert_eq!(store.find_invitation(&[1; 32], NOW).await.unwrap().unwrap().user, Some(alice));
    Plainly(&store).set_user_active(alice, false).await;
    let who = Enrollee::Existing(alice, proof());
    assert_eq!(store.enroll(id, &who, &login(v2(1))).await.unwrap(), EnrollOutcome::UserGone);
    Plainly(&store).set_user_active(alice, true).await;
    let login = login(v2(1));
    assert_eq!(store.enroll(id, &who, &login).await.unwrap(), EnrollOutcome::Enrolled(login.new_device));
}

fn operator(operator: &str, now: UnixSeconds) -> OperatorChange {
    OperatorChange {
        id: OperatorId::random(),
        name: name(operator),
        password_hash: Some(format!("$hash {now}")),
        role: None,
        forget_totp: false,
        now,
    }
}

async fn redeem(store: &Store, code: &[u8; 32], operator: &OperatorChange) -> Option<OperatorRow> {
    store.redeem_setup(code, operator, &act("operator.setup")).await.unwrap()
}

async fn put(store: &Store, operator: &OperatorChange) -> OperatorRow {
    match store.put_operator(operator, &act("operator.put")).await.unwrap() {
        PutOutcome::Put(row) => row,
        PutOutcome::NeedsPassword | PutOutcome::LastOwner | PutOutcome::Gone => panic!("refused"),
    }
}

pub(super) async fn operators(store: Store) {
    assert_eq!(store.setup_code(NOW).await.unwrap(), None);
    assert!(store.put_setup_code(&[1; 32], NOW + 10, &act("setup.code")).await.unwrap());
    assert!(store.put_setup_code(&[2; 32], NOW + 10, &act("setup.code")).await.unwrap());
    assert_eq!(store.setup_code(NOW + 9).await.unwrap(), Some([2; 32]));
    assert_eq!(store.setup_code(NOW + 10).await.unwrap(), None);
    assert!(redeem(&store, &[1; 32], &operator("root", NOW)).await.is_none());
    assert!(redeem(&store, &[2; 32], &operator("root", NOW + 10)).await.is_none());
    let first = redeem(&store, &[2; 32], &operator("root", NOW)).await.unwrap();
    assert!(!store.is_pristine().await.unwrap());
    assert!(!store.put_setup_code(&[3; 32], NOW + 10, &act("setup.code")).await.unwrap());
    assert_eq!(store.setup_code(NOW).await.unwrap(), None);
    let again = put(&store, &operator("root", NOW + 5)).await;
    assert_eq!((again.id, again.created_at), (first.id, NOW));
    assert_ne!(again.password_hash, first.password_hash);
    assert_ne!(put(&store, &operator("other", NOW)).await.id, first.id);
}

pub(super) async fn setup_codes_race(store: Store) {
    assert!(store.put_setup_code(&[1; 32], NOW + 10, &act("setup.code")).await.unwrap());
    let tries = (0..8).map(|i| {
        let (store, operator) = (store.clone(), operator(&format!("root{i}"), NOW));
        tokio::spawn(async move { redeem(&store, &[1; 32], &operator).await.is_some() })
    });
    let mut made = 0;
    for attempt in tries.collect::<Vec<_>>() {
        made += usize::from(attempt.await.unwrap());
    }
    assert_eq!(made, 1);
}

pub(super) async fn tls(store: Store) {
    assert_eq!(store.tls().await.unwrap(), None);
    for spki in ["aa", "bb"] {
        store.attest_tls(spki, NOW).await.unwrap();
        assert_eq!(store.tls().await.unwrap().as_deref(), Some(spki));
    }
}
