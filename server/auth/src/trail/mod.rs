//! The audit trail: writing, reading, verification, and the signed head.

mod head;
mod row;

pub use head::HeadFile;

use crate::actor::Actor;
use crate::fault;
use head::Signed;
use std::collections::BTreeMap;
use tokio::sync::Mutex;
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::audit::{AppendAudit, AuditQuery, AuditRow, AuditVerdict, BrokenRow, Outcome};
use tornado_rpc::Done;
use tornado_runtime::clock::Clock;
use tornado_store::StoreError;
use tornado_store::identity::chain::Walk;
use tornado_store::identity::{AuditFilter, NewAudit, SqlIdentityStore, StoredAudit};

const MAX_ROWS: u32 = 500;
const PAGE: i64 = 1000;

/// The trail in the store and its signed head.
pub struct Trail {
    store: SqlIdentityStore,
    head: HeadFile,
    /// Held while the head is compared and signed.
    signing: Mutex<()>,
    clock: Clock,
}

impl Trail {
    pub fn new(store: SqlIdentityStore, head: HeadFile, clock: Clock) -> Self {
        Self { store, head, signing: Mutex::new(()), clock }
    }

    /// A row that the store writes in the same transaction as the action.
    pub fn row(&self, actor: &Actor, action: &str, subject: impl Into<String>) -> NewAudit {
        self.detailed(actor, action, subject, &[])
    }

    pub fn detailed(
        &self,
        actor: &Actor,
        action: &str,
        subject: impl Into<String>,
        details: &[(&str, String)],
    ) -> NewAudit {
        let details: BTreeMap<_, _> = details.iter().map(|(name, value)| (*name, value.as_str())).collect();
        NewAudit {
            at: self.clock.now(),
            actor: actor.name.clone(),
            action: action.to_owned(),
            subject: subject.into(),
            outcome: Outcome::Done.as_str().to_owned(),
            details: serde_json::to_string(&details).unwrap_or_else(|_| "{}".into()),
            authority: actor.authority.clone(),
        }
    }

    /// Writes a row that is not tied to a change in the store. A failure is only logged, because the event has already
    /// happened.
    pub async fn note(&self, actor: &str, action: &str, subject: &str, outcome: Outcome) {
        let row = self.row(&Actor::named(actor), action, subject);
        let row = NewAudit { outcome: outcome.as_str().to_owned(), ..row };
        match self.store.append_audit(&row).await {
            Ok(()) => self.sign_trail().await,
            Err(error) => tracing::error!(%error, action, "could not write a row of the audit trail"),
        }
    }

    /// Appends a row of another service.
    pub async fn append(&self, actor: &Actor, input: AppendAudit) -> Result<Done, AuthError> {
        row::check(&actor.name, &input.action, &input.subject, &input.details).map_err(AuthError::InvalidFields)?;
        let details: Vec<_> = input.details.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let row = self.detailed(actor, &input.action, input.subject, &details);
        let row = NewAudit { outcome: input.outcome.as_str().to_owned(), ..row };
        self.signed(self.store.append_audit(&row)).await?;
        Ok(Done {})
    }

    pub async fn list_audit(&self, query: AuditQuery) -> Result<Vec<AuditRow>, AuthError> {
        if !(1..=MAX_ROWS).contains(&query.limit) {
            return Err(AuthError::InvalidFields(format!("limit must be 1 to {MAX_ROWS}")));
        }
        let filter = AuditFilter {
            before: query.before.unwrap_or(i64::MAX),
            action: query.action.unwrap_or_default(),
            actor: query.actor.unwrap_or_default(),
            limit: query.limit.into(),
        };
        let rows = self.store.list_audit(&filter).await.map_err(fault::store)?;
        Ok(rows.into_iter().map(view).collect())
    }

    /// Signs the newest row if the previously signed row is unchanged. Never signs over a broken trail. Failures are
    /// logged; signing the next row covers this one.
    pub async fn sign_trail(&self) {
        let _one_at_a_time = self.signing.lock().await;
        if let Err(error) = self.try_sign().await {
            tracing::error!(%error, "could not sign the newest row of the audit trail");
        }
    }

    /// Waits for a change of the store and signs the row that it has written.
    pub async fn signed<T>(&self, change: impl Future<Output = Result<T, StoreError>>) -> Result<T, AuthError> {
        let outcome = change.await.map_err(fault::store)?;
        self.sign_trail().await;
        Ok(outcome)
    }

    async fn try_sign(&self) -> Result<(), AuthError> {
        let newest = self.store.audit_head().await.map_err(fault::store)?;
        match self.head.read()? {
            Signed::Absent if newest.seq == 0 => {}
            Signed::Absent => {
                tracing::error!("the signed head of the audit trail is missing; run `tornadod audit verify`");
                return Ok(());
            }
            Signed::Forged => {
                tracing::error!("the head of the audit trail has a bad signature; run `tornadod audit verify`");
                return Ok(());
            }
            Signed::Head(signed) if signed == newest => return Ok(()),
            Signed::Head(signed) if signed.seq == 0 => {}
            Signed::Head(signed) => {
                let row = self.store.audit_row(signed.seq).await.map_err(fault::store)?;
                if row.is_none_or(|row| row.hash != signed.hash) || newest.seq < signed.seq {
                    tracing::error!(seq = signed.seq, "the audit trail was changed; run `tornadod audit verify`");
                    return Ok(());
                }
            }
        }
        Ok(self.head.write(&newest)?)
    }

    /// Checks the whole trail and records a fault that it finds.
    pub async fn verify_audit(&self, actor: &Actor) -> Result<AuditVerdict, AuthError> {
        let verdict = self.verify().await?;
        if let Some(broken) = &verdict.broken {
            tracing::error!(seq = broken.seq, why = broken.why, "the audit trail is broken");
            self.note(&actor.name, "audit.verify", &format!("row:{}", broken.seq), Outcome::Failed).await;
        }
        Ok(verdict)
    }

    /// Reads the signed head first, so rows written during the check come after it.
    async fn verify(&self) -> Result<AuditVerdict, AuthError> {
        self.sign_trail().await;
        let signed = self.head.read()?;
        let broken_at = |rows, signed, seq, why: &str| AuditVerdict {
            rows,
            signed,
            broken: Some(BrokenRow { seq, why: why.to_owned() }),
        };
        let signed = match signed {
            Signed::Head(head) => head,
            Signed::Absent => return Ok(broken_at(0, 0, 0, "the signed head is missing")),
            Signed::Forged => {
                return Ok(broken_at(0, 0, 0, "the head is not signed by the audit key"));
            }
        };
        let mut walk = Walk::default();
        loop {
            let (reached, _) = walk.reached();
            let page = self.store.audit_after(reached, PAGE).await.map_err(fault::store)?;
            if page.is_empty() {
                break;
            }
            for row in &page {
                if let Err((seq, why)) = walk.step(row) {
                    return Ok(broken_at(walk.reached().0, signed.seq, seq, &why.to_string()));
                }
                if row.seq == signed.seq && row.hash != signed.hash {
                    let why = "this row or an earlier one was changed and the chain rewritten";
                    return Ok(broken_at(row.seq, signed.seq, row.seq, why));
                }
            }
        }
        let (rows, hash) = walk.reached();
        if rows < signed.seq {
            return Ok(broken_at(rows, signed.seq, rows + 1, "the trail was truncated here"));
        }
        let newest = self.store.audit_head().await.map_err(fault::store)?;
        if newest.seq == rows && newest.hash != hash {
            return Ok(broken_at(rows, signed.seq, rows, "the end of the chain is not the last row"));
        }
        Ok(AuditVerdict { rows, signed: signed.seq, broken: None })
    }
}

fn view(row: StoredAudit) -> AuditRow {
    AuditRow {
        seq: row.seq,
        at: row.content.at,
        actor: row.content.actor,
        action: row.content.action,
        subject: row.content.subject,
        outcome: row.content.outcome,
        details: serde_json::from_str(&row.content.details).unwrap_or_default(),
        hash: data_encoding::HEXLOWER.encode(&row.hash),
    }
}
