//! Access tokens: signed facts about a session that live for minutes. One algorithm, one issuer, one audience.
//!
//! What a token says of a person's role is for clients to show. What the person may do is looked up each time.

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use nightshift_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys::KeyRing;

/// Who issues the tokens.
pub const ISSUER: &str = "nightshift";
/// Whom the tokens are for.
pub const AUDIENCE: &str = "nightshift-api";
/// The one algorithm. It is never taken from the token.
const ALGORITHM: Algorithm = Algorithm::HS256;
/// How far the clocks of two machines may be apart.
const LEEWAY: Duration = Duration::from_secs(30);
/// Longest token that is looked at, bytes: those issued here have a few hundred.
const TOKEN_BYTES_MAX: usize = 2_048;

/// What a token says. Times are whole seconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: String,
    /// The user's number.
    pub(super) sub: String,
    /// The session.
    pub(super) sid: i64,
    /// The role, for clients to show.
    role: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenFault {
    /// It is no token of this plant: form, algorithm, key, signature, issuer or audience.
    #[error("not a token of this plant")]
    Foreign,
    /// It was good once.
    #[error("the token has expired")]
    Expired,
}

impl Claims {
    pub(super) fn new(user: i64, session: i64, role: &str, now: Timestamp, expires: Timestamp) -> Self {
        let seconds = |at: Timestamp| at.us().div_euclid(nightshift_domain::time::US_PER_S);
        Self {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.to_string(),
            sid: session,
            role: role.to_owned(),
            iat: seconds(now),
            nbf: seconds(now),
            exp: seconds(expires),
        }
    }
}

/// The token for `claims`, signed with the newest key.
pub(super) fn sign(ring: &KeyRing, claims: &Claims) -> String {
    let key = ring.newest();
    let header = Header { kid: Some(key.kid.clone()), ..Header::new(ALGORITHM) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(&key.bytes()))
        .expect("claims of text and numbers can be signed")
}

/// What `token` says, if it was signed here and is good at `now`.
pub(super) fn verify(ring: &KeyRing, token: &str, now: Timestamp) -> Result<Claims, TokenFault> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenFault::Foreign);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenFault::Foreign)?;
    let key = header.kid.as_deref().and_then(|kid| ring.find(kid)).ok_or(TokenFault::Foreign)?;
    let decoded = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(&key.bytes()), &rules());
    let claims = decoded.map_err(|error| match error.kind() {
        ErrorKind::ExpiredSignature => TokenFault::Expired,
        _ => TokenFault::Foreign,
    })?;
    claims.claims.good_at(now)
}

/// Times are compared below: the library would ask the system's clock.
fn rules() -> Validation {
    let mut rules = Validation::new(ALGORITHM);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules
}

impl Claims {
    fn good_at(self, now: Timestamp) -> Result<Self, TokenFault> {
        if now > Timestamp::from_s(self.exp) + LEEWAY {
            return Err(TokenFault::Expired);
        }
        if now + LEEWAY < Timestamp::from_s(self.nbf) {
            return Err(TokenFault::Foreign);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use nightshift_kernel::Clock;
    use secrecy::SecretString;

    use super::*;
    use crate::identity::secrets;

    const NOW: Timestamp = Timestamp::from_s(1_790_000_000);

    fn ring() -> KeyRing {
        let key = SecretString::from("a key for tests that is long enough to be one".to_owned());
        KeyRing::given(&key, Clock::system()).expect("long enough")
    }

    fn claims() -> Claims {
        Claims::new(7, 9, "OPERATOR", NOW, NOW + Duration::from_secs(900))
    }

    /// A token with this header and these claims, signed with the ring's own key.
    fn forged(ring: &KeyRing, header: &serde_json::Value, claims: &serde_json::Value) -> String {
        let part = |value: &serde_json::Value| secrets::encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let key = EncodingKey::from_secret(&ring.newest().bytes());
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signed");
        format!("{message}.{signature}")
    }

    #[test]
    fn what_is_signed_is_read_back_until_it_expires() {
        let ring = ring();
        let token = sign(&ring, &claims());
        assert_eq!(verify(&ring, &token, NOW), Ok(claims()));
        let end = NOW + Duration::from_secs(900);
        assert_eq!(verify(&ring, &token, end + LEEWAY), Ok(claims()));
        assert_eq!(verify(&ring, &token, end + LEEWAY + Duration::from_secs(1)), Err(TokenFault::Expired));
        assert_eq!(verify(&ring, &token, NOW - LEEWAY - Duration::from_secs(1)), Err(TokenFault::Foreign));
    }

    #[test]
    fn only_this_plants_tokens_are_taken() {
        let ring = ring();
        let kid = ring.newest().kid;
        let good_header = serde_json::json!({ "alg": "HS256", "typ": "JWT", "kid": kid });
        let good = serde_json::to_value(claims()).expect("json");
        assert!(verify(&ring, &forged(&ring, &good_header, &good), NOW).is_ok(), "the forger works");
        for alg in ["none", "None", "HS384", "HS512", "RS256", "ES256", "EdDSA", "", "hs256"] {
            let header = serde_json::json!({ "alg": alg, "kid": kid });
            assert_eq!(verify(&ring, &forged(&ring, &header, &good), NOW), Err(TokenFault::Foreign), "{alg}");
        }
        for kid in [
            serde_json::json!("../../etc/passwd"),
            serde_json::json!("' UNION SELECT 'key' --"),
            serde_json::json!("unknown"),
            serde_json::json!(null),
            serde_json::json!(["a"]),
        ] {
            let header = serde_json::json!({ "alg": "HS256", "kid": kid });
            assert_eq!(verify(&ring, &forged(&ring, &header, &good), NOW), Err(TokenFault::Foreign), "{kid}");
        }
        for (name, value) in [
            ("iss", serde_json::json!("elsewhere")),
            ("aud", serde_json::json!("other-api")),
            ("aud", serde_json::json!(null)),
            ("exp", serde_json::json!(null)),
            ("exp", serde_json::json!("soon")),
            ("nbf", serde_json::json!(null)),
            ("sub", serde_json::json!(null)),
            ("sid", serde_json::json!("1 OR 1=1")),
        ] {
            let mut claims = good.clone();
            claims[name] = value.clone();
            let token = forged(&ring, &good_header, &claims);
            assert_eq!(verify(&ring, &token, NOW), Err(TokenFault::Foreign), "{name} {value}");
        }
    }

    #[test]
    fn a_token_that_was_touched_is_not_taken() {
        let ring = ring();
        let token = sign(&ring, &claims());
        let parts: Vec<&str> = token.split('.').collect();
        let other = sign(&ring, &Claims::new(1, 9, "ADMIN", NOW, NOW + Duration::from_secs(900)));
        let other: Vec<&str> = other.split('.').collect();
        for touched in [
            format!("{}.{}.{}", parts[0], other[1], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{token}."),
            format!("{}x", &token[..token.len() - 1]),
            String::new(),
            "..".to_owned(),
            "\0".to_owned(),
            "x".repeat(TOKEN_BYTES_MAX + 1),
        ] {
            if touched != token {
                assert_eq!(verify(&ring, &touched, NOW), Err(TokenFault::Foreign), "{touched}");
            }
        }
    }
}
