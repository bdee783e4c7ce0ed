//! `citygate simulate`: devices over real sockets against any gateway, over MQTT and CoAP.
mod args;
mod csv;
mod odd;

use super::signals::Signals;
use super::{Error, Exit, output, progress};
use crate::model::Timestamp;
use crate::sim::{
    self, City, CityOptions, Fleet, Load, Plan, Protocol, Session, Split, Target, coap, mqtt,
};
use crate::tls::Client;
pub(super) use args::{Args, duration, positive, share};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longest password file, in bytes: MQTT's limit.
const PASSWORD_MAX: u64 = 65_535;
/// CoAP sockets unless told otherwise, of a city and of a CSV file.
const ENDPOINTS: u64 = 1_000;
const CSV_ENDPOINTS: u64 = 100;

/// A seed that a person can type again.
pub(super) fn any_seed(now: Timestamp) -> u64 {
    let mixed = now.as_nanos().cast_unsigned() ^ (u64::from(std::process::id()) << 32);
    sim::Rng::new(mixed).below(1_000_000)
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let json = args.json;
    let seed = args.seed;
    let (plan, total) = plan(args)?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Error::cannot_start("cannot start threads", &error))?;
    let tally = plan.tally();
    let shown_seed = plan.seed;
    debug_assert!(seed.is_none_or(|seed| seed == shown_seed));
    let started = std::time::Instant::now();
    let result = runtime.block_on(async {
        let signals = Signals::catch()?;
        let stop = CancellationToken::new();
        Ok::<_, io::Error>(tokio::select! {
            result = sim::run(plan, &tally, stop.clone()) => result,
            never = signals.cancel(stop) => match never {},
            never = progress::show(&tally, total) => match never {},
        })
    });
    // A reader that still waits for standard input must not hold up the end.
    runtime.shutdown_background();
    let result = result.map_err(|error| Error::cannot_start("cannot catch signals", &error))?;
    let summary = match &result {
        Ok(summary) => summary.clone(),
        Err(_) => tally.summary(shown_seed, started.elapsed()),
    };
    if json {
        output::json(&summary)?;
    } else {
        output::line(&summary)?;
    }
    match result {
        Ok(_) if summary.is_complete() => Ok(Exit::Ok),
        Ok(_) => Ok(Exit::Wrong),
        Err(error) if summary.total.sent == 0 && matches!(error, sim::Error::Connection { .. }) => {
            Err(Error::cannot_start("nothing was sent", &error))
        }
        Err(error) => Err(Error::wrong("the simulation ended early", &error)),
    }
}

/// The run that the arguments describe, and how many messages it has, if that is known.
fn plan(args: &Args) -> Result<(Plan, Option<u64>), Error> {
    args.coap.check(&args.target, args.max)?;
    let now = crate::model::Clock::system().now();
    let seed = args.seed.unwrap_or_else(|| any_seed(now));
    let topics = args.target.iter();
    let topics = topics.map(|target| (target.protocol, topic_of(args, target)));
    let split = Split::evenly(topics.collect());
    let only_idle = args.idle > 0 && !args.max && args.rate.is_none() && args.csv.is_none();
    let mut total = args.count;
    let load = if only_idle {
        Load::Nothing
    } else if args.max {
        Load::Max {
            count: args.count.unwrap_or(u64::MAX),
            topic: args.topic.clone(),
            start: args.start.unwrap_or(now),
        }
    } else if let Some(file) = &args.csv {
        let replay = csv::open(args, file, split)?;
        total = csv::count_rows(file).map(|rows| rows * replay.messages_per_row() as u64);
        Load::Replay {
            replay: Box::new(replay),
            rate: args.rate,
        }
    } else {
        let city = city(args, seed, now, split)?;
        if let Some(file) = &args.odd.inventory_file {
            std::fs::write(file, city.inventory()).map_err(|error| {
                Error::cannot_start(format!("cannot write {}", file.display()), &error)
            })?;
        }
        Load::City {
            city: Box::new(city),
            count: args.count.unwrap_or(u64::MAX),
        }
    };
    let login = match (&args.user, &args.password_file) {
        (Some(user), Some(file)) => Some((user.clone(), password(file)?)),
        _ => None,
    };
    let first = args
        .target
        .iter()
        .position(|to| to.protocol == Protocol::Mqtt);
    let over_tls = args.target.iter().any(|target| target.tls);
    let tls = over_tls.then(|| args.trust.client("")).transpose()?;
    let fleets = args.target.iter().enumerate();
    let fleets = fleets.map(|(number, target)| match target.protocol {
        Protocol::Mqtt => {
            let first = first == Some(number);
            mqtt_fleet(args, target, login.clone(), tls.clone(), first)
        }
        Protocol::Coap => coap_fleet(args, target),
    });
    let plan = Plan {
        fleets: fleets.collect(),
        load,
        duration: args.duration,
        // As patient at the end as on the way: a gateway may be restarting just then.
        drain: args.patience,
        seed,
    };
    Ok((plan, total))
}

fn topic_of(args: &Args, target: &Target) -> String {
    match target.protocol {
        Protocol::Mqtt => args.topic.clone(),
        Protocol::Coap => args.coap.path(args.max),
    }
}

fn mqtt_fleet(
    args: &Args,
    target: &Target,
    login: Option<(String, String)>,
    tls: Option<Client>,
    first: bool,
) -> Fleet {
    let most = if args.max || args.csv.is_some() {
        u64::MAX
    } else {
        args.devices
    };
    let connections = args.connections.unwrap_or(10).min(most);
    let prefix = args.client_id.clone();
    Fleet::Mqtt(mqtt::Fleet {
        session: Session {
            target: target.clone(),
            tls,
            login,
            qos: args.qos,
            window: args.window,
            // An idle device is one that sleeps; the others speak anyway.
            keep_alive_s: if args.idle > 0 { 600 } else { 60 },
            patience: args.patience,
        },
        client_id: prefix.unwrap_or_else(|| format!("sim-{}", std::process::id())),
        connections: usize::try_from(connections).unwrap_or(1),
        // Only the first MQTT target has them.
        named: if first { args.odd.names() } else { Vec::new() },
        idle: usize::try_from(args.idle).unwrap_or(0),
    })
}

fn coap_fleet(args: &Args, target: &Target) -> Fleet {
    let usual = if args.csv.is_some() {
        CSV_ENDPOINTS
    } else {
        args.devices.min(ENDPOINTS)
    };
    Fleet::Coap(coap::Fleet {
        target: target.clone(),
        endpoints: usize::try_from(args.coap.endpoints.unwrap_or(usual)).unwrap_or(1),
        transmission: args.coap.transmission(),
        air: args.coap.air(),
        non_confirmable: args.coap.non.unwrap_or(0.0),
        format: args.coap.format(),
        path: args.coap.path(args.max),
        put: args.coap.put,
        patience: args.patience,
    })
}

fn city(args: &Args, seed: u64, now: Timestamp, split: Split) -> Result<City, Error> {
    let lapse = args
        .speed
        .map_or(Duration::ZERO, |_| Duration::from_hours(24));
    Ok(City::new(&CityOptions {
        seed,
        devices: usize::try_from(args.devices).unwrap_or(1),
        mix: args.mix.clone().unwrap_or_default(),
        rate: args.rate,
        battery_every: args.odd.battery_every,
        speed: args.speed.unwrap_or(1.0),
        start: args.start.unwrap_or_else(|| now.minus(lapse)),
        now,
        faults: args.faults,
        frames: args.frames,
        oddities: args.odd.oddities(&args.target)?,
        split,
    }))
}

fn password(file: &Path) -> Result<String, Error> {
    let failed =
        |error: io::Error| Error::cannot_start(format!("cannot read {}", file.display()), &error);
    let mut text = String::new();
    let opened = File::open(file).map_err(failed)?;
    opened
        .take(PASSWORD_MAX)
        .read_to_string(&mut text)
        .map_err(failed)?;
    // Editors end a file with a line feed; a password does not.
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
