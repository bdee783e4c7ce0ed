//! `citygate demo`: a gateway and a small city in one process, joined by real sockets.
//!
//! The parts are those of `run` and `simulate`; the scoreboard asks over HTTP like anybody else. The
//! city ends first, so that the last line shows a gateway at rest.
mod city;
mod introduce;
mod lan;

use introduce::introduce;
use lan::Lan;

use super::http::Gateway;
use super::scoreboard::Score;
use super::signals::Signals;
use super::{Error, Exit, output, simulate};
use crate::app::{self, Bound, Host};
use crate::config::Config;
use crate::inventory;
use crate::model::Clock;
use crate::sim::{self, City, Load, Plan};
use crate::telemetry;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval, sleep};
use tokio_util::sync::CancellationToken;

const EXAMPLES: &str = "\
Examples:
  citygate demo
  citygate demo --devices 500 --rate 200 --for 30s
  citygate demo --data demo-data --seed 7

It takes the default ports where they are free and others where they are not, and prints which.
Ctrl-C drains within 5 s. Without --data everything is removed at the end.";

/// How long the city may wait for its last acknowledgements, and the gateway to come to rest: together
/// with the gateway's own drain below 5 s in all but a failing disk's case.
const CITY_DRAIN: Duration = Duration::from_millis(1500);
const REST_WAIT: Duration = Duration::from_secs(1);
/// How often the scoreboard is shown on a terminal, and in a pipe.
const TERMINAL_EVERY: Duration = Duration::from_secs(1);
const PIPE_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Listen beyond loopback: anybody in the network can then send, and whoever has the link shown can read
    #[arg(long)]
    lan: bool,
    /// Devices of the city
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    devices: u64,
    /// Messages a second
    #[arg(long, value_name = "MSG/S", default_value_t = 20.0, value_parser = simulate::positive)]
    rate: f64,
    /// Share of the messages that go wrong, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.02, value_parser = simulate::share)]
    faults: f64,
    /// The same seed gives the same city [default: a random one, shown]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// End after this time, such as 30s
    #[arg(long = "for", value_name = "TIME", value_parser = simulate::duration)]
    duration: Option<Duration>,
    /// Keep the data in this directory [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    telemetry::init("warn", false).map_err(|error| Error::cannot_start("cannot log", &error))?;
    let data = match &args.data {
        Some(dir) => Data {
            dir: dir.clone(),
            remove: false,
        },
        None => Data::temporary()?,
    };
    let mut config = config(&data.dir, args.lan)?;
    let now = Clock::system().now();
    let seed = args.seed.unwrap_or_else(|| simulate::any_seed(now));
    let city = city::build(args, seed, now);
    name_meters(&mut config, &city)?;
    let lan = args.lan.then(|| Lan::prepare(&mut config, now));
    let lan = lan.transpose()?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Error::cannot_start("cannot start threads", &error))?;
    let result = runtime.block_on(demo(args, config, (city, seed), lan.as_ref()));
    // The gateway's last files must be closed before their directory goes.
    drop(runtime);
    drop(data);
    result
}

/// The data directory.
struct Data {
    dir: PathBuf,
    remove: bool,
}

impl Data {
    fn temporary() -> Result<Self, Error> {
        let dir = std::env::temp_dir().join(format!("citygate-demo-{}", std::process::id()));
        // Fails if it exists: somebody else's directory must not be removed at the end.
        std::fs::create_dir(&dir).map_err(|error| {
            Error::cannot_start(format!("cannot make {}", dir.display()), &error)
        })?;
        Ok(Self { dir, remove: true })
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if self.remove {
            // What cannot be removed from a temporary directory the system will remove.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// The defaults, with little demands on the disk, free ports, and a route per kind and district so
/// that both are known of each device.
fn config(data: &Path, lan: bool) -> Result<Config, Error> {
    let mut text = String::from(
        "node = 'demo'\n[site]\ntimezone = 'Asia/Shanghai'\n[log]\nmin_free = '64MiB'\nretain_bytes = '2GiB'\n[devices]\nsleepy_after = '10s'\n",
    );
    for (kind, district) in sim::places() {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "[[route]]\ntopic = 'demo/{kind}/{district}/{{device}}'\nprofile = 'json'\nkind = '{kind}'\ndistrict = '{district}'\n",
        );
    }
    let mut config = Config::parse(&text, [])
        .map_err(|problems| Error::CannotStart(super::listed(&problems)))?;
    data.clone_into(&mut config.data_dir);
    let ip = if lan {
        Ipv4Addr::UNSPECIFIED
    } else {
        Ipv4Addr::LOCALHOST
    };
    for bind in [
        &mut config.mqtt.bind,
        &mut config.grpc.bind,
        &mut config.http.bind,
    ] {
        *bind = free(ip.into(), bind.port(), |to| TcpListener::bind(to).is_ok());
    }
    let coap = &mut config.coap.bind;
    *coap = free(ip.into(), coap.port(), |to| UdpSocket::bind(to).is_ok());
    Ok(config)
}

/// Has the gateway know the meters that speak frames, which have addresses and no names. Who else sends
/// is let in.
fn name_meters(config: &mut Config, city: &City) -> Result<(), Error> {
    let file = config.data_dir.join("devices.csv");
    let failed = |error| Error::cannot_start(format!("cannot write {}", file.display()), &error);
    std::fs::create_dir_all(&config.data_dir).map_err(failed)?;
    std::fs::write(&file, city.inventory()).map_err(failed)?;
    config.inventory = inventory::Config {
        file: Some(file),
        unknown: inventory::Unknown::Accept,
    };
    Ok(())
}

/// The default port if it can be bound, else any.
fn free(ip: IpAddr, port: u16, binds: impl Fn(SocketAddr) -> bool) -> SocketAddr {
    let wanted = SocketAddr::new(ip, port);
    if binds(wanted) {
        wanted
    } else {
        SocketAddr::new(ip, 0)
    }
}

fn with_any_ports(mut config: Config) -> Config {
    for bind in [
        &mut config.mqtt.bind,
        &mut config.coap.bind,
        &mut config.grpc.bind,
        &mut config.http.bind,
    ] {
        bind.set_port(0);
    }
    config
}

async fn demo(
    args: &Args,
    config: Config,
    city: (City, u64),
    lan: Option<&Lan>,
) -> Result<Exit, Error> {
    let signals =
        Signals::catch().map_err(|error| Error::cannot_start("cannot catch signals", &error))?;
    let (stop_city, stop_gateway) = (CancellationToken::new(), CancellationToken::new());
    let (tell, bound) = oneshot::channel();
    let gateway = async {
        let mut tell = Some(tell);
        let mut tell = |bound: &Bound| {
            // Nobody listens when the demo is over already.
            let _ = tell.take().map(|tell| tell.send(Box::new(*bound)));
        };
        let stop = || stop_gateway.clone().cancelled_owned();
        let mut result = app::run(config.clone(), Host::default(), stop(), &mut tell).await;
        if let Err(app::Error::Bind { .. }) = result {
            // Somebody else took a port between the look and the bind.
            result = app::run(with_any_ports(config), Host::default(), stop(), &mut tell).await;
        }
        stop_city.cancel();
        result.map_err(|error| super::run::ended(&error))
    };
    let city = async {
        let result = match bound.await {
            Ok(bound) => play(args, *bound, city, lan, &stop_city).await,
            // The gateway did not start, and says why itself.
            Err(_) => Ok(Exit::Ok),
        };
        stop_gateway.cancel();
        result
    };
    let both = async { tokio::join!(gateway, city) };
    tokio::select! {
        (gateway, city) = both => gateway.and(city),
        never = signals.cancel(stop_city.clone()) => match never {},
    }
}

async fn play(
    args: &Args,
    bound: Bound,
    (city, seed): (City, u64),
    lan: Option<&Lan>,
    stop: &CancellationToken,
) -> Result<Exit, Error> {
    let now = Clock::system().now();
    let http = local(bound.http);
    if let Some(lan) = lan {
        lan.introduce(http, now)?;
    }
    introduce(args, bound, seed, city.first_farewell())?;
    let gateway = Gateway::at(http, lan.map(Lan::bearer));
    let plan = Plan {
        fleets: city::fleets(args, bound),
        load: Load::City {
            city: Box::new(city),
            count: u64::MAX,
        },
        duration: args.duration,
        drain: CITY_DRAIN,
        seed,
    };
    let tally = plan.tally();
    let result = tokio::select! {
        result = sim::run(plan, &tally, stop.clone()) => result,
        error = watch(&gateway) => return Err(Error::Output(error)),
    };
    let summary = result.map_err(|error| Error::wrong("the city ended early", &error))?;
    finish(&gateway, summary).await
}

/// The final line, of a gateway at rest.
async fn finish(gateway: &Gateway, summary: sim::Summary) -> Result<Exit, Error> {
    let until = Instant::now() + REST_WAIT;
    let score = loop {
        let score = Score::fetch(gateway)
            .await
            .map_err(|error| Error::wrong("the gateway does not say its accounting", &error))?;
        if score.at_rest() || Instant::now() >= until {
            break score;
        }
        sleep(Duration::from_millis(50)).await;
    };
    output::line(format_args!("{score}"))?;
    output::line(format_args!(
        "the city sent {}, of which {} were acknowledged; seed {}",
        summary.total.sent, summary.total.acknowledged, summary.seed
    ))?;
    let accounted = score.holds() && score.received >= summary.total.acknowledged;
    Ok(if accounted { Exit::Ok } else { Exit::Wrong })
}

/// Shows the scoreboard until it is dropped; ends when nobody reads it.
async fn watch(gateway: &Gateway) -> io::Error {
    let terminal = io::stderr().is_terminal() && io::stdout().is_terminal();
    let line = terminal.then(|| {
        let style = ProgressStyle::with_template("{spinner} {msg}");
        Line(ProgressBar::new_spinner().with_style(style.expect("a constant")))
    });
    let mut tick = interval(if terminal { TERMINAL_EVERY } else { PIPE_EVERY });
    loop {
        tick.tick().await;
        let shown = match Score::fetch(gateway).await {
            Ok(score) => score.to_string(),
            Err(error) => super::Chain(&error).to_string(),
        };
        match &line {
            Some(line) => {
                // Two lines: the identity is wider than a terminal of 80 columns.
                line.0
                    .set_message(shown.replace(" + refused", "\n    + refused"));
                line.0.tick();
            }
            None => {
                if let Err(error) = output::line(shown) {
                    return error;
                }
            }
        }
    }
}

/// Gone from the terminal when it is dropped.
struct Line(ProgressBar);

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// An address that this machine can connect to.
fn local(bound: SocketAddr) -> SocketAddr {
    let ip = if bound.ip().is_unspecified() {
        Ipv4Addr::LOCALHOST.into()
    } else {
        bound.ip()
    };
    SocketAddr::new(ip, bound.port())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_demo_has_a_configuration_for_every_place_of_the_city() {
        let config = config(Path::new("x"), false).unwrap();
        assert_eq!(config.data_dir, Path::new("x"));
        for (kind, district) in sim::places() {
            let topic = format!("demo/{kind}/{district}/em-00001");
            let target = config
                .routes
                .find(&topic, crate::model::Source::Mqtt)
                .unwrap();
            assert_eq!((target.device, target.kind), (Some("em-00001"), kind));
            assert_eq!(target.district, district);
        }
        assert!(config.mqtt.bind.ip().is_loopback() && config.coap.bind.ip().is_loopback());
    }

    #[test]
    fn a_taken_port_is_left_alone() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let tcp = |to: SocketAddr| TcpListener::bind(to).is_ok();
        assert_eq!(free(Ipv4Addr::LOCALHOST.into(), port, tcp).port(), 0);
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let udp = |to: SocketAddr| UdpSocket::bind(to).is_ok();
        assert_eq!(free(Ipv4Addr::LOCALHOST.into(), port, udp).port(), 0);
    }

    #[test]
    fn temporary_data_is_removed() {
        let data = Data::temporary().unwrap();
        let dir = data.dir.clone();
        assert!(dir.is_dir());
        drop(data);
        assert!(!dir.exists());
    }
}
