//! `tornadod audit`

use crate::commands::args::Audit;
use crate::commands::{Server, say_json};
use crate::failure::Failure;
use crate::output::{say, span, table};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::audit::{Audit as _, AuditClient, AuditQuery, AuditRow};
use tornado_rpc::NoInput;
use tornado_runtime::clock::unix_now;

pub async fn run(server: &Server, command: Audit) -> Result<(), Failure> {
    let trail = AuditClient::new(server.channel(ServiceName::Auth));
    match command {
        Audit::List { action, actor, before, limit, json } => {
            let query = AuditQuery { before, action, actor, limit };
            let rows = trail.list_audit(Acting::root(query)).await;
            list(&rows.map_err(|e| Failure::of_call("read the audit trail", &e))?, json)
        }
        Audit::Verify { json } => verify(&trail, json).await,
    }
}

fn list(rows: &[AuditRow], json: bool) -> Result<(), Failure> {
    if json {
        return say_json(&rows);
    }
    let now = unix_now();
    let heading = ["NO", "WHEN", "ACTOR", "ACTION", "SUBJECT", "OUTCOME", "DETAILS"].map(String::from).to_vec();
    let line = |row: &AuditRow| {
        let details = row.details.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        vec![
            row.seq.to_string(),
            format!("{} ago", span(now - row.at)),
            row.actor.clone(),
            row.action.clone(),
            row.subject.clone(),
            row.outcome.clone(),
            details.join(" "),
        ]
    };
    table(&std::iter::once(heading).chain(rows.iter().map(line)).collect::<Vec<_>>());
    Ok(())
}

async fn verify(trail: &AuditClient, json: bool) -> Result<(), Failure> {
    let verdict = trail.verify_audit(Acting::root(NoInput {})).await;
    let verdict = verdict.map_err(|e| Failure::of_call("verify the audit trail", &e))?;
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
