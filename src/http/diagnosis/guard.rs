//! Routes for headsets alone: by what a client's program calls itself.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

use crate::config::DiagnosisConfig;
use crate::http::App;
use crate::http::problem::Problem;

/// A request of a program that the lists of the configuration let in.
pub(crate) struct HeadsetAgent;

impl FromRequestParts<App> for HeadsetAgent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if lets_in(&app.config.diagnosis, &parts.headers) { Ok(Self) } else { Err(refused()) }
    }
}

fn refused() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "USER_AGENT_REFUSED", "올바르지 않은 접근입니다.")
}

/// Whether the lists let a program in: what is denied stays out, and where there is a list of those allowed, all others do.
fn lets_in(config: &DiagnosisConfig, headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let agent = agent.as_deref().unwrap_or_default();
    let is_in = |list: &[String]| list.iter().any(|part| agent.contains(part.as_str()));
    let allowed = config.user_agents_allow.is_empty() || is_in(&config.user_agents_allow);
    allowed && !is_in(&config.user_agents_deny)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_denied_stays_out_and_empty_lists_let_everyone_in() {
        let config = |allow: &[&str], deny: &[&str]| DiagnosisConfig {
            user_agents_allow: allow.iter().map(|s| (*s).to_owned()).collect(),
            user_agents_deny: deny.iter().map(|s| (*s).to_owned()).collect(),
            ..DiagnosisConfig::default()
        };
        let agent =
            |text: &'static str| HeaderMap::from_iter([(header::USER_AGENT, HeaderValue::from_static(text))]);
        let headset = agent("VRClient/1.2 (Unity)");
        assert!(lets_in(&config(&[], &[]), &headset) && lets_in(&config(&[], &[]), &HeaderMap::new()));
        assert!(lets_in(&config(&["VRClient"], &[]), &headset));
        assert!(!lets_in(&config(&["VRClient"], &[]), &agent("curl/8")));
        assert!(!lets_in(&config(&["VRClient"], &[]), &HeaderMap::new()));
        assert!(!lets_in(&config(&["VRClient"], &["Unity"]), &headset));
        assert!(
            lets_in(&config(&[], &["curl"]), &headset) && !lets_in(&config(&[], &["curl"]), &agent("curl/8"))
        );
    }
}
