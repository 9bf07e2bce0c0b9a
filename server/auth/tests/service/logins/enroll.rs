//! Enrolment with invitations.

use crate::support::world::{PASSWORD, World};
use tornado_contracts::auth::{Acting, AttestTls, Auth as _, AuthError, CreateInvitation};
use tornado_rpc::ServiceError as _;
use tornado_shared::crypto::identity::{Fingerprint, IdentityKey, tls_statement};
use tornado_shared::invitation::Invitation;

#[tokio::test]
async fn an_invitation_makes_one_account_once() {
    let world = World::new().await;
    let invitation = world.invitation(None).await;
    assert_eq!(invitation.server.to_string(), "vpn.example.org:4605");
    assert_eq!(invitation.identity, world.info().await.identity.fingerprint());
    let device = IdentityKey::random();
    let welcome = world.enroll(&invitation, Some("Alice"), PASSWORD, &device).await.unwrap();
    assert_eq!(welcome.payload.user.username.as_str(), "alice");
    let again = world.enroll(&invitation, Some("bob"), PASSWORD, &IdentityKey::random()).await;
    assert_eq!(again.unwrap_err(), AuthError::InvalidInvitation);
    let login = world.login("alice", PASSWORD, &device).await.unwrap();
    assert_eq!(login.payload.device_id, welcome.payload.device_id);
}

#[tokio::test]
async fn an_invitation_admits_one_of_many_guests() {
    let world = World::new().await;
    let invitation = world.invitation(None).await;
    let devices: Vec<_> = (0..4).map(|_| IdentityKey::random()).collect();
    let names: Vec<_> = (0..4).map(|i| format!("guest{i}")).collect();
    let tries =
        names.iter().zip(&devices).map(|(name, device)| world.enroll(&invitation, Some(name), PASSWORD, device));
    let results = futures::future::join_all(tries).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.into_iter().filter_map(Result::err) {
        assert_eq!(error, AuthError::InvalidInvitation);
    }
}

#[tokio::test]
async fn a_rejected_enrolment_does_not_use_up_the_invitation() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let invitation = world.invitation(None).await;
    let device = IdentityKey::random();
    let taken = world.enroll(&invitation, Some("alice"), PASSWORD, &device).await;
    assert_eq!(taken.unwrap_err(), AuthError::NameTaken);
    for password in ["too short", "bob.the.builder", &"x".repeat(1025)] {
        let refused = world.enroll(&invitation, Some("bob.the.builder"), password, &device).await.unwrap_err();
        assert_eq!(refused.code(), "invalid_fields", "{password}");
    }
    assert_eq!(world.enroll(&invitation, None, PASSWORD, &device).await.unwrap_err().code(), "invalid_fields");
    assert!(world.enroll(&invitation, Some("bob"), PASSWORD, &device).await.is_ok());
}

#[tokio::test]
async fn an_invitation_expires() {
    let world = World::new().await;
    let invitation = world.invitation(None).await;
    world.pass(3600);
    let late = world.enroll(&invitation, Some("alice"), PASSWORD, &IdentityKey::random()).await;
    assert_eq!(late.unwrap_err(), AuthError::InvalidInvitation);
}

#[tokio::test]
async fn a_bound_invitation_adds_a_device_to_its_account_only() {
    let world = World::new().await;
    let alice = world.account("alice", None, 3).await;
    world.account("bob", None, 3).await;
    let invitation = world.invitation(Some("alice")).await;
    let device = IdentityKey::random();
    let other = world.enroll(&invitation, Some("bob"), PASSWORD, &device).await.unwrap_err();
    assert_eq!(other.code(), "invalid_fields");
    let wrong = world.enroll(&invitation, None, "wrong password", &device).await;
    assert_eq!(wrong.unwrap_err(), AuthError::InvalidCredentials);
    let welcome = world.enroll(&invitation, None, PASSWORD, &device).await.unwrap();
    assert_eq!(welcome.payload.user.id, alice);
    let again = world.enroll(&invitation, Some("alice"), PASSWORD, &device).await;
    assert_eq!(again.unwrap_err(), AuthError::InvalidInvitation);
}

#[tokio::test]
async fn invitations_carry_the_attested_certificate() {
    let world = World::new().await;
    assert_eq!(world.info().await.tls, None);
    assert_eq!(world.invitation(None).await.tls, None);
    let spki_sha256 = "ab".repeat(32);
    world.client.attest_tls(AttestTls { spki_sha256: spki_sha256.clone() }).await.unwrap();
    let info = world.info().await;
    let tls = info.tls.unwrap();
    assert_eq!(tls.spki_sha256, spki_sha256);
    assert_eq!(info.identity.verify(&tls_statement(&spki_sha256), &tls.signature), Ok(()));
    assert_eq!(world.invitation(None).await.tls, Some(Fingerprint([0xab; 32])));
    for wrong in ["", "AB", &"AB".repeat(32), &"zz".repeat(32)] {
        let refused = world.client.attest_tls(AttestTls { spki_sha256: wrong.to_owned() }).await.unwrap_err();
        assert_eq!(refused.code(), "invalid_fields", "{wrong}");
    }
}

#[tokio::test]
async fn invitations_are_bounded() {
    // Without a host the machine's own address is used; `ground` in tornadod tests a machine without an address.
    let world = World::without_address().await;
    let input = |host: Option<&str>, max_devices, lifetime| CreateInvitation {
        username: None,
        max_devices,
        lifetime,
        host: host.map(str::to_owned),
    };
    for wrong in [
        input(Some("a b"), 3, 60),
        input(Some("x.example"), 0, 60),
        input(Some("x.example"), 11, 60),
        input(Some("x.example"), 3, 0),
        input(Some("x.example"), 3, 31 * 86_400),
    ] {
        assert_eq!(world.client.create_invitation(Acting::root(wrong)).await.unwrap_err().code(), "invalid_fields");
    }
    let made = world.client.create_invitation(Acting::root(input(Some("2001:db8::1"), 3, 60))).await.unwrap();
    let invitation: Invitation = made.link.expose().parse().unwrap();
    assert_eq!(invitation.server.to_string(), "[2001:db8::1]:4605");
    let nobody = CreateInvitation { username: Some("nobody".parse().unwrap()), ..input(Some("x.example"), 3, 60) };
    assert_eq!(world.client.create_invitation(Acting::root(nobody)).await.unwrap_err().code(), "invalid_fields");
}
