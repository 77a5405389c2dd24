//! PostgreSQL's own tools: `pg_dump` reads one moment while others write, `pg_restore` brings all of it back or nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Url;

use super::{CommandError, failed};

/// Where Debian keeps the tools of each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The newest tool of that name.
fn tool(name: &str) -> PathBuf {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let found = versions.filter_map(|entry| {
        let path = entry.path().join("bin").join(name);
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        path.exists().then_some((version, path))
    });
    found.max().map_or_else(|| PathBuf::from(name), |(_, path)| path)
}

/// How the tools find the database: in their environment, since others on the machine see arguments, and a URL may hold a
/// password.
fn environment(url: &str) -> Result<Vec<(&'static str, String)>, CommandError> {
    let wrong = || failed("the database's URL", "it cannot be read");
    let url = Url::parse(url).map_err(|_| wrong())?;
    let mut settings = vec![("PGAPPNAME", "nightshift backup".to_owned())];
    let mut set = |name, value: Option<String>| {
        settings.extend(value.filter(|v| !v.is_empty()).map(|value| (name, value)));
    };
    set("PGHOST", url.host_str().map(decoded));
    set("PGPORT", url.port().map(|port| port.to_string()));
    set("PGUSER", Some(decoded(url.username())));
    set("PGPASSWORD", url.password().map(decoded));
    set("PGDATABASE", Some(decoded(url.path().trim_start_matches('/'))));
    for (name, value) in url.query_pairs() {
        match &*name {
            "host" => set("PGHOST", Some(value.into_owned())),
            "port" => set("PGPORT", Some(value.into_owned())),
            "sslmode" => set("PGSSLMODE", Some(value.into_owned())),
            "sslrootcert" => set("PGSSLROOTCERT", Some(value.into_owned())),
            _ => {}
        }
    }
    Ok(settings)
}

/// A part of a URL without its percent signs.
fn decoded(part: &str) -> String {
    let pair = format!("x={}", part.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes()).next().map_or_else(String::new, |(_, value)| value.into_owned())
}

fn run(name: &str, url: &str, arguments: &[&str]) -> Result<(), CommandError> {
    let done = Command::new(tool(name)).args(arguments).envs(environment(url)?).output();
    let done = done.map_err(|e| failed(name, format!("{e}: install PostgreSQL's client")))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(failed(name, said.lines().last().unwrap_or("it failed without a word")))
}

fn text(path: &Path) -> Result<&str, CommandError> {
    path.to_str().ok_or_else(|| failed("the backup", "its path is no text"))
}

/// Dumps the database into one file.
pub(super) fn dump(url: &str, to: &Path) -> Result<(), CommandError> {
    run("pg_dump", url, &["--format=custom", "--no-owner", "--no-privileges", "--file", text(to)?])
}

/// Loads a dump into an empty database: all of it, or nothing.
pub(super) fn load(url: &str, from: &Path) -> Result<(), CommandError> {
    let known = environment(url)?;
    let name = known.iter().find(|(name, _)| *name == "PGDATABASE").map_or("postgres", |(_, value)| value);
    let options =
        ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", "--dbname", name];
    run("pg_restore", url, &[&options[..], &[text(from)?]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_the_settings_of_the_tools() {
        let url = "postgres://plant:p%40ss%2Bword@db.example:5433/night?sslmode=require&statement_timeout=1";
        let found = environment(url).expect("settings");
        let of = |name: &str| found.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
        assert_eq!(
            (of("PGHOST"), of("PGPORT"), of("PGUSER")),
            (Some("db.example"), Some("5433"), Some("plant"))
        );
        assert_eq!((of("PGPASSWORD"), of("PGDATABASE")), (Some("p@ss+word"), Some("night")));
        assert_eq!(of("PGSSLMODE"), Some("require"));
        let socket = environment("postgres://plant@localhost/night?host=/run/postgresql");
        assert!(socket.is_ok_and(|found| found.contains(&("PGHOST", "/run/postgresql".to_owned()))));
    }
}
