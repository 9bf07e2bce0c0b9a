//! Table `invitations`.

use crate::StoreError;
use crate::identity::model::{Hash, NewInvitation, OpenInvitation};
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{InvitationId, UnixSeconds, UserId};

/// Rows are kept for this many seconds after they expire, for the console.
const KEEP: i64 = 30 * 86_400;

pub async fn insert(db: &mut AnyConnection, invitation: &NewInvitation) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO invitations (id, code_hash, user_id, max_devices, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(invitation.id.to_string())
    .bind(invitation.code_hash.to_vec())
    .bind(invitation.user.map(|user| user.to_string()))
    .bind(i64::from(invitation.max_devices))
    .bind(invitation.now)
    .bind(invitation.expires_at)
    .execute(db)
    .await?;
    Ok(())
}

pub async fn find(
    db: &mut AnyConnection,
    code_hash: &Hash,
    now: UnixSeconds,
) -> Result<Option<OpenInvitation>, StoreError> {
    let row = sqlx::query(
        "SELECT id, user_id, max_devices FROM invitations
         WHERE code_hash = $1 AND used_at IS NULL AND expires_at > $2",
    )
    .bind(code_hash.to_vec())
    .bind(now)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let id: String = row.try_get("id")?;
    let user: Option<String> = row.try_get("user_id")?;
    let user = user.map(|user| user.parse::<UserId>()).transpose();
    let max_devices: i64 = row.try_get("max_devices")?;
    Ok(Some(OpenInvitation {
        id: id.parse().map_err(|_| StoreError::Damaged("invitations.id"))?,
        user: user.map_err(|_| StoreError::Damaged("invitations.user_id"))?,
        max_devices: max_devices.try_into().map_err(|_| StoreError::Damaged("invitations.max_devices"))?,
    }))
}

/// Marks an invitation as used. Of two concurrent calls only one succeeds.
pub async fn use_up(db: &mut AnyConnection, id: InvitationId, now: UnixSeconds) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE invitations SET used_at = $1 WHERE id = $2 AND used_at IS NULL AND expires_at > $3")
        .bind(now)
        .bind(id.to_string())
        .bind(now)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn any(db: &mut AnyConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query("SELECT id FROM invitations LIMIT 1").fetch_optional(db).await?.is_some())
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM invitations WHERE expires_at <= $1")
        .bind(now.saturating_sub(KEEP))
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
