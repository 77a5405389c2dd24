//! Users, written.

use nightshift_domain::Timestamp;
use nightshift_domain::identity::{Email, NewUser, PasswordHash, Role, User, UserId, Username};

use super::user::{UserRow, select_user};
use crate::{StoreError, Tx};

/// The user with the number `id` as the transaction sees it: what is decided on it cannot have changed since.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such user, or it was removed.
pub async fn user_get(tx: &mut Tx, id: UserId) -> Result<User, StoreError> {
    let sql = select_user!("app_user u WHERE u.id = $1 AND u.removed_at IS NULL");
    let row = write_all!(tx, "user_get", UserRow, sql, id.0)?.into_iter().next();
    row.ok_or_else(|| missing(id)).and_then(User::try_from)
}

/// Makes a user.
///
/// # Errors
/// [`StoreError::Conflict`] when the username or the email is taken; the transaction is then usable as before.
pub async fn user_insert(
    tx: &mut Tx,
    new: &NewUser,
    password_hash: &PasswordHash,
    now: Timestamp,
) -> Result<User, StoreError> {
    refuse_taken(tx, &new.username, new.email.as_ref(), None).await?;
    let sql = "INSERT INTO app_user (username, username_key, email, email_key, full_name, role, department, \
               is_active, password_hash, password_changed_at, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $10) RETURNING id";
    let rows = write_all!(
        tx,
        "user_insert",
        (i64,),
        sql,
        new.username.as_str(),
        new.username.key(),
        new.email.as_ref().map(Email::as_str),
        new.email.as_ref().map(Email::key),
        new.full_name.as_str(),
        new.role.as_str(),
        new.department.as_ref().map(|d| d.as_str()),
        new.is_active,
        password_hash.as_str(),
        now.us(),
    )?;
    let id = rows.first().map(|(id,)| UserId(*id)).expect("an inserted row has a number");
    Ok(User {
        id,
        username: new.username.clone(),
        email: new.email.clone(),
        full_name: new.full_name.clone(),
        role: new.role,
        department: new.department.clone(),
        is_active: new.is_active,
        last_login_at: None,
        password_changed_at: now,
        created_at: now,
        updated_at: now,
    })
}

/// Writes what an administrator, or the user, may change of `user`. Gives the user as it is now.
///
/// # Errors
/// [`StoreError::Conflict`] when the username or the email is taken, [`StoreError::Missing`] when there is no such user;
/// the transaction is then usable as before.
pub async fn user_update(tx: &mut Tx, user: &User, now: Timestamp) -> Result<User, StoreError> {
    refuse_taken(tx, &user.username, user.email.as_ref(), Some(user.id)).await?;
    let sql = "UPDATE app_user SET username = $2, username_key = $3, email = $4, email_key = $5, full_name = $6, \
               role = $7, department = $8, is_active = $9, updated_at = $10 \
               WHERE id = $1 AND removed_at IS NULL";
    let changed = write_exec!(
        tx,
        "user_update",
        sql,
        user.id.0,
        user.username.as_str(),
        user.username.key(),
        user.email.as_ref().map(Email::as_str),
        user.email.as_ref().map(Email::key),
        user.full_name.as_str(),
        user.role.as_str(),
        user.department.as_ref().map(|d| d.as_str()),
        user.is_active,
        now.us(),
    )?;
    if changed == 0 {
        return Err(missing(user.id));
    }
    Ok(User { updated_at: now, ..user.clone() })
}

/// Sets the password.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such user.
pub async fn user_password_set(
    tx: &mut Tx,
    id: UserId,
    password_hash: &PasswordHash,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE app_user SET password_hash = $2, password_changed_at = $3, updated_at = $3 \
               WHERE id = $1 AND removed_at IS NULL";
    present(write_exec!(tx, "user_password_set", sql, id.0, password_hash.as_str(), now.us())?, id)
}

/// Notes that the user signed in.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such user.
pub async fn user_signed_in(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE app_user SET last_login_at = $2 WHERE id = $1 AND removed_at IS NULL";
    present(write_exec!(tx, "user_signed_in", sql, id.0, now.us())?, id)
}

/// Removes a user. What the user did still refers to the number; the names are free again, and whoever gets them later
/// inherits neither locks nor known networks. Sessions must be revoked beside it ([`super::sessions_revoke`]).
///
/// # Errors
/// [`StoreError::Missing`] when there is no such user.
pub async fn user_remove(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<User, StoreError> {
    let user = user_get(tx, id).await?;
    let sql = "UPDATE app_user SET removed_at = $2, updated_at = $2, is_active = $3, password_hash = '' \
               WHERE id = $1 AND removed_at IS NULL";
    present(write_exec!(tx, "user_remove", sql, id.0, now.us(), false)?, id)?;
    let account = user.username.key();
    write_exec!(tx, "user_remove", "DELETE FROM signin_failure WHERE account = $1", account.as_str())?;
    write_exec!(tx, "user_remove", "DELETE FROM known_address WHERE account = $1", account.as_str())?;
    Ok(user)
}

/// How many users other than `except` may sign in as administrators.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn admins_standing(tx: &mut Tx, except: UserId) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM app_user \
               WHERE role = $1 AND is_active = $2 AND removed_at IS NULL AND id <> $3";
    let rows = write_all!(tx, "admins_standing", (i64,), sql, Role::Admin.as_str(), true, except.0)?;
    Ok(rows.first().and_then(|(n,)| u64::try_from(*n).ok()).unwrap_or(0))
}

/// Looked up rather than left to the index: on PostgreSQL a violated index would spoil the transaction. There is one
/// writer, so nobody takes the name in between.
async fn refuse_taken(
    tx: &mut Tx,
    username: &Username,
    email: Option<&Email>,
    own: Option<UserId>,
) -> Result<(), StoreError> {
    let own = own.map_or(0, |id| id.0);
    let sql = "SELECT id FROM app_user WHERE username_key = $1 AND removed_at IS NULL AND id <> $2";
    if !write_all!(tx, "user_names", (i64,), sql, username.key(), own)?.is_empty() {
        return Err(StoreError::Conflict { what: format!("username {username}") });
    }
    let Some(email) = email else { return Ok(()) };
    let sql = "SELECT id FROM app_user WHERE email_key = $1 AND removed_at IS NULL AND id <> $2";
    if !write_all!(tx, "user_names", (i64,), sql, email.key(), own)?.is_empty() {
        return Err(StoreError::Conflict { what: format!("email {email}") });
    }
    Ok(())
}

fn missing(id: UserId) -> StoreError {
    StoreError::Missing { what: format!("user {id}") }
}

fn present(changed: u64, id: UserId) -> Result<(), StoreError> {
    if changed == 0 { Err(missing(id)) } else { Ok(()) }
}
