//! The audit trail: writing, reading, verification, and the signed head.

use super::access::{Act, Actor};
use super::{Service, fault};
use crate::head::Signed;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::audit::{AppendAudit, AuditQuery, AuditRow, AuditVerdict, BrokenRow, Outcome};
use tornado_rpc::Done;
use tornado_store::identity::chain::Walk;
use tornado_store::identity::{AuditFilter, NewAudit, StoredAudit};

const MAX_WORD: usize = 64;
const MAX_SUBJECT: usize = 128;
const MAX_DETAILS: usize = 16;
const MAX_DETAILS_BYTES: usize = 1024;
const MAX_ROWS: u32 = 500;
const PAGE: i64 = 1000;

impl Service {
    /// A row that the store writes in the same transaction as the action.
    pub(super) fn row(&self, actor: &Actor, action: &str, subject: impl Into<String>) -> NewAudit {
        self.detailed(actor, action, subject, &[])
    }

    pub(super) fn detailed(
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
    pub(super) async fn note(&self, actor: &str, action: &str, subject: &str, outcome: Outcome) {
        let row = self.row(&Actor::named(actor), action, subject);
        let row = NewAudit { outcome: outcome.as_str().to_owned(), ..row };
        match self.store.append_audit(&row).await {
            Ok(()) => self.sign_trail().await,
            Err(error) => tracing::error!(%error, action, "could not write a row of the audit trail"),
        }
    }

    pub(super) async fn append_row(&self, input: AppendAudit) -> Result<Done, AuthError> {
        let actor = match &input.operator {
            Some(_) => self.authorise(input.operator.as_ref(), Act::OwnSignIn).await?,
            None => Actor::caller()?,
        };
        check(&actor.name, &input.action, &input.subject, &input.details).map_err(AuthError::InvalidFields)?;
        let details: Vec<_> = input.details.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let row = self.detailed(&actor, &input.action, input.subject, &details);
        let row = NewAudit { outcome: input.outcome.as_str().to_owned(), ..row };
        self.store.append_audit(&row).await.map_err(fault::store)?;
        self.sign_trail().await;
        Ok(Done {})
    }

    pub(super) async fn trail(&self, query: AuditQuery) -> Result<Vec<AuditRow>, AuthError> {
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

    async fn try_sign(&self) -> Result<(), AuthError> {
        let newest = self.store.audit_head().await.map_err(fault::store)?;
        match self.head.read().map_err(fault::keys)? {
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
        self.head.write(&newest).map_err(fault::keys)
    }

    /// Reads the signed head first, so rows written during the check come after it.
    pub(super) async fn verify_trail(&self) -> Result<AuditVerdict, AuthError> {
        self.sign_trail().await;
        let signed = self.head.read().map_err(fault::keys)?;
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

    pub(super) async fn checked_verdict(
        &self,
        operator: Option<&tornado_shared::model::Secret>,
    ) -> Result<AuditVerdict, AuthError> {
        let actor = self.authorise(operator, Act::AuditVerify).await?;
        let verdict = self.verify_trail().await?;
        if let Some(broken) = &verdict.broken {
            tracing::error!(seq = broken.seq, why = broken.why, "the audit trail is broken");
            self.note(&actor.name, "audit.verify", &format!("row:{}", broken.seq), Outcome::Failed).await;
        }
        Ok(verdict)
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

fn check(actor: &str, action: &str, subject: &str, details: &BTreeMap<String, String>) -> Result<(), String> {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let two_words = action.split_once('.').is_some_and(|(area, what)| word(area) && word(what));
    if !two_words || action.len() > MAX_WORD {
        return Err("action must be two words of a-z, 0-9 and _ separated by a dot".into());
    }
    let plain = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.chars().all(tornado_shared::model::text::is_visible)
    };
    if !plain(actor, MAX_WORD + 16) || !plain(subject, MAX_SUBJECT) {
        return Err(format!("actor and subject must be 1 to {MAX_SUBJECT} printable characters"));
    }
    let bytes: usize = details.iter().map(|(name, value)| name.len() + value.len()).sum();
    if details.len() > MAX_DETAILS || bytes > MAX_DETAILS_BYTES || !details.keys().all(|name| word(name)) {
        return Err(format!(
            "details must be at most {MAX_DETAILS} entries and {MAX_DETAILS_BYTES} bytes, with names of a-z, 0-9, _"
        ));
    }
    let texts = details.values().map(String::as_str).chain([subject, actor]);
    let holds_address = texts.flat_map(|text| text.split([' ', ',', ';', '=', '/'])).any(is_address);
    if holds_address { Err("the audit trail must not contain addresses".into()) } else { Ok(()) }
}

fn is_address(word: &str) -> bool {
    let is = |word: &str| word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok();
    is(word) || is(word.trim_matches(['[', ']', '(', ')', '"']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(details: &[(&str, &str)]) -> Result<(), String> {
        let details = details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        check("service:wg", "lane.canary_failed", "lane:tor", &details)
    }

    #[test]
    fn defect_092_rows_hold_no_addresses() {
        assert_eq!(with(&[("probe", "dns"), ("after_seconds", "30")]), Ok(()));
        for address in
            ["192.0.2.1", "peer 192.0.2.1:51820", "2001:db8::1", "from=[2001:db8::1]:4605", "net 10.8.0.2/32"]
        {
            assert!(with(&[("text", address)]).is_err(), "{address}");
        }
    }

    #[test]
    fn rows_are_bounded_and_plain() {
        assert!(check("root", "nothing", "x", &BTreeMap::new()).is_err());
        assert!(check("root", "a.b", "line\nbreak", &BTreeMap::new()).is_err());
        assert!(check("root", "a.b", "", &BTreeMap::new()).is_err());
        assert!(with(&[("text", &"x".repeat(2000))]).is_err());
        assert!(with(&[("Text", "x")]).is_err());
    }
}
