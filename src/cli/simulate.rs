//! `citygate simulate`: devices over real MQTT sockets against any gateway.
use super::signals::Signals;
use super::{Error, Exit, output, progress};
use crate::model::Timestamp;
use crate::model::settings::parse_duration;
use crate::sim::{
    self, City, CityOptions, Device, Load, Mapping, Mix, Plan, Replay, ReplayOptions, Session,
    Tally, Target,
};
use jiff::tz::TimeZone;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const EXAMPLES: &str = "\
Examples:
  A city of 200 devices that sends 100 messages a second for a minute:
    citygate simulate --devices 200 --rate 100 --duration 60s
  As fast as acknowledged, from 100 connections with 50 messages in flight each:
    citygate simulate --max --connections 100 --window 50 --count 1000000
  A CSV file, two meters per row:
    zcat meters.csv.gz | citygate simulate --csv - \\
      --time-column datetime --device-column building \\
      --map 'equipment load [kWh]=active_energy_interval:kW.h@electricity' \\
      --map 'heating load [kWh]=gas_energy_interval:kW.h@gas'

A gateway that is killed and started again on the way loses nothing: sessions are kept, and what was
not acknowledged is sent again. Exit code 1 if anything stays unacknowledged.";

/// Longest password file, in bytes: MQTT's limit.
const PASSWORD_MAX: u64 = 65_535;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Gateway or broker to publish to
    #[arg(long, value_name = "URL", default_value = "mqtt://127.0.0.1:1883")]
    to: Target,
    /// Devices of the simulated city
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    devices: u64,
    /// Weights of their kinds, such as meter=3,pole.light=1
    #[arg(long, value_name = "KIND=W,..", conflicts_with_all = ["max", "csv"])]
    mix: Option<Mix>,
    /// Messages a second; without it each kind of device keeps its own interval
    #[arg(long, value_name = "MSG/S", value_parser = positive, conflicts_with = "max")]
    rate: Option<f64>,
    /// As fast as acknowledged: a meter per connection with a fixed message of three readings
    #[arg(long, conflicts_with = "csv")]
    max: bool,
    /// Connections that never publish; alone, or beside --max, --rate or --csv
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=20_000))]
    idle: u64,
    /// End after this time, such as 90s or 2h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// End after this many messages
    #[arg(long, value_name = "N", conflicts_with = "csv")]
    count: Option<u64>,
    /// Connections that publish [default: 10, at most one per device]
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u64).range(1..=20_000))]
    connections: Option<u64>,
    /// Messages in flight per connection
    #[arg(long, value_name = "W", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..65_535))]
    window: u16,
    /// MQTT quality of service; at 0 nothing is acknowledged, and written counts as that
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// The same seed and start give the same messages [default: a random one, shown at the end]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Topic; {device}, {kind} and {district} are filled in
    #[arg(long, default_value = "city/{device}/json", value_parser = topic)]
    topic: String,
    /// Share of the city's messages that go wrong, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    faults: f64,
    /// Time lapse: seconds of the city per second, until it has caught up with now
    #[arg(long, value_name = "X", value_parser = positive, conflicts_with_all = ["max", "csv"])]
    speed: Option<f64>,
    /// The city's time at the start, RFC 3339 [default: now; with --speed a day ago]
    #[arg(long, value_name = "TIME", value_parser = instant, conflicts_with = "csv")]
    start: Option<Timestamp>,
    /// MQTT user name
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// File that holds its password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// First part of the MQTT client ids [default: sim-PID]
    #[arg(long, value_name = "PREFIX")]
    client_id: Option<String>,
    /// Give up when the gateway is out of reach for this long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    patience: Duration,
    /// Replay a CSV file instead of a city; - reads standard input
    #[arg(long, value_name = "FILE", requires_all = ["time_column", "map"])]
    csv: Option<PathBuf>,
    /// Its column with the time: RFC 3339, or Unix seconds or milliseconds
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    time_column: Option<String>,
    /// Its column with the device
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    device_column: Option<String>,
    /// The device of all rows, if there is no such column
    #[arg(
        long,
        value_name = "NAME",
        requires = "csv",
        conflicts_with = "device_column"
    )]
    device: Option<String>,
    /// A column and its metric, COLUMN=METRIC[:UNIT][@SUFFIX]; each suffix is a device and a message of its own
    #[arg(long, value_name = "MAPPING", requires = "csv")]
    map: Vec<Mapping>,
    /// Zone of its times without an offset
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    timezone: TimeZone,
    /// Format of its times in the manner of strptime, such as '%d-%m-%y %H:%M'
    #[arg(long, value_name = "FORMAT", requires = "csv")]
    time_format: Option<String>,
    /// Print the summary as one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "need a number".to_owned())?;
    let fits = number.is_finite() && number > 0.0;
    fits.then_some(number)
        .ok_or_else(|| "need a number above 0".to_owned())
}

pub(super) fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "need a number".to_owned())?;
    let fits = (0.0..=1.0).contains(&number);
    fits.then_some(number)
        .ok_or_else(|| "need a number from 0 to 1".to_owned())
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "need a time such as 90s, 15m or 2h".to_owned())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text, &TimeZone::UTC).map_err(|error| error.to_string())
}

fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text)
        .map_err(|_| "need a zone of the IANA database, such as Asia/Shanghai".to_owned())
}

/// A topic that can be published to, with room for the longest device id.
fn topic(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 60_000 {
        return Err("need 1 to 60000 bytes".to_owned());
    }
    if text.contains(['+', '#', '\0']) {
        return Err("a topic to publish to has no + and no #".to_owned());
    }
    Ok(text.to_owned())
}

/// A seed that a person can type again.
pub(super) fn any_seed(now: Timestamp) -> u64 {
    let mixed = now.as_nanos().cast_unsigned() ^ (u64::from(std::process::id()) << 32);
    sim::Rng::new(mixed).below(1_000_000)
}

pub(super) fn run(args: Args) -> Result<Exit, Error> {
    let json = args.json;
    let seed = args.seed;
    let (plan, total) = plan(args)?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Error::cannot_start("cannot start threads", &error))?;
    let tally = Arc::<Tally>::default();
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
        Err(error) if summary.sent == 0 && matches!(error, sim::Error::Connection { .. }) => {
            Err(Error::cannot_start("nothing was sent", &error))
        }
        Err(error) => Err(Error::wrong("the simulation ended early", &error)),
    }
}

/// The run that the arguments describe, and how many messages it has, if that is known.
fn plan(args: Args) -> Result<(Plan, Option<u64>), Error> {
    let now = crate::model::Clock::system().now();
    let seed = args.seed.unwrap_or_else(|| any_seed(now));
    let login = match (&args.user, &args.password_file) {
        (Some(user), Some(file)) => Some((user.clone(), password(file)?)),
        _ => None,
    };
    let only_idle = args.idle > 0 && !args.max && args.rate.is_none() && args.csv.is_none();
    let most = if args.max || args.csv.is_some() {
        u64::MAX
    } else {
        args.devices
    };
    let connections = args.connections.unwrap_or(10).min(most);
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
        let replay = open_csv(&args, file)?;
        total = count_rows(file).map(|rows| rows * replay.messages_per_row() as u64);
        Load::Replay {
            replay: Box::new(replay),
            rate: args.rate,
        }
    } else {
        Load::City {
            city: Box::new(city(&args, seed, now)),
            count: args.count.unwrap_or(u64::MAX),
        }
    };
    let plan = Plan {
        session: Session {
            target: args.to,
            login,
            qos: args.qos,
            window: args.window,
            // An idle device is one that sleeps; the others speak anyway.
            keep_alive_s: if args.idle > 0 { 600 } else { 60 },
            patience: args.patience,
        },
        client_id: args
            .client_id
            .unwrap_or_else(|| format!("sim-{}", std::process::id())),
        connections: usize::try_from(connections).unwrap_or(1),
        idle: usize::try_from(args.idle).unwrap_or(0),
        load,
        duration: args.duration,
        // As patient at the end as on the way: a gateway may be restarting just then.
        drain: args.patience,
        seed,
    };
    Ok((plan, total))
}

fn city(args: &Args, seed: u64, now: Timestamp) -> City {
    let lapse = args
        .speed
        .map_or(Duration::ZERO, |_| Duration::from_hours(24));
    City::new(&CityOptions {
        seed,
        devices: usize::try_from(args.devices).unwrap_or(1),
        mix: args.mix.clone().unwrap_or_default(),
        rate: args.rate,
        speed: args.speed.unwrap_or(1.0),
        start: args.start.unwrap_or_else(|| now.minus(lapse)),
        now,
        faults: args.faults,
        topic: args.topic.clone(),
    })
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

fn open_csv(args: &Args, file: &Path) -> Result<Replay, Error> {
    let named =
        |error: sim::ReplayError| Error::wrong(format!("cannot replay {}", file.display()), &error);
    let input: Box<dyn Read + Send> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let opened = File::open(file);
        Box::new(opened.map_err(|error| {
            Error::cannot_start(format!("cannot open {}", file.display()), &error)
        })?)
    };
    let device = match (&args.device_column, &args.device) {
        (Some(column), _) => Device::Column(column.clone()),
        (None, Some(name)) => Device::Fixed(name.clone()),
        (None, None) => {
            return Err(Error::Usage(
                "--csv needs --device-column or --device".to_owned(),
            ));
        }
    };
    let options = ReplayOptions {
        time_column: args.time_column.clone().unwrap_or_default(),
        device,
        mappings: args.map.clone(),
        zone: args.timezone.clone(),
        time_format: args.time_format.clone(),
        topic: args.topic.clone(),
    };
    Replay::open(input, options).map_err(named)
}

/// Rows of a file, for the progress bar; `None` for a pipe.
fn count_rows(file: &Path) -> Option<u64> {
    if file == Path::new("-") || !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut opened = File::open(file).ok()?;
    let mut buffer = vec![0; 1 << 16];
    let mut lines = 0_u64;
    loop {
        match opened.read(&mut buffer).ok()? {
            0 => return Some(lines.saturating_sub(1)),
            read => {
                let part = buffer.get(..read).unwrap_or_default();
                lines += part.split(|byte| *byte == b'\n').count() as u64 - 1;
            }
        }
    }
}
