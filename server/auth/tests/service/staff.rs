//! Operators: roles, sign-ins, second factors of operators and users.

use crate::support::world::{PASSWORD, World, credentials};
use tornado_contracts::auth::keys::KeyRing as _;
use tornado_contracts::auth::operators::{
    CheckRight, ConfirmPassword, ConfirmTotp, OperatorRef, OperatorRole, Operators as _, PutOperatorRole, SignIn,
    SignInRef, SignedIn,
};
use tornado_contracts::auth::users::{OwnAct, OwnPassword, TotpCode, UserQuery, UserRef, Users as _};
use tornado_contracts::auth::{Acting, AuthError};
use tornado_rpc::{NoInput, ServiceError as _};
use tornado_shared::api::TotpOffer;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::Secret;

fn role(name: &str, role: OperatorRole) -> PutOperatorRole {
    let password = Some(Secret::new(PASSWORD));
    PutOperatorRole { name: name.parse().unwrap(), password, role: Some(role), forget_totp: false }
}

fn sign_in(name: &str, password: &str, code: Option<&str>) -> SignIn {
    SignIn {
        name: name.parse().unwrap(),
        password: Secret::new(password),
        code: code.map(Secret::new),
        client_ip: "192.0.2.9".parse().unwrap(),
    }
}

fn everybody(token: &Secret) -> Acting<UserQuery> {
    Acting::operator(token.clone(), UserQuery { limit: 10, ..UserQuery::default() })
}

/// The code shown by an authenticator app.
fn code(offer: &TotpOffer, at: i64) -> Secret {
    let secret = totp_rs::Secret::try_from_base32(offer.secret.expose()).unwrap();
    let app = totp_rs::Builder::new().with_algorithm(totp_rs::Algorithm::SHA1).with_secret(secret).build().unwrap();
    Secret::new(app.generate(at.try_into().unwrap()).to_string())
}

impl World {
    pub async fn staff(&self) -> [SignedIn; 3] {
        let roles = [("olga", OperatorRole::Owner), ("otto", OperatorRole::Operator), ("vera", OperatorRole::Viewer)];
        let mut signed_in = Vec::new();
        for (name, what) in roles {
            self.operators().put_operator_role(Acting::root(role(name, what))).await.unwrap();
            signed_in.push(self.operators().sign_in(sign_in(name, PASSWORD, None)).await.unwrap());
        }
        signed_in.try_into().unwrap()
    }
}

#[tokio::test]
async fn each_role_has_the_rights_of_the_table() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let [owner, operator, viewer] = world.staff().await;
    for token in [&owner.token, &operator.token, &viewer.token] {
        assert_eq!(world.users().list_users(everybody(token)).await.unwrap().total, 1);
    }
    let revoke = |token: &Secret| Acting::operator(token.clone(), UserRef { user: "alice".into() });
    assert_eq!(world.users().revoke_user(revoke(&viewer.token)).await.unwrap_err(), AuthError::NotAllowed);
    world.users().revoke_user(revoke(&operator.token)).await.unwrap();
    let put = |token: &Secret| Acting::operator(token.clone(), role("eve", OperatorRole::Owner));
    assert_eq!(world.operators().put_operator_role(put(&operator.token)).await.unwrap_err(), AuthError::NotAllowed);
    world.operators().put_operator_role(put(&owner.token)).await.unwrap();
    let may = |token: &Secret, act: &str| Acting::operator(token.clone(), CheckRight { act: act.into() });
    assert!(world.operators().check(may(&operator.token, "sessions.close")).await.is_ok());
    assert_eq!(world.operators().check(may(&viewer.token, "sessions.close")).await.unwrap_err().status(), 403);
    assert_eq!(world.operators().check(may(&owner.token, "no.such_act")).await.unwrap_err().code(), "not_found");
    let actions = world.actions().await;
    assert!(actions.contains(&"operator:otto user.revoke done".to_owned()), "{actions:?}");
    assert!(actions.contains(&"operator:vera access.refused refused".to_owned()), "{actions:?}");
    assert!(world.verdict().await.broken.is_none());
}

#[tokio::test]
async fn sign_ins_end_by_sign_out_time_password_and_revocation() {
    let world = World::new().await;
    let [owner, operator, viewer] = world.staff().await;
    let me = |token: &Secret| Acting::operator(token.clone(), NoInput {});
    let standing = world.operators().whoami(me(&viewer.token)).await.unwrap();
    assert_eq!((standing.operator.role, standing.operator.totp), (OperatorRole::Viewer, false));
    assert!(standing.allowed.contains(&"users.read".to_owned()));
    assert_eq!(world.operators().list_sign_ins(me(&viewer.token)).await.unwrap().len(), 1, "only its own");
    let all = world.operators().list_sign_ins(me(&owner.token)).await.unwrap();
    assert_eq!(all.len(), 3);
    let other = all.iter().find(|view| view.operator.as_str() == "otto").unwrap().id;
    let revoke = |token: &Secret| Acting::operator(token.clone(), SignInRef { id: other });
    assert_eq!(world.operators().revoke_sign_in(revoke(&viewer.token)).await.unwrap_err().code(), "not_found");
    world.operators().revoke_sign_in(revoke(&owner.token)).await.unwrap();
    assert_eq!(world.operators().whoami(me(&operator.token)).await.unwrap_err(), AuthError::SignedOut);
    world.operators().sign_out(me(&viewer.token)).await.unwrap();
    assert_eq!(world.operators().whoami(me(&viewer.token)).await.unwrap_err(), AuthError::SignedOut);
    world.pass(8 * 3600 - 1);
    assert!(world.operators().whoami(me(&owner.token)).await.is_ok());
    world.pass(1);
    assert_eq!(world.operators().whoami(me(&owner.token)).await.unwrap_err(), AuthError::SignedOut);
    let again = world.operators().sign_in(sign_in("olga", PASSWORD, None)).await.unwrap();
    world.operators().put_operator_role(Acting::root(role("olga", OperatorRole::Owner))).await.unwrap();
    assert_eq!(world.operators().whoami(me(&again.token)).await.unwrap_err(), AuthError::SignedOut, "new password");
}

#[tokio::test]
async fn a_key_rotation_signs_no_operator_out() {
    let world = World::new().await;
    let [owner, ..] = world.staff().await;
    let me = || Acting::operator(owner.token.clone(), NoInput {});
    for _ in 0..3 {
        world.ring().rotate_keys(Acting::operator(owner.token.clone(), NoInput {})).await.unwrap();
        assert!(world.operators().whoami(me()).await.is_ok(), "right after a rotation");
        world.pass(600);
        world.service.upkeep().await;
        assert!(world.operators().whoami(me()).await.is_ok(), "while the old keys still verify");
    }
    let world = world.restart().await;
    assert!(world.operators().whoami(me()).await.is_ok(), "and after a restart");
}

#[tokio::test]
async fn the_last_owner_cannot_be_removed() {
    let world = World::new().await;
    let [owner, ..] = world.staff().await;
    let remove = || Acting::operator(owner.token.clone(), OperatorRef { name: "olga".parse().unwrap() });
    assert_eq!(world.operators().remove_operator(remove()).await.unwrap_err(), AuthError::LastOwner);
    let demote = Acting::root(PutOperatorRole { password: None, ..role("olga", OperatorRole::Viewer) });
    assert_eq!(world.operators().put_operator_role(demote).await.unwrap_err(), AuthError::LastOwner);
    world.operators().put_operator_role(Acting::root(role("otto", OperatorRole::Owner))).await.unwrap();
    world.operators().remove_operator(remove()).await.unwrap();
    let me = Acting::operator(owner.token.clone(), NoInput {});
    assert_eq!(world.operators().whoami(me).await.unwrap_err(), AuthError::SignedOut);
}

#[tokio::test]
async fn guesses_at_an_operator_are_counted_and_recorded() {
    let world = World::new().await;
    world.staff().await;
    for attempts_left in [4, 3, 2, 1, 0] {
        let wrong = world.operators().sign_in(sign_in("olga", "wrong", None)).await.unwrap_err();
        assert_eq!((wrong.status(), wrong.code()), (401, "invalid_credentials"));
        assert_eq!(wrong, AuthError::SignInRefused { attempts_left });
    }
    let shut = world.operators().sign_in(sign_in("olga", PASSWORD, None)).await.unwrap_err();
    assert_eq!((shut.status(), shut.retry_after()), (429, Some(900)));
    assert!(world.actions().await.contains(&"unauthenticated operator.sign_in refused".to_owned()));
}

#[tokio::test]
async fn attempts_left_do_not_reveal_whether_an_operator_exists() {
    let world = World::new().await;
    world.staff().await;
    for (name, attempts_left) in [("olga", 4), ("unknown", 3), ("olga", 2), ("unknown", 1), ("olga", 0)] {
        let wrong = world.operators().sign_in(sign_in(name, "wrong", None)).await.unwrap_err();
        assert_eq!(wrong, AuthError::SignInRefused { attempts_left }, "{name}");
    }
}

#[tokio::test]
async fn an_operators_code_is_accepted_once() {
    let world = World::new().await;
    let [owner, ..] = world.staff().await;
    let act =
        |password: &str| Acting::operator(owner.token.clone(), ConfirmPassword { password: Secret::new(password) });
    assert_eq!(world.operators().begin_totp(act("wrong")).await.unwrap_err(), AuthError::InvalidCredentials);
    let offer = world.operators().begin_totp(act(PASSWORD)).await.unwrap();
    assert!(world.operators().sign_in(sign_in("olga", PASSWORD, None)).await.is_ok(), "not confirmed yet");
    let confirm = |code: Secret| Acting::operator(owner.token.clone(), ConfirmTotp { code });
    let wrong = world.operators().confirm_totp(confirm(Secret::new("000000x"))).await.unwrap_err();
    assert_eq!(wrong, AuthError::TotpInvalid);
    let first = code(&offer, world.now());
    let recovery = world.operators().confirm_totp(confirm(first.clone())).await.unwrap().codes;
    assert_eq!(recovery.len(), 10);
    let attempt = async |code: Option<&str>| world.operators().sign_in(sign_in("olga", PASSWORD, code)).await;
    assert_eq!(attempt(None).await.unwrap_err(), AuthError::TotpRequired);
    assert_eq!(attempt(Some(first.expose())).await.unwrap_err(), AuthError::TotpInvalid, "used to confirm");
    world.pass(30);
    let second = code(&offer, world.now());
    assert!(attempt(Some(second.expose())).await.is_ok());
    assert_eq!(attempt(Some(second.expose())).await.unwrap_err(), AuthError::TotpInvalid);
    assert!(attempt(Some(recovery[3].expose())).await.is_ok());
    assert_eq!(attempt(Some(recovery[3].expose())).await.unwrap_err(), AuthError::TotpInvalid);
    world.operators().end_totp(act(PASSWORD)).await.unwrap();
    assert!(attempt(None).await.is_ok());
}

#[tokio::test]
async fn users_log_in_with_a_second_factor_inside_the_envelope() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let device = IdentityKey::random();
    let welcome = world.login("alice", PASSWORD, &device).await.unwrap().payload;
    let access_token = welcome.tokens.access_token;
    let act = OwnAct { access_token: access_token.clone(), what: OwnPassword { password: Secret::new(PASSWORD) } };
    let offer = world.users().begin_own_totp(act.clone()).await.unwrap();
    let confirm = OwnAct { access_token, what: TotpCode { code: code(&offer, world.now()) } };
    let recovery = world.users().confirm_own_totp(confirm).await.unwrap().codes;
    assert_eq!(world.login("alice", PASSWORD, &device).await.unwrap_err(), AuthError::TotpRequired);
    assert_eq!(world.login("alice", "wrong", &device).await.unwrap_err(), AuthError::InvalidCredentials);
    let with = |code: &Secret| {
        let mut payload = credentials("alice", PASSWORD, &device);
        payload["totp"] = code.expose().into();
        payload
    };
    world.pass(60);
    let good = code(&offer, world.now());
    let from = "192.0.2.77";
    world.exchange(Purpose::Login, &with(&good), from).await.unwrap();
    let again = world.exchange(Purpose::Login, &with(&good), from).await.unwrap_err();
    assert_eq!((again.code(), again.status()), ("totp_invalid", 401));
    world.exchange(Purpose::Login, &with(&recovery[0]), from).await.unwrap();
    assert!(world.login_v1("alice", PASSWORD).await.is_err(), "clients of the original cannot bypass it");
    world.users().end_own_totp(act).await.unwrap_err();
    let info = world.users().show_user(Acting::root(UserRef { user: "alice".into() })).await.unwrap();
    assert!(info.totp, "the access token of a replaced login changes nothing");
}

/// An attacker who guesses codes already knows the password. From the sixth wrong code on, the pauses for codes apply.
#[tokio::test]
async fn wrong_second_factor_codes_cause_longer_pauses() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let device = IdentityKey::random();
    let access_token = world.login("alice", PASSWORD, &device).await.unwrap().payload.tokens.access_token;
    let act = OwnAct { access_token: access_token.clone(), what: OwnPassword { password: Secret::new(PASSWORD) } };
    let offer = world.users().begin_own_totp(act).await.unwrap();
    let confirm = OwnAct { access_token, what: TotpCode { code: code(&offer, world.now()) } };
    world.users().confirm_own_totp(confirm).await.unwrap();
    world.pass(60);
    let with = |code: &str, device: &IdentityKey| {
        let mut payload = credentials("alice", PASSWORD, device);
        payload["totp"] = code.into();
        payload
    };
    let mut refused = Vec::new();
    for host in 0..8 {
        let guess = with("000000x", &IdentityKey::random());
        let answer = world.exchange(Purpose::Login, &guess, &format!("198.51.100.{host}")).await;
        refused.push(answer.unwrap_err());
        world.pass(1);
    }
    assert_eq!(refused[4], AuthError::TotpInvalid);
    assert_eq!(refused[5], AuthError::TooManyAttempts { retry_after: 29 });
    let good = code(&offer, world.now());
    world.exchange(Purpose::Login, &with(good.expose(), &device), "192.0.2.1").await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_undone_needs_a_fresh_confirmation() {
    let world = World::new().await;
    let [owner, ..] = world.staff().await;
    let remove = |name: &str| Acting::operator(owner.token.clone(), OperatorRef { name: name.parse().unwrap() });
    let may = |act: &str| Acting::operator(owner.token.clone(), CheckRight { act: act.into() });
    let confirm =
        |password: &str| Acting::operator(owner.token.clone(), ConfirmPassword { password: Secret::new(password) });
    world.operators().check(may("logs.write")).await.unwrap();
    world.pass(301);
    assert_eq!(world.operators().remove_operator(remove("vera")).await.unwrap_err(), AuthError::ConfirmationRequired);
    assert_eq!(world.operators().check(may("logs.write")).await.unwrap_err().code(), "confirmation_required");
    for change in [role("mallory", OperatorRole::Owner), role("otto", OperatorRole::Owner)] {
        let change = Acting::operator(owner.token.clone(), change);
        let refused = world.operators().put_operator_role(change).await.unwrap_err();
        assert_eq!(refused, AuthError::ConfirmationRequired, "a new owner, or the password of another operator");
    }
    world.operators().check(may("users.write")).await.unwrap();
    assert!(world.operators().confirm_sign_in(confirm("a wrong password")).await.is_err());
    assert_eq!(world.operators().remove_operator(remove("vera")).await.unwrap_err(), AuthError::ConfirmationRequired);
    world.operators().confirm_sign_in(confirm(PASSWORD)).await.unwrap();
    world.operators().remove_operator(remove("vera")).await.unwrap();
    let otto = Acting::operator(owner.token.clone(), role("otto", OperatorRole::Owner));
    world.operators().put_operator_role(otto).await.unwrap();

    let me = Acting::operator(owner.token.clone(), NoInput {});
    let own = world.operators().list_sign_ins(me).await.unwrap().into_iter().find(|view| view.is_own).unwrap();
    assert_eq!((own.used_at - own.created_at, own.address.as_str()), (301, "192.0.2.9"));
}
