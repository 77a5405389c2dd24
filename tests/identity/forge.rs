//! Tokens that nobody should take.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::common::{Server, now_ms};

/// Whoever has the plant's own key, and a good token's parts.
pub(crate) struct Forge {
    kid: String,
    key: Vec<u8>,
    header: Value,
    claims: Value,
}

impl Forge {
    /// With the key in the server's data directory, and what `token` says.
    pub(crate) fn new(server: &Server, token: &str) -> Self {
        let keys = std::fs::read_to_string(server.dir.path().join("data/jwt.keys")).expect("keys");
        let keys: Value = serde_json::from_str(&keys).expect("json");
        let newest = keys.as_array().and_then(|keys| keys.last()).expect("a key");
        let part = |n: usize| {
            let text = token.split('.').nth(n).expect("three parts");
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64")).expect("json")
        };
        Self {
            kid: newest["kid"].as_str().expect("kid").to_owned(),
            key: URL_SAFE_NO_PAD.decode(newest["key"].as_str().expect("key")).expect("base64"),
            header: part(0),
            claims: part(1),
        }
    }

    /// Signed as it should be, with these claims instead of its own; `null` takes one away.
    pub(crate) fn claiming(&self, changes: &Value) -> String {
        self.make(&self.header, &self.changed(changes), Algorithm::HS256)
    }

    fn changed(&self, changes: &Value) -> Value {
        let mut claims = self.claims.clone();
        for (name, value) in changes.as_object().expect("changes") {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("claims").retain(|_, value| !value.is_null());
        claims
    }

    fn make(&self, header: &Value, claims: &Value, algorithm: Algorithm) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let key = EncodingKey::from_secret(&self.key);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).expect("signed");
        format!("{message}.{signature}")
    }

    /// Tokens that differ from a good one in one thing, with what it is.
    pub(crate) fn bad_tokens(&self) -> Vec<(String, String)> {
        let now_s = now_ms() / 1_000;
        let header = |alg: &str, kid: Value| json!({ "typ": "JWT", "alg": alg, "kid": kid });
        let own = |alg: &str| header(alg, json!(self.kid));
        let unsigned = |alg: &str| {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            format!("{}.{}.", part(&own(alg)), part(&self.claims))
        };
        let good = self.claiming(&json!({}));
        let parts: Vec<&str> = good.split('.').collect();
        let admin = self.claiming(&json!({ "role": "ADMIN", "sub": "2", "sid": 2 }));
        let admin: Vec<&str> = admin.split('.').collect();
        let mut bad: Vec<(String, String)> = [
            ("expired", json!({ "exp": now_s - 3_600 })),
            ("expired a minute ago", json!({ "exp": now_s - 60 })),
            ("without an end", json!({ "exp": null })),
            ("not yet good", json!({ "nbf": now_s + 3_600 })),
            ("wrong audience", json!({ "aud": "another-api" })),
            ("no audience", json!({ "aud": null })),
            ("wrong issuer", json!({ "iss": "elsewhere" })),
            ("no issuer", json!({ "iss": null })),
            ("another's session", json!({ "sub": "999999" })),
            ("no session", json!({ "sid": 999_999 })),
            ("SQL for a session", json!({ "sid": "1 OR 1=1" })),
            ("SQL for a user", json!({ "sub": "1' OR '1'='1" })),
        ]
        .into_iter()
        .map(|(what, changes)| (what.to_owned(), self.claiming(&changes)))
        .collect();
        for alg in ["none", "None", "NONE"] {
            bad.push((format!("alg {alg}, unsigned"), unsigned(alg)));
            bad.push((format!("alg {alg}, signed"), self.make(&own(alg), &self.claims, Algorithm::HS256)));
        }
        bad.push(("HS512".into(), self.make(&own("HS512"), &self.claims, Algorithm::HS512)));
        bad.push(("HS384".into(), self.make(&own("HS384"), &self.claims, Algorithm::HS384)));
        // The key that verifies taken for a public one, as confused libraries do.
        bad.push((
            "RS256, signed with the key".into(),
            self.make(&own("RS256"), &self.claims, Algorithm::HS256),
        ));
        bad.push((
            "ES256, signed with the key".into(),
            self.make(&own("ES256"), &self.claims, Algorithm::HS256),
        ));
        for kid in ["../../etc/passwd", "../../../../dev/null", "' UNION SELECT 'x' --", "unknown", ""] {
            let token = self.make(&header("HS256", json!(kid)), &self.claims, Algorithm::HS256);
            bad.push((format!("kid {kid}"), token));
        }
        let empty = EncodingKey::from_secret(b"");
        let message = format!("{}.{}", parts[0], parts[1]);
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &empty, Algorithm::HS256).expect("signed");
        bad.push(("signed with nothing".into(), format!("{message}.{signature}")));
        bad.push(("payload of another".into(), format!("{}.{}.{}", parts[0], admin[1], parts[2])));
        let turned: String = parts[2].chars().rev().collect();
        bad.push(("signature turned round".into(), format!("{}.{}.{turned}", parts[0], parts[1])));
        bad.push(("no signature".into(), format!("{}.{}.", parts[0], parts[1])));
        bad.push(("two parts".into(), message));
        bad.push(("four parts".into(), format!("{good}.{}", parts[2])));
        bad.push(("rubbish".into(), "x".repeat(200)));
        bad.push(("huge".into(), "x".repeat(16_000)));
        bad.push((
            "a machine's that is none".into(),
            "nsm_1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
        ));
        bad.push(("SQL for a machine's".into(), "nsm_1 OR 1=1_AAAA".into()));
        bad.push(("a machine's without an end".into(), "nsm_".into()));
        bad
    }
}
