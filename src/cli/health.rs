//! `nightshift health`: asks a running server how it is. For containers and scripts: exit code 0 is well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reqwest::{Client, Url};
use serde_json::Value;

use super::{CommandError, output, runtime};
use crate::config::Config;

/// How long the answer may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// The short form, which anybody may read.
const PATH: &str = "/api/health";

#[derive(Args)]
pub(super) struct HealthArgs {
    /// The server's address, such as https://plant.example:8000 [default: the configured one on this machine].
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
}

pub(super) fn run(args: &HealthArgs, config: &Config, json: bool) -> Result<ExitCode, CommandError> {
    let (url, verify) = match &args.url {
        Some(url) => (url.join(PATH).map_err(CommandError::failed)?, true),
        // A certificate names the plant and not this machine's loopback, where nobody else can answer.
        None => (own_url(config)?, false),
    };
    let (code, body) = runtime()?.block_on(ask(url, verify))?;
    let status = body["status"].as_str().unwrap_or("unknown");
    if json {
        output::json(&body);
    } else {
        output::line(status);
        for part in body["degraded"].as_array().into_iter().flatten() {
            let text = |name: &str| part[name].as_str().unwrap_or_default().to_owned();
            output::line(&format!("{}: {} {}", text("name"), text("state"), text("detail")));
        }
    }
    Ok(if code.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where the configured server is reached from this machine.
fn own_url(config: &Config) -> Result<Url, CommandError> {
    let listen = config.http.listen;
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let scheme = if config.http.tls.files().is_some() { "https" } else { "http" };
    let address = SocketAddr::new(ip, listen.port());
    Url::parse(&format!("{scheme}://{address}{PATH}")).map_err(CommandError::failed)
}

async fn ask(url: Url, verify: bool) -> Result<(reqwest::StatusCode, Value), CommandError> {
    let client = Client::builder()
        .no_proxy()
        .timeout(DEADLINE)
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(!verify)
        .build()
        .map_err(CommandError::failed)?;
    let reached = async {
        let answer = client.get(url.clone()).send().await?;
        let code = answer.status();
        Ok::<_, reqwest::Error>((code, answer.json().await?))
    };
    reached.await.map_err(|error| {
        CommandError::Failed(format!("{url} does not say how it is: {}", crate::serve::chain(&error)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(listen: &str, tls: bool) -> String {
        let mut config = Config::default();
        config.http.listen = listen.parse().expect("address");
        if tls {
            config.http.tls.certificate = Some("a.pem".into());
            config.http.tls.key = Some("a.key".into());
        }
        own_url(&config).expect("url").to_string()
    }

    #[test]
    fn the_own_server_is_found_from_its_configuration() {
        assert_eq!(own("0.0.0.0:8000", false), "http://127.0.0.1:8000/api/health");
        assert_eq!(own("[::]:8443", true), "https://[::1]:8443/api/health");
        assert_eq!(own("10.1.2.3:80", false), "http://10.1.2.3/api/health");
    }
}
