//! Users, read.

use nightshift_domain::Timestamp;
use nightshift_domain::identity::{Email, PasswordHash, Role, User, UserId, Username};

use crate::{Db, StoreError};

/// The statement that gives [`UserRow`]s, with what follows `FROM`.
macro_rules! select_user {
    ($rest:literal) => {
        concat!(
            "SELECT u.id, u.username, u.email, u.full_name, u.role, u.department, u.is_active, u.last_login_at, \
             u.password_changed_at, u.created_at, u.updated_at FROM ",
            $rest
        )
    };
}
pub(super) use select_user;

#[derive(sqlx::FromRow)]
pub(super) struct UserRow {
    id: i64,
    username: String,
    email: Option<String>,
    full_name: String,
    role: String,
    department: Option<String>,
    is_active: bool,
    last_login_at: Option<i64>,
    password_changed_at: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        let id = row.id;
        let fault =
            |e: nightshift_domain::identity::IdentityError| StoreError::row("app_user", e.field(), id, e);
        Ok(Self {
            id: UserId(id),
            username: row.username.parse().map_err(fault)?,
            email: row.email.map(|e| e.parse()).transpose().map_err(fault)?,
            full_name: row.full_name.parse().map_err(fault)?,
            role: row.role.parse().map_err(fault)?,
            department: row.department.map(|d| d.parse()).transpose().map_err(fault)?,
            is_active: row.is_active,
            last_login_at: row.last_login_at.map(Timestamp::from_us),
            password_changed_at: Timestamp::from_us(row.password_changed_at),
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// A user with the hash of the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The hash.
    pub password_hash: PasswordHash,
}

#[derive(sqlx::FromRow)]
struct CredentialsRow {
    #[sqlx(flatten)]
    user: UserRow,
    password_hash: String,
}

impl TryFrom<CredentialsRow> for Credentials {
    type Error = StoreError;

    fn try_from(row: CredentialsRow) -> Result<Self, StoreError> {
        Ok(Self { user: row.user.try_into()?, password_hash: PasswordHash::new(row.password_hash) })
    }
}

/// Which users are wanted; of each field all when it is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UserQuery {
    /// With this role.
    pub role: Option<Role>,
    /// Who may sign in, or may not.
    pub is_active: Option<bool>,
    /// How many of the oldest to leave out.
    pub skip: u64,
    /// How many to give.
    pub limit: u32,
}

/// A page of users, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// How many there are in all.
    pub total: u64,
}

/// The user with the number `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn user_find(db: &Db, id: UserId) -> Result<Option<User>, StoreError> {
    let sql = select_user!("app_user u WHERE u.id = $1 AND u.removed_at IS NULL");
    read_one!(db, "user_find", UserRow, sql, id.0)?.map(User::try_from).transpose()
}

/// The user who signs in with `username`, in any case.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn user_find_by_username(db: &Db, username: &Username) -> Result<Option<User>, StoreError> {
    let sql = select_user!("app_user u WHERE u.username_key = $1 AND u.removed_at IS NULL");
    read_one!(db, "user_find_by_username", UserRow, sql, username.key())?.map(User::try_from).transpose()
}

/// The user with the address `email`, in any case.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn user_find_by_email(db: &Db, email: &Email) -> Result<Option<User>, StoreError> {
    let sql = select_user!("app_user u WHERE u.email_key = $1 AND u.removed_at IS NULL");
    read_one!(db, "user_find_by_email", UserRow, sql, email.key())?.map(User::try_from).transpose()
}

/// The user who signs in with `username`, with the password's hash.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn user_credentials(db: &Db, username: &Username) -> Result<Option<Credentials>, StoreError> {
    let sql = "SELECT u.* FROM app_user u WHERE u.username_key = $1 AND u.removed_at IS NULL";
    let row = read_one!(db, "user_credentials", CredentialsRow, sql, username.key())?;
    row.map(Credentials::try_from).transpose()
}

/// The user with the number `id`, with the password's hash.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn user_credentials_by_id(db: &Db, id: UserId) -> Result<Option<Credentials>, StoreError> {
    let sql = "SELECT u.* FROM app_user u WHERE u.id = $1 AND u.removed_at IS NULL";
    let row = read_one!(db, "user_credentials_by_id", CredentialsRow, sql, id.0)?;
    row.map(Credentials::try_from).transpose()
}

/// The users that `query` asks for, in the order of their numbers.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn user_list(db: &Db, query: &UserQuery) -> Result<UserPage, StoreError> {
    let role = query.role.map(Role::as_str);
    let (limit, skip) = (i64::from(query.limit), i64::try_from(query.skip).unwrap_or(i64::MAX));
    let sql = select_user!(
        "app_user u WHERE u.removed_at IS NULL AND (CAST($1 AS TEXT) IS NULL OR u.role = $1) \
         AND (CAST($2 AS BOOLEAN) IS NULL OR u.is_active = $2) ORDER BY u.id LIMIT $3 OFFSET $4"
    );
    let rows = read_all!(db, "user_list", UserRow, sql, role, query.is_active, limit, skip)?;
    let sql = "SELECT count(*) FROM app_user u WHERE u.removed_at IS NULL \
               AND (CAST($1 AS TEXT) IS NULL OR u.role = $1) \
               AND (CAST($2 AS BOOLEAN) IS NULL OR u.is_active = $2)";
    let total = read_one!(db, "user_list", (i64,), sql, role, query.is_active)?;
    let users = rows.into_iter().map(User::try_from).collect::<Result<_, _>>()?;
    Ok(UserPage { users, total: total.and_then(|(n,)| u64::try_from(n).ok()).unwrap_or(0) })
}

/// How many users there ever were, removed ones included: none at the first start.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn users_count(db: &Db) -> Result<u64, StoreError> {
    let row = read_one!(db, "users_count", (i64,), "SELECT count(*) FROM app_user")?;
    Ok(row.and_then(|(n,)| u64::try_from(n).ok()).unwrap_or(0))
}
