//! `tornadod audit`

use crate::commands::args::{Audit, Format};
use crate::commands::{Server, say_json, show};
use crate::failure::{Failure, Outcome as _};
use crate::output::{ago, say, table};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::audit::{Audit as _, AuditClient, AuditQuery, AuditRow};
use tornado_rpc::NoInput;

pub async fn run(server: &Server, command: Audit) -> Result<(), Failure> {
    let trail = AuditClient::new(server.channel(ServiceName::Auth));
    match command {
        Audit::List { action, actor, before, limit, json } => {
            let query = AuditQuery { before, action, actor, limit };
            let rows = trail.list_audit(Acting::root(query)).await.or_cannot("read the audit trail")?;
            show(json, &rows, |rows| list(rows))
        }
        Audit::Verify(Format { json }) => verify(&trail, json).await,
    }
}

fn list(rows: &[AuditRow]) {
    let line = |row: &AuditRow| {
        let details = row.details.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        [
            row.seq.to_string(),
            ago(row.at),
            row.actor.clone(),
            row.action.clone(),
            row.subject.clone(),
            row.outcome.clone(),
            details.join(" "),
        ]
    };
    table(["NO", "WHEN", "ACTOR", "ACTION", "SUBJECT", "OUTCOME", "DETAILS"], rows.iter().map(line));
}

async fn verify(trail: &AuditClient, json: bool) -> Result<(), Failure> {
    let verdict = trail.verify_audit(Acting::root(NoInput {})).await.or_cannot("verify the audit trail")?;
    if json {
        say_json(&verdict)?;
    }
    if let Some(broken) = verdict.broken {
        return Err(Failure::failed(format!(
            "the audit trail is broken at row {}: {}; keep the database and audit-head.json unchanged, compare them \
             with a backup, and find out which processes could write them",
            broken.seq, broken.why
        )));
    }
    if !json {
        say(&format!("the audit trail is intact: {} rows, signed up to row {}", verdict.rows, verdict.signed));
    }
    Ok(())
}
