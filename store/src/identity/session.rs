//! Sessions and their refresh tokens.

use nightshift_domain::Timestamp;
use nightshift_domain::identity::{
    ClientMark, RefreshRefusal, RefreshToken, Refreshed, RevokeReason, Revoked, SecretHash, Session,
    SessionId, SessionRules, User, UserId,
};

use super::user::{UserRow, select_user};
use crate::{Db, StoreError, Tx, text};

/// The statement that gives [`SessionRow`]s, with what follows `FROM`.
macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.user_id, s.created_at, s.expires_at, s.last_seen_at, s.generation, s.ip_address, \
             s.user_agent, s.revoked_at, s.revoked_reason FROM ",
            $rest
        )
    };
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    id: i64,
    user_id: i64,
    created_at: i64,
    expires_at: i64,
    last_seen_at: i64,
    generation: i64,
    ip_address: Option<String>,
    user_agent: Option<String>,
    revoked_at: Option<i64>,
    revoked_reason: Option<String>,
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        let revoked = match (row.revoked_at, &row.revoked_reason) {
            (None, _) => None,
            (Some(at), reason) => {
                let known = reason.as_deref().and_then(RevokeReason::read);
                let reason = known
                    .ok_or_else(|| StoreError::row("session", "revoked_reason", row.id, "is no reason"))?;
                Some(Revoked { at: Timestamp::from_us(at), reason })
            }
        };
        Ok(Self {
            id: SessionId(row.id),
            user_id: UserId(row.user_id),
            created_at: Timestamp::from_us(row.created_at),
            expires_at: Timestamp::from_us(row.expires_at),
            last_seen_at: Timestamp::from_us(row.last_seen_at),
            generation: u32::try_from(row.generation)
                .map_err(|e| StoreError::row("session", "generation", row.id, e))?,
            ip_address: row.ip_address,
            user_agent: row.user_agent,
            revoked,
        })
    }
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    session_id: i64,
    generation: i64,
    expires_at: i64,
    used_at: Option<i64>,
    used_by: Option<String>,
}

impl TryFrom<TokenRow> for RefreshToken {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self, StoreError> {
        let generation = u32::try_from(row.generation)
            .map_err(|e| StoreError::row("refresh_token", "generation", row.session_id, e))?;
        let mark = || ClientMark::stored(row.used_by.unwrap_or_default());
        Ok(Self {
            session_id: SessionId(row.session_id),
            generation,
            expires_at: Timestamp::from_us(row.expires_at),
            used: row.used_at.map(|at| (Timestamp::from_us(at), mark())),
        })
    }
}

/// A session about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Whose it is.
    pub user_id: UserId,
    /// Where the user signs in from.
    pub ip_address: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
}

/// What presenting a refresh token led to. Both are to be committed: a refusal may have ended the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refresh {
    /// The new token is stored. The session and its user are as they are now.
    Done {
        /// The session.
        session: Session,
        /// Its user.
        user: User,
        /// Whether the token is the next one, or another one of a generation whose first was lost.
        how: Refreshed,
    },
    /// There is no new token.
    Refused {
        /// Why.
        why: RefreshRefusal,
        /// The session of the token, if it is known.
        session: Option<Session>,
    },
}

/// Begins a session with its first refresh token.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`] (an unknown user among the reasons), [`StoreError::Aborted`].
pub async fn session_insert(
    tx: &mut Tx,
    new: &NewSession,
    first: &SecretHash,
    rules: &SessionRules,
    now: Timestamp,
) -> Result<Session, StoreError> {
    text::check("session.ip_address", new.ip_address.as_deref().unwrap_or(""))?;
    text::check("session.user_agent", new.user_agent.as_deref().unwrap_or(""))?;
    let expires_at = now + rules.session;
    let sql = "INSERT INTO session (user_id, created_at, expires_at, last_seen_at, generation, ip_address, user_agent) \
               VALUES ($1, $2, $3, $2, 0, $4, $5) RETURNING id";
    let (ip_address, user_agent) = (new.ip_address.as_deref(), new.user_agent.as_deref());
    let user = new.user_id.0;
    let rows = write_all!(
        tx,
        "session_insert",
        (i64,),
        sql,
        user,
        now.us(),
        expires_at.us(),
        ip_address,
        user_agent
    )?;
    let session = Session {
        id: rows.first().map(|(id,)| SessionId(*id)).expect("an inserted row has a number"),
        user_id: new.user_id,
        created_at: now,
        expires_at,
        last_seen_at: now,
        generation: 0,
        ip_address: new.ip_address.clone(),
        user_agent: new.user_agent.clone(),
        revoked: None,
    };
    refresh_token_insert(tx, &session, 0, first, rules, now).await?;
    Ok(session)
}

async fn refresh_token_insert(
    tx: &mut Tx,
    session: &Session,
    generation: u32,
    hash: &SecretHash,
    rules: &SessionRules,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO refresh_token (hash, session_id, generation, expires_at) VALUES ($1, $2, $3, $4)";
    let ends = session.refresh_ends(now, rules).us();
    write_exec!(tx, "refresh_token_insert", sql, hash.as_bytes(), session.id.0, i64::from(generation), ends)
        .map(|_| ())
}

/// Presents a refresh token. When it is good, `next` becomes its successor; when it was used before by somebody else or
/// too long ago, the session is revoked.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`]. A refusal is no error, because an error would
/// undo the revocation.
pub async fn session_refresh(
    tx: &mut Tx,
    presented: &SecretHash,
    client: &ClientMark,
    next: &SecretHash,
    rules: &SessionRules,
    now: Timestamp,
) -> Result<Refresh, StoreError> {
    let sql =
        "SELECT session_id, generation, expires_at, used_at, used_by FROM refresh_token WHERE hash = $1";
    let row = write_all!(tx, "session_refresh", TokenRow, sql, presented.as_bytes())?.into_iter().next();
    let Some(row) = row else { return Ok(Refresh::Refused { why: RefreshRefusal::Unknown, session: None }) };
    let token = RefreshToken::try_from(row)?;
    let mut session = session_get(tx, token.session_id).await?;
    let sql = select_user!("app_user u WHERE u.id = $1 AND u.removed_at IS NULL AND u.is_active = $2");
    let user = write_all!(tx, "session_refresh", UserRow, sql, session.user_id.0, true)?.into_iter().next();
    let how = match session.refresh(&token, client, rules, now) {
        Ok(how) => how,
        Err(why) => {
            if why == RefreshRefusal::Reused {
                session_revoke(tx, session.id, RevokeReason::Reused, now).await?;
                session.revoked = Some(Revoked { at: now, reason: RevokeReason::Reused });
            }
            return Ok(Refresh::Refused { why, session: Some(session) });
        }
    };
    let Some(user) = user.map(User::try_from).transpose()? else {
        return Ok(Refresh::Refused { why: RefreshRefusal::Disabled, session: Some(session) });
    };
    if let Refreshed::Next { generation } = how {
        let sql = "UPDATE refresh_token SET used_at = $2, used_by = $3 WHERE hash = $1";
        write_exec!(tx, "session_refresh", sql, presented.as_bytes(), now.us(), client.as_str())?;
        session.generation = generation;
    }
    session.last_seen_at = session.last_seen_at.max(now);
    let sql = "UPDATE session SET generation = $2, last_seen_at = $3 WHERE id = $1";
    let (id, generation) = (session.id.0, i64::from(session.generation));
    write_exec!(tx, "session_refresh", sql, id, generation, session.last_seen_at.us())?;
    refresh_token_insert(tx, &session, session.generation, next, rules, now).await?;
    Ok(Refresh::Done { session, user, how })
}

async fn session_get(tx: &mut Tx, id: SessionId) -> Result<Session, StoreError> {
    let sql = select_session!("session s WHERE s.id = $1");
    let row = write_all!(tx, "session_get", SessionRow, sql, id.0)?.into_iter().next();
    row.ok_or_else(|| StoreError::Missing { what: format!("session {}", id.0) }).and_then(Session::try_from)
}

/// A session, valid or not, with its user if that one is not removed. Whether they are valid is the caller's to see.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn session_find(db: &Db, id: SessionId) -> Result<Option<(Session, User)>, StoreError> {
    let sql = select_session!("session s WHERE s.id = $1");
    let Some(row) = read_one!(db, "session_find", SessionRow, sql, id.0)? else { return Ok(None) };
    let sql = select_user!("app_user u WHERE u.id = $1 AND u.removed_at IS NULL");
    let Some(user) = read_one!(db, "session_find", UserRow, sql, row.user_id)? else { return Ok(None) };
    Ok(Some((row.try_into()?, user.try_into()?)))
}

/// The valid sessions of a user, newest first, `limit` at most.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn session_list(
    db: &Db,
    user_id: UserId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Session>, StoreError> {
    let sql = select_session!(
        "session s WHERE s.user_id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 ORDER BY s.id DESC LIMIT $3"
    );
    let rows = read_all!(db, "session_list", SessionRow, sql, user_id.0, now.us(), i64::from(limit))?;
    rows.into_iter().map(Session::try_from).collect()
}

/// Notes that a session was used; an earlier instant than the one known changes nothing.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn session_touch(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE session SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2";
    write_exec!(tx, "session_touch", sql, id.0, now.us()).map(|_| ())
}

/// Ends a session with all its tokens. Gives whether it was valid.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn session_revoke(
    tx: &mut Tx,
    id: SessionId,
    reason: RevokeReason,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE session SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND revoked_at IS NULL";
    Ok(write_exec!(tx, "session_revoke", sql, id.0, now.us(), reason.as_str())? > 0)
}

/// Ends all sessions of a user, but `except`. Gives those that were valid.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn sessions_revoke(
    tx: &mut Tx,
    user_id: UserId,
    except: Option<SessionId>,
    reason: RevokeReason,
    now: Timestamp,
) -> Result<Vec<SessionId>, StoreError> {
    let sql = "UPDATE session SET revoked_at = $3, revoked_reason = $4 \
               WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL AND expires_at > $3 RETURNING id";
    let except = except.map_or(0, |id| id.0);
    let rows = write_all!(tx, "sessions_revoke", (i64,), sql, user_id.0, except, now.us(), reason.as_str())?;
    Ok(rows.into_iter().map(|(id,)| SessionId(id)).collect())
}

/// Ends the oldest sessions of a user, so that `keep` valid ones stay. Gives those that ended.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn sessions_trim(
    tx: &mut Tx,
    user_id: UserId,
    keep: u32,
    now: Timestamp,
) -> Result<Vec<SessionId>, StoreError> {
    let sql = "UPDATE session SET revoked_at = $2, revoked_reason = $3 \
               WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND id NOT IN \
               (SELECT id FROM session WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 \
               ORDER BY id DESC LIMIT $4) RETURNING id";
    let reason = RevokeReason::Replaced.as_str();
    let rows = write_all!(tx, "sessions_trim", (i64,), sql, user_id.0, now.us(), reason, i64::from(keep))?;
    Ok(rows.into_iter().map(|(id,)| SessionId(id)).collect())
}
