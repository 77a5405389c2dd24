//! People: who they are, what is changed of them, and their passwords.

use nightshift_domain::audit::Action;
use nightshift_domain::identity::{
    Email, FullName, NewUser, PasswordHash, RevokeReason, Role, SessionId, User, UserChange, UserId,
    Username, password,
};
use nightshift_store::identity as store;
use secrecy::{ExposeSecret, SecretString};

use super::trail::{By, Origin};
use super::{Identity, IdentityError, secrets};
use crate::once::Once;

pub use nightshift_store::identity::UserQuery;

/// Shortest and longest name of who registers, characters.
const REGISTERED_CHARS: std::ops::RangeInclusive<usize> = 3..=20;
/// What failed attempts to register are counted under.
const REGISTER_SUBJECT: &str = "register";
/// Wrong admin codes that are written into the audit each minute; more are counted.
const WRONG_CODES_PER_MINUTE: u32 = 5;

/// An account that its owner makes.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The name to sign in with.
    pub username: Username,
    /// The name to show.
    pub full_name: FullName,
    /// DOCTOR or NURSE.
    pub role: Role,
    /// The password.
    pub password: SecretString,
    /// What the plant gives to those who may register.
    pub admin_code: SecretString,
}

impl Identity {
    /// Users, by number, and how many match.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn users(&self, query: &UserQuery) -> Result<(Vec<User>, u64), IdentityError> {
        let page = store::user_list(&self.0.db, query).await?;
        Ok((page.users, page.total))
    }

    /// A user.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn user(&self, id: UserId) -> Result<User, IdentityError> {
        store::user_find(&self.0.db, id).await?.ok_or_else(|| IdentityError::no_user(id))
    }

    /// A user by the name to sign in with.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn user_by_username(&self, name: &Username) -> Result<User, IdentityError> {
        store::user_find_by_username(&self.0.db, name).await?.ok_or_else(|| IdentityError::no_user(name))
    }

    /// A user by the address of mail.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn user_by_email(&self, email: &Email) -> Result<User, IdentityError> {
        store::user_find_by_email(&self.0.db, email).await?.ok_or_else(|| IdentityError::no_user(email))
    }

    /// Makes a user; `once` keeps the answer with it.
    ///
    /// # Errors
    /// `Invalid` for a password against the policy, `Conflict` for a name or address that is taken.
    pub async fn create_user(
        &self,
        new: NewUser,
        password: &SecretString,
        by: By,
        once: Option<Once<User>>,
    ) -> Result<User, IdentityError> {
        password::check_policy(password.expose_secret(), &new.username)?;
        let (hash, now) = (PasswordHash::new(self.0.passwords.hash(password).await?), self.now());
        self.commit(move |tx| {
            Box::pin(async move {
                let user = store::user_insert(tx, &new, &hash, now).await?;
                tx.audit(by.entry(now, Action::Create, "user").on(user.id).after(&user))?;
                if let Some(once) = once {
                    once.keep(tx, &user, now).await?;
                }
                Ok(user)
            })
        })
        .await
    }

    /// Makes the account of a doctor or nurse who knows the plant's code.
    ///
    /// # Errors
    /// `Broken` when registration is closed, the code is wrong or the name is taken; `Invalid` for a field.
    pub async fn register(&self, given: Registration, origin: &Origin) -> Result<User, IdentityError> {
        let broken = |code, reason: &str| IdentityError::Broken { reason: reason.to_owned(), code };
        if !matches!(given.role, Role::Doctor | Role::Nurse) {
            let reason = "role must be DOCTOR or NURSE: others are made by an administrator".to_owned();
            return Err(IdentityError::Invalid { field: "role", reason });
        }
        if !REGISTERED_CHARS.contains(&given.username.as_str().len()) {
            let reason = "login_id must have 3 to 20 characters".to_owned();
            return Err(IdentityError::Invalid { field: "login_id", reason });
        }
        let Some(code) = &self.0.config.admin_code else {
            return Err(broken("REGISTRATION_CLOSED", "registration is closed: ask an administrator"));
        };
        let by = By::anonymous(origin.clone());
        let hash = |text: &SecretString| secrets::digest(text.expose_secret());
        if !secrets::same(&hash(code), &hash(&given.admin_code)) {
            let entry = by
                .entry(self.now(), Action::Refused, "user")
                .after(&serde_json::json!({ "username": given.username }));
            let passed = self.0.refusals.pass(
                REGISTER_SUBJECT,
                WRONG_CODES_PER_MINUTE,
                self.0.clock.monotonic(),
                entry,
            );
            self.note(passed.into_iter().collect()).await?;
            return Err(broken("WRONG_ADMIN_CODE", "the admin code is wrong"));
        }
        let Registration { username, full_name, role, password, .. } = given;
        let new = NewUser { username, email: None, full_name, role, department: None, is_active: true };
        self.create_user(new, &password, by, None).await.map_err(|error| match error {
            IdentityError::Conflict { reason, code } => IdentityError::Broken { reason, code },
            other => other,
        })
    }

    /// Changes a user. Sessions end when the change asks for it.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for a name or address that is taken, or when nobody could run the system any more.
    pub async fn change_user(&self, id: UserId, change: UserChange, by: By) -> Result<User, IdentityError> {
        let now = self.now();
        let decided = self.commit(move |tx| {
            Box::pin(async move {
                let before = store::user_get(tx, id).await?;
                let after = change.apply(&before);
                if after == before {
                    return Ok(Ok((after, false)));
                }
                let leaves = before.is_standing_admin() && !after.is_standing_admin();
                if leaves && store::admins_standing(tx, id).await? == 0 {
                    return Ok(Err(last_admin()));
                }
                let after = store::user_update(tx, &after, now).await?;
                let ends = change.ends_sessions_of(&before);
                if ends {
                    store::sessions_revoke(tx, id, None, RevokeReason::User, now).await?;
                }
                tx.audit(by.entry(now, Action::Update, "user").on(id).before(&before).after(&after))?;
                Ok(Ok((after, ends)))
            })
        });
        let (user, ends) = self.of_user(id, decided.await)??;
        if ends {
            self.forget_sessions_of(id).await;
        }
        Ok(user)
    }

    /// Removes a user. What the user did stays in the audit.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for the last administrator.
    pub async fn remove_user(&self, id: UserId, by: By) -> Result<(), IdentityError> {
        let now = self.now();
        let decided = self.commit(move |tx| {
            Box::pin(async move {
                let user = store::user_get(tx, id).await?;
                if user.is_standing_admin() && store::admins_standing(tx, id).await? == 0 {
                    return Ok(Err(last_admin()));
                }
                let before = store::user_remove(tx, id, now).await?;
                store::sessions_revoke(tx, id, None, RevokeReason::User, now).await?;
                tx.audit(by.entry(now, Action::Delete, "user").on(id).before(&before))?;
                Ok(Ok(()))
            })
        });
        self.of_user(id, decided.await)??;
        self.forget_sessions_of(id).await;
        Ok(())
    }

    /// Sets the own password; all sessions but `session` end.
    ///
    /// # Errors
    /// `Broken` when the current password is wrong, which counts as a failed sign-in; `Locked`; `Invalid`.
    pub async fn change_password(
        &self,
        id: UserId,
        session: SessionId,
        current: &SecretString,
        new: &SecretString,
        by: By,
    ) -> Result<User, IdentityError> {
        let user = self.user(id).await?;
        password::check_policy(new.expose_secret(), &user.username)?;
        let name = user.username.as_str();
        self.right_password(Some(&user.username), name, current, &by.origin).await.map_err(|error| {
            match error {
                IdentityError::Credentials => IdentityError::Broken {
                    reason: "the current password is wrong".to_owned(),
                    code: "WRONG_PASSWORD",
                },
                other => other,
            }
        })?;
        self.set_password(user, new, Some(session), by).await
    }

    /// Sets somebody's password as an administrator: all sessions of the user end, and locks are taken off.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn reset_password(
        &self,
        id: UserId,
        new: &SecretString,
        by: By,
    ) -> Result<User, IdentityError> {
        let user = self.user(id).await?;
        password::check_policy(new.expose_secret(), &user.username)?;
        self.set_password(user, new, None, by).await
    }

    /// The error of a unit on a user who is not there is 404.
    fn of_user<T>(&self, id: UserId, done: Result<T, IdentityError>) -> Result<T, IdentityError> {
        done.map_err(|error| match error {
            IdentityError::NotFound { .. } => IdentityError::no_user(id),
            other => other,
        })
    }

    async fn set_password(
        &self,
        user: User,
        new: &SecretString,
        keep: Option<SessionId>,
        by: By,
    ) -> Result<User, IdentityError> {
        let (hash, now, id) = (PasswordHash::new(self.0.passwords.hash(new).await?), self.now(), user.id);
        self.commit(move |tx| {
            Box::pin(async move {
                store::user_password_set(tx, id, &hash, now).await?;
                store::sessions_revoke(tx, id, keep, RevokeReason::Password, now).await?;
                if keep.is_none() {
                    store::signin_unlock(tx, &user.username).await?;
                }
                let entry = by.entry(now, Action::Update, "user").on(id);
                tx.audit(entry.after(&serde_json::json!({ "password": "set", "password_changed_at": now })))
            })
        })
        .await?;
        self.forget_sessions_of(id).await;
        self.user(id).await
    }

    /// Takes a lock off an account.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn unlock_user(&self, id: UserId, by: By) -> Result<User, IdentityError> {
        let (user, now) = (self.user(id).await?, self.now());
        let name = user.username.clone();
        self.commit(move |tx| {
            Box::pin(async move {
                store::signin_unlock(tx, &name).await?;
                let entry = by.entry(now, Action::Update, "user").on(id);
                tx.audit(entry.after(&serde_json::json!({ "locked": false })))
            })
        })
        .await?;
        Ok(user)
    }
}

fn last_admin() -> IdentityError {
    let reason = "this is the last administrator who may sign in: make another one first".to_owned();
    IdentityError::Conflict { reason, code: "LAST_ADMIN" }
}
