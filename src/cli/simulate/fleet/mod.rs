//! `nightshift simulate fleet`: police cars and runners over the vehicles' own protocol.

mod client;
mod world;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use nightshift_domain::fleet::MapId;
use nightshift_domain::fleet::wire::Secret;
use nightshift_kernel::Clock;
use serde_json::Value;

use crate::cli::serve::told_to_stop;
use crate::cli::{CommandError, Common, configure, output, runtime};
use crate::config::Environment;

pub(in crate::cli) use world::{Cast, Told, World};

#[derive(Args)]
pub(in crate::cli) struct FleetArgs {
    /// The server; that of the configuration when absent.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Police cars.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=200))]
    police: u8,
    /// Runners.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=50))]
    runners: u8,
    /// The map, by its number.
    #[arg(long, default_value_t = 1, value_name = "ID")]
    map: u32,
    /// Where chance begins: the same seed puts everybody in the same places.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End after this many seconds.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Positions that each vehicle sends in a second.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    hz: u8,
    /// Speak version 1: cars then get no orders.
    #[arg(long)]
    v1: bool,
}

pub(super) fn run(
    args: &FleetArgs,
    common: &Common,
    environment: Environment,
) -> Result<ExitCode, CommandError> {
    let config = configure(common, environment)?;
    let secret = config.fleet.secret.as_ref().map_or("", |secret| secret.expose());
    let secret = Secret::new(secret).map_err(CommandError::failed)?;
    let maps =
        nightshift_actors::fleet_maps(config.fleet.maps_dir.as_deref()).map_err(CommandError::Failed)?;
    let map = maps.get(&MapId(args.map)).cloned();
    let map = map.ok_or_else(|| CommandError::Failed(format!("there is no map {}", args.map)))?;
    let server = args.server.clone().unwrap_or_else(|| format!("http://{}", config.http.listen));
    let cast = Cast {
        base: sockets_at(&server)?,
        secret,
        map: Arc::clone(&map),
        police: args.police,
        runners: args.runners,
        seed: args.seed,
        stamped: !args.v1,
        hz: args.hz,
    };
    let seconds = args.seconds.map(Duration::from_secs);
    let json = common.json;
    let tally = runtime()?.block_on(async {
        let mut world = World::open(cast, Clock::system()).await?;
        tokio::select! {
            played = world.play(seconds, |event| show(event, json)) => played?,
            _ = told_to_stop() => {}
        }
        Ok::<_, String>(world.tally.clone())
    });
    let tally = tally.map_err(CommandError::Failed)?;
    if json {
        output::json(&tally);
    } else {
        output::line(&format!(
            "{} caught, {} escaped; {} frames sent, {} refused, {} orders followed ({} to chase), {} reconnects",
            tally.captures,
            tally.escapes,
            tally.frames,
            tally.nacks,
            tally.orders,
            tally.chases,
            tally.reconnects
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what happened.
pub(in crate::cli) fn show(event: &Value, json: bool) {
    if json {
        output::line(&event.to_string());
    } else {
        let tally = &event["tally"];
        output::line(&format!(
            "runner {} {} (police {}); so far {} caught, {} escaped",
            event["runner"],
            event["what"].as_str().unwrap_or_default(),
            event["police"],
            tally["captures"],
            tally["escapes"]
        ));
    }
}

/// The URL of a server's sockets.
pub(in crate::cli) fn sockets_at(server: &str) -> Result<String, CommandError> {
    let base = server.trim_end_matches('/');
    if let Some(rest) = base.strip_prefix("http://") {
        return Ok(format!("ws://{rest}"));
    }
    Err(CommandError::Failed(format!("`{server}`: the simulator speaks to http://host:port alone")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_where_the_server_is() {
        assert_eq!(sockets_at("http://127.0.0.1:8000/").expect("a server"), "ws://127.0.0.1:8000");
        assert!(sockets_at("127.0.0.1:8000").is_err() && sockets_at("https://a").is_err());
    }
}
