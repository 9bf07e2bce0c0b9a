//! Table `invitations`.

use crate::StoreError;
use crate::identity::model::{Hash, NewInvitation, OpenInvitation};
use crate::statement::columns::{number, parsed, parsed_option};
use crate::statement::{changes_one, execute, exists, first, values};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use tornado_shared::model::{InvitationId, UnixSeconds};

/// Rows are kept for this many seconds after they expire, for the console.
const KEEP: i64 = 30 * 86_400;

pub async fn insert(db: &mut AnyConnection, invitation: &NewInvitation) -> Result<(), StoreError> {
    let NewInvitation { id, code_hash, user, max_devices, now, expires_at } = invitation;
    let query = "INSERT INTO invitations (id, code_hash, user_id, max_devices, created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6)";
    execute(db, query, values![*id, code_hash, *user, *max_devices, *now, *expires_at]).await.map(drop)
}

pub async fn find(
    db: &mut AnyConnection,
    code_hash: &Hash,
    now: UnixSeconds,
) -> Result<Option<OpenInvitation>, StoreError> {
    let query = "SELECT id, user_id, max_devices FROM invitations
                 WHERE code_hash = $1 AND used_at IS NULL AND expires_at > $2";
    first(db, query, values![code_hash, now], from_row).await
}

fn from_row(row: &AnyRow) -> Result<OpenInvitation, StoreError> {
    Ok(OpenInvitation {
        id: parsed(row, "invitations.id")?,
        user: parsed_option(row, "invitations.user_id")?,
        max_devices: number(row, "invitations.max_devices")?,
    })
}

/// Marks an invitation as used. Of two concurrent calls only one succeeds.
pub async fn use_up(db: &mut AnyConnection, id: InvitationId, now: UnixSeconds) -> Result<bool, StoreError> {
    let query = "UPDATE invitations SET used_at = $1 WHERE id = $2 AND used_at IS NULL AND expires_at > $1";
    changes_one(db, query, values![now, id]).await
}

pub async fn any(db: &mut AnyConnection) -> Result<bool, StoreError> {
    exists(db, "SELECT id FROM invitations LIMIT 1", values![]).await
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    execute(db, "DELETE FROM invitations WHERE expires_at <= $1", values![now.saturating_sub(KEEP)]).await
}
