//! Finds accounts by what a person typed.

use crate::fault;
use tornado_contracts::auth::AuthError;
use tornado_shared::model::{UserId, Username, text};
use tornado_store::identity::{SqlIdentityStore, User, UserKey};

/// Finds an account by name or e-mail address. The two cannot collide: names do not contain `@`.
pub async fn look_up(store: &SqlIdentityStore, typed: &str) -> Result<Option<User>, AuthError> {
    if typed.contains('@') {
        let found = store.find_user(UserKey::Email(&text::folded(typed))).await.map_err(fault::store)?;
        // Earlier versions stored the address as typed.
        return match found {
            None => store.find_user(UserKey::Email(typed.trim())).await.map_err(fault::store),
            Some(user) => Ok(Some(user)),
        };
    }
    match typed.parse::<Username>() {
        Ok(name) => store.find_user(UserKey::Name(&name)).await.map_err(fault::store),
        Err(_) => Ok(None),
    }
}

/// Finds an account by name, e-mail address or id.
pub async fn resolve(store: &SqlIdentityStore, typed: &str) -> Result<User, AuthError> {
    match typed.parse::<UserId>() {
        Ok(id) => find(store, id).await,
        Err(_) => look_up(store, typed).await?.ok_or_else(not_found),
    }
}

/// Finds an account that must exist.
pub async fn find(store: &SqlIdentityStore, id: UserId) -> Result<User, AuthError> {
    store.find_user(UserKey::Id(id)).await.map_err(fault::store)?.ok_or_else(not_found)
}

pub fn not_found() -> AuthError {
    AuthError::NotFound("account".into())
}
