//! Roles and sign-ins of operators, and second factors.

use super::{NOW, Store, act, name, user};
use crate::identity::{
    ApiTokenOutcome, FactorOwner, MAX_API_TOKENS, MAX_PASSKEYS, NewApiToken, NewSignIn, OperatorChange, PasskeyOutcome,
    PasskeyRow, Proof, PutOutcome, RemoveOutcome, UsedPasskey,
};
use crate::{StoreError, Verified};
use tornado_shared::model::OperatorId;
use uuid::Uuid;

fn change(who: &str, password: Option<&str>, role: Option<&str>) -> OperatorChange {
    OperatorChange {
        id: OperatorId::random(),
        name: name(who),
        password_hash: password.map(str::to_owned),
        role: role.map(str::to_owned),
        forget_totp: false,
        now: NOW,
    }
}

/// Password hash of an account created by [`user`].
const HASH: &str = "$argon2id$one";

fn proof(hash: &str) -> Proof {
    Proof { password_hash: hash.into(), factor: None }
}

async fn put(store: &Store, change: &OperatorChange) -> PutOutcome {
    store.put_operator(change, &act("operator.put")).await.unwrap()
}

async fn remove(store: &Store, who: &str) -> RemoveOutcome {
    store.remove_operator(&name(who), &act("operator.remove")).await.unwrap()
}

pub(super) async fn roles(store: Store) {
    assert_eq!(put(&store, &change("ann", None, None)).await, PutOutcome::NeedsPassword);
    assert_eq!(put(&store, &change("ann", Some("$1"), Some("viewer"))).await, PutOutcome::LastOwner);
    assert!(store.find_operator(&name("ann")).await.unwrap().is_none());
    let PutOutcome::Put(ann) = put(&store, &change("ann", Some("$1"), None)).await else { panic!("refused") };
    assert_eq!(ann.role, "owner");
    assert!(matches!(put(&store, &change("ben", Some("$1"), Some("viewer"))).await, PutOutcome::Put(_)));
    assert_eq!(put(&store, &change("ann", None, Some("operator"))).await, PutOutcome::LastOwner);
    assert_eq!(remove(&store, "ann").await, RemoveOutcome::LastOwner);
    assert_eq!(store.find_operator(&name("ann")).await.unwrap().unwrap().role, "owner");
    let PutOutcome::Put(ben) = put(&store, &change("ben", None, Some("owner"))).await else { panic!("refused") };
    assert_eq!((ben.role.as_str(), ben.password_hash.as_str()), ("owner", "$1"));
    assert_eq!(remove(&store, "ann").await, RemoveOutcome::Removed);
    assert_eq!(remove(&store, "ann").await, RemoveOutcome::Gone);
    assert_eq!(store.list_operators().await.unwrap().len(), 1);
}

pub(super) async fn last_owners_race(store: Store) {
    for who in ["ann", "ben"] {
        put(&store, &change(who, Some("$"), Some("owner"))).await;
    }
    let tries = ["ann", "ben"].map(|who| {
        let store = store.clone();
        tokio::spawn(async move { remove(&store, who).await })
    });
    let mut removed = 0;
    for attempt in tries {
        removed += usize::from(attempt.await.unwrap() == RemoveOutcome::Removed);
    }
    assert_eq!((removed, store.list_operators().await.unwrap().len()), (1, 1));
}

pub(super) async fn sign_ins(store: Store) {
    let PutOutcome::Put(ann) = put(&store, &change("ann", Some("$"), None)).await else { panic!("refused") };
    let open = |number: u8, expires_at| NewSignIn {
        id: Uuid::new_v4(),
        operator: ann.id,
        token_hash: [number; 32],
        now: NOW,
        expires_at,
        address: "192.0.2.1".to_owned(),
    };
    let (one, two) = (open(1, NOW + 10), open(2, NOW + 20));
    for new in [&one, &two] {
        store.open_sign_in(new, &proof("$"), &act("operator.sign_in")).await.unwrap();
    }
    assert_eq!(store.sign_in(&[1; 32], NOW + 9).await.unwrap().unwrap().1.name, name("ann"));
    assert!(store.sign_in(&[1; 32], NOW + 10).await.unwrap().is_none());
    assert!(store.sign_in(&[3; 32], NOW).await.unwrap().is_none());
    assert_eq!(store.list_sign_ins(NOW + 10).await.unwrap().len(), 1);
    let row = store.list_sign_ins(NOW + 10).await.unwrap().remove(0);
    assert_eq!((row.used_at, row.address.as_str()), (NOW, "192.0.2.1"));
    store.touch_sign_in(two.id, NOW + 7).await.unwrap();
    assert_eq!(store.list_sign_ins(NOW + 10).await.unwrap()[0].used_at, NOW + 7);
    assert_eq!(store.sign_in_confirmed_at(two.id).await.unwrap(), Some(NOW));
    assert!(store.confirm_sign_in(two.id, NOW + 8, &act("operator.confirmed")).await.unwrap());
    assert_eq!(store.sign_in_confirmed_at(two.id).await.unwrap(), Some(NOW + 8));
    assert!(!store.confirm_sign_in(Uuid::new_v4(), NOW, &act("operator.confirmed")).await.unwrap());
    assert_eq!(store.sign_in_confirmed_at(Uuid::new_v4()).await.unwrap(), None);
    assert!(store.end_sign_in(one.id, &act("operator.sign_out")).await.unwrap());
    assert!(!store.end_sign_in(one.id, &act("operator.sign_out")).await.unwrap());
    put(&store, &change("ann", None, Some("owner"))).await;
    assert!(store.sign_in(&[2; 32], NOW).await.unwrap().is_some(), "a change of role must not end a sign-in");
    put(&store, &change("ann", Some("$new"), None)).await;
    assert!(store.sign_in(&[2; 32], NOW).await.unwrap().is_none(), "a new password must end all sign-ins");
    store.open_sign_in(&open(4, NOW + 5), &proof("$new"), &act("operator.sign_in")).await.unwrap();
    assert_eq!(store.prune(NOW + 5).await.unwrap(), 1);
}

pub(super) async fn second_factors(store: Store) {
    let owner = FactorOwner::User(user(&store, "alice").await);
    assert!(store.factor(owner).await.unwrap().is_none());
    assert!(store.offer_factor(owner, HASH, &[1], NOW).await.unwrap());
    assert!(store.offer_factor(owner, HASH, &[2], NOW).await.unwrap());
    assert!(!store.use_step(owner, 1).await.unwrap(), "not confirmed yet");
    assert!(store.confirm_factor(owner, &[2], 10, &[[1; 32], [2; 32]], &act("user.totp_on")).await.unwrap());
    assert!(!store.confirm_factor(owner, &[2], 11, &[], &act("user.totp_on")).await.unwrap());
    assert!(!store.offer_factor(owner, HASH, &[3], NOW).await.unwrap());
    let factor = store.factor(owner).await.unwrap().unwrap();
    assert_eq!((factor.sealed_secret.as_slice(), factor.confirmed), ([2].as_slice(), true));
    assert!(!store.use_step(owner, 10).await.unwrap(), "already used for the confirmation");
    let tries = (0..4).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.use_step(owner, 12).await.unwrap() })
    });
    let mut passed = 0;
    for attempt in tries.collect::<Vec<_>>() {
        passed += usize::from(attempt.await.unwrap());
    }
    assert_eq!(passed, 1, "one code must allow one login");
    assert!(!store.use_step(owner, 11).await.unwrap(), "older than the latest used step");
    let recover = async |code: u8| store.use_recovery(owner, &[code; 32], NOW, &act("user.recovery")).await.unwrap();
    assert!(recover(1).await);
    assert!(!recover(1).await);
    assert!(!recover(9).await);
    let other = FactorOwner::Operator(OperatorId::random());
    assert!(!store.use_recovery(other, &[2; 32], NOW, &act("user.recovery")).await.unwrap());
    assert!(store.remove_factor(owner, HASH, &act("user.totp_off")).await.unwrap());
    assert!(!store.remove_factor(owner, HASH, &act("user.totp_off")).await.unwrap());
    assert!(!recover(2).await);
}

pub(super) async fn api_tokens(store: Store) {
    for who in ["ann", "ben"] {
        put(&store, &change(who, Some("$"), Some("owner"))).await;
    }
    let ann = store.find_operator(&name("ann")).await.unwrap().unwrap();
    let new = |number: u8, name: &str| NewApiToken {
        id: Uuid::new_v4(),
        operator: ann.id,
        name: name.to_owned(),
        token_hash: [number; 32],
        scopes: "users.read tor.read".to_owned(),
        now: NOW,
        expires_at: NOW + 10,
    };
    let create = async |new: &NewApiToken| store.create_api_token(new, &act("token.create")).await.unwrap();
    let first = new(0, "backup");
    assert_eq!(create(&first).await, ApiTokenOutcome::Created);
    assert_eq!(create(&new(1, "backup")).await, ApiTokenOutcome::NameTaken);
    let (row, operator) = store.api_token(&[0; 32]).await.unwrap().unwrap();
    assert_eq!((row.id, row.used_at, row.expires_at, operator.id), (first.id, None, NOW + 10, ann.id));
    assert_eq!((row.name.as_str(), row.operator.as_str(), row.scopes), ("backup", "ann", first.scopes.clone()));
    store.touch_api_token(first.id, NOW + 60).await.unwrap();
    assert_eq!(store.list_api_tokens().await.unwrap()[0].used_at, Some(NOW + 60));
    assert_eq!(store.api_token(&[9; 32]).await.unwrap(), None);

    for number in 1..u8::try_from(MAX_API_TOKENS).unwrap() {
        assert_eq!(create(&new(number, &format!("t{number}"))).await, ApiTokenOutcome::Created);
    }
    assert_eq!(create(&new(200, "one-more")).await, ApiTokenOutcome::TooMany);
    assert!(store.end_api_token(first.id, &act("token.revoke")).await.unwrap());
    assert!(!store.end_api_token(first.id, &act("token.revoke")).await.unwrap());
    assert_eq!(store.api_token(&[0; 32]).await.unwrap(), None);

    let kept = NOW + 10 + 30 * 86_400;
    store.prune(kept - 1).await.unwrap();
    assert!(store.api_token(&[1; 32]).await.unwrap().is_some(), "an expired token is listed for some time");
    store.prune(kept).await.unwrap();
    assert_eq!(store.list_api_tokens().await.unwrap(), []);
    assert_eq!(create(&new(1, "again")).await, ApiTokenOutcome::Created);
    assert_eq!(remove(&store, "ann").await, RemoveOutcome::Removed);
    assert_eq!(store.list_api_tokens().await.unwrap(), []);
}

pub(super) async fn passkeys(store: Store) {
    for who in ["ann", "ben"] {
        put(&store, &change(who, Some("$"), Some("owner"))).await;
    }
    let ann = store.find_operator(&name("ann")).await.unwrap().unwrap();
    let new = |number: u8| PasskeyRow {
        id: Uuid::new_v4(),
        operator: ann.id,
        name: format!("key {number}"),
        credential_id: vec![number; 16],
        passkey: "{}".to_owned(),
        created_at: NOW + i64::from(number),
        used_at: None,
    };
    let add = async |new: &PasskeyRow| store.add_passkey(new, &act("operator.passkey_on")).await.unwrap();
    let first = new(0);
    assert_eq!(add(&first).await, PasskeyOutcome::Added);
    assert_eq!(add(&new(0)).await, PasskeyOutcome::Known);
    for number in 1..u8::try_from(MAX_PASSKEYS).unwrap() {
        assert_eq!(add(&new(number)).await, PasskeyOutcome::Added);
    }
    assert_eq!(add(&new(99)).await, PasskeyOutcome::TooMany);
    let (row, all) = store.operator_passkeys(ann.id).await.unwrap().unwrap();
    assert_eq!((row.name.as_str(), all.len(), &all[0]), ("ann", 10, &first));
    assert!(store.operator_passkeys(OperatorId::random()).await.unwrap().is_none());

    let used = UsedPasskey { id: first.id, passkey: "{\"counter\":1}".to_owned(), now: NOW + 5 };
    let sign_in = NewSignIn {
        id: Uuid::new_v4(),
        operator: ann.id,
        token_hash: [7; 32],
        now: NOW,
        expires_at: NOW + 100,
        address: String::new(),
    };
    store.sign_in_by_passkey(&sign_in, &used, &act("operator.sign_in")).await.unwrap();
    assert_eq!(store.sign_in(&[7; 32], NOW).await.unwrap().unwrap().1.name, name("ann"));
    store.confirm_by_passkey(sign_in.id, &used, &act("operator.confirmed")).await.unwrap();
    assert_eq!(store.sign_in_confirmed_at(sign_in.id).await.unwrap(), Some(NOW + 5));
    let stored = store.operator_passkeys(ann.id).await.unwrap().unwrap().1.swap_remove(0);
    assert_eq!((stored.passkey, stored.used_at), (used.passkey.clone(), Some(NOW + 5)));

    let ben = store.find_operator(&name("ben")).await.unwrap().unwrap();
    assert!(!store.remove_passkey(ben.id, first.id, &act("operator.passkey_off")).await.unwrap(), "not its own");
    assert!(store.remove_passkey(ann.id, first.id, &act("operator.passkey_off")).await.unwrap());
    let again = NewSignIn { id: Uuid::new_v4(), token_hash: [8; 32], ..sign_in };
    let late = store.sign_in_by_passkey(&again, &used, &act("operator.sign_in")).await.unwrap_err();
    assert!(matches!(late, StoreError::Lapsed(Verified::Credentials)), "{late}");
    assert_eq!(remove(&store, "ann").await, RemoveOutcome::Removed);
    assert!(store.operator_passkeys(ann.id).await.unwrap().is_none());
}

pub(super) async fn forgotten_factors(store: Store) {
    let mut all = Vec::new();
    for (number, who) in [(1_u8, "ann"), (2, "ben")] {
        put(&store, &change(who, Some("$"), Some("owner"))).await;
        let id = store.find_operator(&name(who)).await.unwrap().unwrap().id;
        let owner = FactorOwner::Operator(id);
        assert!(store.offer_factor(owner, "$", &[number], NOW).await.unwrap());
        assert!(store.confirm_factor(owner, &[number], 10, &[[number; 32]], &act("operator.totp_on")).await.unwrap());
        let key = PasskeyRow {
            id: Uuid::new_v4(),
            operator: id,
            name: "key".to_owned(),
            credential_id: vec![number; 16],
            passkey: "{}".to_owned(),
            created_at: NOW,
            used_at: None,
        };
        assert_eq!(store.add_passkey(&key, &act("operator.passkey_on")).await.unwrap(), PasskeyOutcome::Added);
        let token = NewApiToken {
            id: Uuid::new_v4(),
            operator: id,
            name: "backup".to_owned(),
            token_hash: [number; 32],
            scopes: "tor.read".to_owned(),
            now: NOW,
            expires_at: NOW + 10,
        };
        assert_eq!(store.create_api_token(&token, &act("token.create")).await.unwrap(), ApiTokenOutcome::Created);
        let sign_in = NewSignIn {
            id: Uuid::new_v4(),
            operator: id,
            token_hash: [number; 32],
            now: NOW,
            expires_at: NOW + 10,
            address: String::new(),
        };
        let proof = Proof { password_hash: "$".into(), factor: Some(vec![number]) };
        store.open_sign_in(&sign_in, &proof, &act("operator.sign_in")).await.unwrap();
        all.push((id, number));
    }
    let forget = OperatorChange { forget_totp: true, ..change("ann", None, None) };
    assert!(matches!(put(&store, &forget).await, PutOutcome::Put(_)));
    for ((id, number), is_kept) in all.into_iter().zip([false, true]) {
        let owner = FactorOwner::Operator(id);
        assert_eq!(store.factor(owner).await.unwrap().is_some(), is_kept);
        let code = store.use_recovery(owner, &[number; 32], NOW, &act("operator.recovery")).await.unwrap();
        assert_eq!(code, is_kept);
        assert_eq!(store.operator_passkeys(id).await.unwrap().unwrap().1.len(), usize::from(is_kept));
        assert_eq!(store.api_token(&[number; 32]).await.unwrap().is_some(), is_kept);
        assert!(store.sign_in(&[number; 32], NOW).await.unwrap().is_some(), "only a new password ends sign-ins");
    }
}

pub(super) async fn settings(store: Store) {
    let put = async |value: Option<&str>| store.put_setting("server.host", value, &act("settings.put")).await.unwrap();
    assert_eq!(store.setting("server.host").await.unwrap(), None);
    for value in ["a.example", "b.example"] {
        put(Some(value)).await;
        assert_eq!(store.setting("server.host").await.unwrap().as_deref(), Some(value));
    }
    for _ in 0..2 {
        put(None).await;
        assert_eq!(store.setting("server.host").await.unwrap(), None);
    }
}
