//! The audit trail through the service, and every way to falsify it.

use crate::support::world::{PASSWORD, World};
use std::collections::BTreeMap;
use tornado_contracts::auth::audit::{AppendAudit, Audit as _, AuditQuery, AuditVerdict, Outcome};
use tornado_contracts::auth::{Acting, Auth as _, AuthError, PutOperator};
use tornado_rpc::{NoInput, ServiceError as _};
use tornado_shared::model::Secret;

impl World {
    pub async fn verdict(&self) -> AuditVerdict {
        self.audit().verify_audit(Acting::root(NoInput {})).await.unwrap()
    }

    pub async fn actions(&self) -> Vec<String> {
        let query = AuditQuery { limit: 100, ..AuditQuery::default() };
        let rows = self.audit().list_audit(Acting::root(query)).await.unwrap();
        rows.into_iter().rev().map(|row| format!("{} {} {}", row.actor, row.action, row.outcome)).collect()
    }

    /// Five rows, each signed when it was written.
    async fn trail(&self) {
        for i in 0..5 {
            self.append(&format!("lane.test_{i}"), "lane:tor").await.unwrap();
        }
        assert_eq!(self.verdict().await, AuditVerdict { rows: 5, signed: 5, broken: None });
    }

    async fn append(&self, action: &str, subject: &str) -> Result<(), tornado_contracts::auth::AuthError> {
        let details = BTreeMap::from([("probe".to_owned(), "dns".to_owned())]);
        let (action, subject) = (action.to_owned(), subject.to_owned());
        let input = AppendAudit { operator: None, action, subject, outcome: Outcome::Failed, details };
        self.audit().append(input).await.map(drop)
    }

    /// Simulates an attacker who has the database file but not the key directory.
    async fn sql(&self, text: &'static str) {
        use sqlx::Connection as _;
        let url = format!("sqlite://{}", self.dir.path().join("identity.db").display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(text).execute(&mut db).await.unwrap();
    }
}

#[tokio::test]
async fn services_append_and_operators_read() {
    let world = World::new().await;
    world.append("lane.canary_failed", "lane:tor").await.unwrap();
    let rows = world.audit().list_audit(Acting::root(AuditQuery { limit: 10, ..AuditQuery::default() })).await.unwrap();
    let row = &rows[0];
    assert_eq!((row.seq, row.actor.as_str(), row.action.as_str()), (1, "root", "lane.canary_failed"));
    assert_eq!((row.outcome.as_str(), row.details["probe"].as_str()), ("failed", "dns"));
    assert_eq!(world.append("lane.canary_failed", "peer 192.0.2.1").await.unwrap_err().code(), "invalid_fields");
    assert_eq!(world.append("Nonsense", "x").await.unwrap_err().code(), "invalid_fields");
}

/// A row's author is the caller, or the operator whose sign-in token it carries: a caller cannot name another.
#[tokio::test]
async fn a_row_of_the_trail_names_its_writer() {
    let world = World::new().await;
    let [_, otto, _] = world.staff().await;
    let row = |operator| AppendAudit {
        operator,
        action: "console.export".into(),
        subject: "server".into(),
        outcome: Outcome::Done,
        details: BTreeMap::new(),
    };
    let forged = serde_json::json!({
        "actor": "operator:olga", "action": "user.delete", "subject": "user:x", "outcome": "done", "details": {},
    });
    assert!(serde_json::from_value::<AppendAudit>(forged).is_err());
    world.audit().append(row(Some(otto.token.clone()))).await.unwrap();
    world.audit().append(row(None)).await.unwrap();
    let stranger = world.audit().append(row(Some(Secret::new("A".repeat(26))))).await.unwrap_err();
    assert_eq!(stranger, AuthError::SignedOut);
    let query = AuditQuery { limit: 10, action: Some("console.".into()), ..AuditQuery::default() };
    let rows = world.audit().list_audit(Acting::root(query)).await.unwrap();
    let actors: Vec<_> = rows.iter().map(|row| row.actor.as_str()).collect();
    assert_eq!(actors, ["root", "operator:otto"]);
}

#[tokio::test]
async fn privileged_actions_leave_a_row() {
    let world = World::new().await;
    let code = world.client.setup_link(NoInput {}).await.unwrap().code.unwrap();
    let redeem =
        tornado_contracts::auth::RedeemSetup { code, name: "ann".parse().unwrap(), password: Secret::new(PASSWORD) };
    world.client.redeem_setup(redeem).await.unwrap();
    world.invitation(None).await;
    let put = PutOperator { name: "ben".parse().unwrap(), password: Secret::new(PASSWORD) };
    world.client.put_operator(put).await.unwrap();
    let expected = [
        "root setup.link done",
        "unauthenticated setup.redeem done",
        "operator:ann operator.sign_in done",
        "root invitation.create done",
        "root operator.put done",
    ];
    assert_eq!(world.actions().await, expected);
    assert_eq!(world.verdict().await, AuditVerdict { rows: 5, signed: 5, broken: None });
}

#[tokio::test]
async fn a_changed_row_is_reported() {
    let world = World::new().await;
    world.trail().await;
    world.sql("UPDATE audit_rows SET subject = 'lane:direct' WHERE seq = 3").await;
    let broken = world.verdict().await.broken.unwrap();
    assert_eq!(broken.seq, 3);
    // The finding is recorded as a row, but nothing is signed over the broken trail.
    world.append("lane.test_9", "lane:tor").await.unwrap();
    assert_eq!(world.verdict().await.broken.unwrap().seq, 3);
}

#[tokio::test]
async fn a_removed_row_is_reported() {
    let world = World::new().await;
    world.trail().await;
    world.sql("DELETE FROM audit_rows WHERE seq = 2").await;
    assert_eq!(world.verdict().await.broken.unwrap().seq, 2);
}

#[tokio::test]
async fn a_truncated_trail_is_reported() {
    let world = World::new().await;
    world.trail().await;
    world
        .sql(
            "DELETE FROM audit_rows WHERE seq > 3;
             UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit_rows WHERE seq = 3)",
        )
        .await;
    let verdict = world.verdict().await;
    assert_eq!((verdict.signed, verdict.broken.map(|broken| broken.seq)), (5, Some(4)));
    // Further rows do not repair the trail: the row with the signed number has another hash.
    for _ in 0..3 {
        world.append("lane.test_9", "lane:tor").await.unwrap();
    }
    assert_eq!(world.verdict().await.broken.unwrap().seq, 5);
}

#[tokio::test]
async fn an_emptied_trail_and_a_forged_head_are_reported() {
    let world = World::new().await;
    world.trail().await;
    world.sql("DELETE FROM audit_rows; UPDATE audit_head SET seq = 0, hash = zeroblob(32)").await;
    assert_eq!(world.verdict().await.broken.unwrap().seq, 1);
    let head = world.dir.path().join("audit-head.json");
    let text = std::fs::read_to_string(&head).unwrap().replace("\"seq\":5", "\"seq\":0");
    std::fs::write(&head, text).unwrap();
    assert!(world.verdict().await.broken.unwrap().why.contains("not signed by the audit key"));
}

#[tokio::test]
async fn a_head_left_behind_by_a_crash_is_signed_again() {
    let world = World::new().await;
    world.trail().await;
    let head = world.dir.path().join("audit-head.json");
    let before = std::fs::read(&head).unwrap();
    world.append("lane.test_9", "lane:tor").await.unwrap();
    std::fs::write(&head, before).unwrap();
    let world = world.restart().await;
    assert_eq!(world.verdict().await, AuditVerdict { rows: 6, signed: 6, broken: None });
}
