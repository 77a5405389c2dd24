//! Users, sessions, machines' tokens, and what is counted of failed sign-ins. No secret is kept, only hashes.

mod session;
mod signin;
mod sweep;
mod token;
mod user;
mod user_write;

pub use session::{
    NewSession, Refresh, session_find, session_insert, session_list, session_refresh, session_revoke,
    session_touch, sessions_revoke, sessions_trim,
};
pub use signin::{signin_failed, signin_passed, signin_place, signin_unlock};
pub use sweep::{sessions_sweep, signins_sweep, tokens_sweep};
pub use token::{TokenPage, token_find, token_insert, token_list, token_revoke, token_touch};
pub use user::{
    Credentials, UserPage, UserQuery, user_credentials, user_credentials_by_id, user_find,
    user_find_by_email, user_find_by_username, user_list, users_count,
};
pub use user_write::{
    admins_standing, user_get, user_insert, user_password_set, user_remove, user_signed_in, user_update,
};
