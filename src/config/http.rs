//! The section `[http]`: where the server listens, whom it believes, and its limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::check::between;

/// Longest request timeout, seconds.
pub(super) const REQUEST_TIMEOUT_S_MAX: u64 = 600;
/// Largest body that may be allowed, bytes.
const BODY_BYTES_MAX: usize = 256 * 1_024 * 1_024;
/// Highest rate that may be set, requests a minute.
const PER_MINUTE_MAX: u32 = 10_000_000;
/// Longest that browsers may be told to insist on TLS, days: ten years.
const HSTS_DAYS_MAX: u32 = 3_650;

/// The HTTP server and its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Proxies, as addresses or CIDR networks, whose word about a client's address is believed.
    pub trusted_proxies: Vec<String>,
    /// Origins whose pages may read answers: `https://host[:port]`.
    pub cors_origins: Vec<String>,
    /// Largest request body, bytes.
    pub body_bytes_max: usize,
    /// Largest body of a push of readings, bytes.
    pub readings_bytes_max: usize,
    /// Bytes of bodies under way that are held in memory, in all.
    pub bodies_bytes_max: usize,
    /// Seconds a request may take in all.
    pub request_timeout_s: u64,
    /// Seconds a client may take to send its headers, and for its TLS handshake.
    pub header_timeout_s: u64,
    /// Seconds a client may take to send its body.
    pub body_timeout_s: u64,
    /// Seconds a client may leave an answer unread before it is cut.
    pub write_stall_s: u64,
    /// Most open connections; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Most requests handled at once; more are answered 503.
    pub concurrency_max: usize,
    /// Most event streams open at once.
    pub streams_max: usize,
    /// Most WebSockets open at once, those of vehicles apart.
    pub sockets_max: usize,
    /// TLS.
    pub tls: TlsConfig,
    /// How much one client may ask.
    pub rate_limit: RateLimitConfig,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8_000)),
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            body_bytes_max: 64 * 1_024,
            readings_bytes_max: 8 * 1_024 * 1_024,
            bodies_bytes_max: 512 * 1_024 * 1_024,
            request_timeout_s: 30,
            header_timeout_s: 10,
            body_timeout_s: 20,
            write_stall_s: 30,
            connections_max: 12_000,
            concurrency_max: 1_024,
            streams_max: 1_000,
            sockets_max: 1_000,
            tls: TlsConfig::default(),
            rate_limit: RateLimitConfig::default(),
        }
    }
}

/// TLS 1.3; off until a certificate and its key are named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with the certificate and those that lead to its authority.
    pub certificate: Option<PathBuf>,
    /// PEM file with its private key.
    pub key: Option<PathBuf>,
    /// Seconds between two looks at whether the files have changed.
    pub reload_interval_s: u64,
    /// Days that browsers are told to insist on TLS for (`Strict-Transport-Security`); 0 tells them nothing.
    pub hsts_days: u32,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self { certificate: None, key: None, reload_interval_s: 60, hsts_days: 365 }
    }
}

impl TlsConfig {
    /// The certificate's and the key's file, when TLS is on.
    #[must_use]
    pub fn files(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.certificate.as_ref().zip(self.key.as_ref())
    }
}

/// How much one client may ask, requests a minute; as many may come at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitConfig {
    /// Whether anything is limited at all.
    pub enabled: bool,
    /// An address, for all requests without a valid token.
    pub address_per_minute: u32,
    /// An address, for signing in and whatever else takes a password.
    pub signin_per_minute: u32,
    /// A machine token; 0 is no limit.
    pub token_per_minute: u32,
    /// A user with the role ADMIN.
    pub admin_per_minute: u32,
    /// A user with the role MANAGER.
    pub manager_per_minute: u32,
    /// A user with the role OPERATOR.
    pub operator_per_minute: u32,
    /// A user with the role DOCTOR.
    pub doctor_per_minute: u32,
    /// A user with the role NURSE.
    pub nurse_per_minute: u32,
    /// A user with the role VIEWER.
    pub viewer_per_minute: u32,
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            address_per_minute: 100,
            signin_per_minute: 20,
            token_per_minute: 0,
            admin_per_minute: 600,
            manager_per_minute: 600,
            operator_per_minute: 600,
            doctor_per_minute: 600,
            nurse_per_minute: 600,
            viewer_per_minute: 300,
        }
    }
}

impl HttpConfig {
    /// Refuses values that could not work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        between("http.body_bytes_max", self.body_bytes_max, 1_024, BODY_BYTES_MAX)?;
        between("http.readings_bytes_max", self.readings_bytes_max, 1_024, BODY_BYTES_MAX)?;
        let largest = self.body_bytes_max.max(self.readings_bytes_max);
        between("http.bodies_bytes_max", self.bodies_bytes_max, largest, usize::MAX >> 8)?;
        between("http.request_timeout_s", self.request_timeout_s, 1, REQUEST_TIMEOUT_S_MAX)?;
        between("http.header_timeout_s", self.header_timeout_s, 1, REQUEST_TIMEOUT_S_MAX)?;
        between("http.body_timeout_s", self.body_timeout_s, 1, REQUEST_TIMEOUT_S_MAX)?;
        between("http.write_stall_s", self.write_stall_s, 1, REQUEST_TIMEOUT_S_MAX)?;
        between("http.connections_max", self.connections_max, 1, 1_000_000)?;
        between("http.concurrency_max", self.concurrency_max, 1, 1_000_000)?;
        between("http.streams_max", self.streams_max, 1, 1_000_000)?;
        between("http.sockets_max", self.sockets_max, 1, 1_000_000)?;
        self.proxies()?;
        self.origins()?;
        self.tls.check()?;
        self.rate_limit.check()
    }

    /// The networks of the trusted proxies.
    ///
    /// # Errors
    /// When one is neither an address nor a network.
    pub fn proxies(&self) -> Result<Vec<IpNet>, ConfigError> {
        let network = |text: &String| {
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| ConfigError::Range {
                key: "http.trusted_proxies",
                reason: format!("`{text}` is neither an address nor a network such as 10.0.0.0/8"),
            })
        };
        self.trusted_proxies.iter().map(network).collect()
    }

    /// The origins, each exactly as browsers write it.
    ///
    /// # Errors
    /// When one is no origin, `*` included: every page of the world would be one.
    pub fn origins(&self) -> Result<Vec<String>, ConfigError> {
        let exact = |text: &String| {
            let origin = reqwest::Url::parse(text).ok().map(|url| url.origin());
            let same = origin.is_some_and(|o| o.is_tuple() && o.ascii_serialization() == *text);
            let web = text.starts_with("https://") || text.starts_with("http://");
            (same && web && !text.contains('*')).then(|| text.clone()).ok_or_else(|| ConfigError::Range {
                key: "http.cors_origins",
                reason: format!(
                    "`{text}` is no origin: write https://host or https://host:port, each by name"
                ),
            })
        };
        self.cors_origins.iter().map(exact).collect()
    }
}

impl TlsConfig {
    fn check(&self) -> Result<(), ConfigError> {
        between("http.tls.reload_interval_s", self.reload_interval_s, 1, 86_400)?;
        between("http.tls.hsts_days", self.hsts_days, 0, HSTS_DAYS_MAX)?;
        let alone = |key, other| ConfigError::Range { key, reason: format!("is needed once {other} is set") };
        match (&self.certificate, &self.key) {
            (Some(_), None) => Err(alone("http.tls.key", "http.tls.certificate")),
            (None, Some(_)) => Err(alone("http.tls.certificate", "http.tls.key")),
            _ => Ok(()),
        }
    }
}

impl RateLimitConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let per_minute = |key, value| between(key, value, 1, PER_MINUTE_MAX);
        per_minute("http.rate_limit.address_per_minute", self.address_per_minute)?;
        per_minute("http.rate_limit.signin_per_minute", self.signin_per_minute)?;
        between("http.rate_limit.token_per_minute", self.token_per_minute, 0, PER_MINUTE_MAX)?;
        per_minute("http.rate_limit.admin_per_minute", self.admin_per_minute)?;
        per_minute("http.rate_limit.manager_per_minute", self.manager_per_minute)?;
        per_minute("http.rate_limit.operator_per_minute", self.operator_per_minute)?;
        per_minute("http.rate_limit.doctor_per_minute", self.doctor_per_minute)?;
        per_minute("http.rate_limit.nurse_per_minute", self.nurse_per_minute)?;
        per_minute("http.rate_limit.viewer_per_minute", self.viewer_per_minute)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, load};

    fn loaded(pairs: &[(&str, &str)]) -> Result<super::HttpConfig, String> {
        let named = |(name, value): &(&str, &str)| (format!("NIGHTSHIFT__HTTP__{name}"), (*value).to_owned());
        let environment: Environment = pairs.iter().map(named).collect();
        load(None, &environment).map(|config| config.http).map_err(|e| e.to_string())
    }

    #[test]
    fn the_server_may_listen_anywhere() {
        for address in ["0.0.0.0:8000", "[::1]:8000", "[::]:8000"] {
            assert!(loaded(&[("LISTEN", address)]).is_ok(), "{address}");
        }
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let proxies = loaded(&[("TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.7, fd00::/8")]).expect("networks");
        assert_eq!(proxies.proxies().expect("networks").len(), 3);
        for bad in ["proxy.example", "10.0.0.0/33", "10.0.0"] {
            assert!(loaded(&[("TRUSTED_PROXIES", bad)]).expect_err(bad).starts_with("http.trusted_proxies"));
        }
    }

    #[test]
    fn origins_are_exact() {
        assert!(loaded(&[("CORS_ORIGINS", "https://a.example, http://127.0.0.1:3000")]).is_ok());
        for bad in ["*", "https://*.example", "a.example", "https://a.example/", "HTTPS://a.example", "null"]
        {
            assert!(loaded(&[("CORS_ORIGINS", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_certificate_needs_its_key() {
        assert!(loaded(&[("TLS__CERTIFICATE", "a.pem")]).expect_err("alone").starts_with("http.tls.key"));
        assert!(loaded(&[("TLS__KEY", "a.pem")]).expect_err("alone").starts_with("http.tls.certificate"));
        let both = loaded(&[("TLS__CERTIFICATE", "a.pem"), ("TLS__KEY", "b.pem")]).expect("both");
        assert!(both.tls.files().is_some());
        assert!(loaded(&[("RATE_LIMIT__ADDRESS_PER_MINUTE", "0")]).is_err());
    }
}
