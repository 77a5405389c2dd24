//! The first start: somebody must be able to get in.

use std::sync::PoisonError;

use nightshift_domain::identity::{NewUser, Role};
use nightshift_store::identity as store;
use secrecy::SecretString;

use super::trail::By;
use super::{Identity, IdentityError, secrets};
use crate::setback::Setback;

/// The first administrator's name.
const ADMIN: &str = "admin";

impl Identity {
    /// Makes `admin` when there is nobody yet, with the given password or one that is made up.
    ///
    /// # Errors
    /// `Invalid` when the given password is against the policy.
    pub(crate) async fn first_start(&self) -> Result<(), IdentityError> {
        if store::users_count(&self.0.db).await? > 0 {
            return Ok(());
        }
        let given = self.0.config.admin_password.clone();
        // Upper case, lower case and a digit, whatever the random part has.
        let password =
            given.clone().unwrap_or_else(|| format!("Ns7-{}", &secrets::random_text()[..20]).into());
        let unfit = || Setback::Failed(format!("`{ADMIN}` is no valid name"));
        let new = NewUser {
            username: ADMIN.parse().map_err(|_| unfit())?,
            email: None,
            full_name: ADMIN.parse().map_err(|_| unfit())?,
            role: Role::Admin,
            department: None,
            is_active: true,
        };
        match self.create_user(new, &password, By::system(), None).await {
            Ok(_) => {}
            // Another process on the same database was first.
            Err(IdentityError::Conflict { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        tracing::info!(given = given.is_some(), "first start: the user `admin` was made");
        if given.is_none() {
            *self.0.made_password.lock().unwrap_or_else(PoisonError::into_inner) = Some(password);
        }
        Ok(())
    }

    /// The password that the first start made up; only the first call gets it.
    #[must_use]
    pub fn take_made_password(&self) -> Option<SecretString> {
        self.0.made_password.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
