//! The arguments of `citygate simulate`.
use super::odd::Odd;
use crate::cli::Error;
use crate::cli::trust::Trust;
use crate::model::Timestamp;
use crate::model::settings::parse_duration;
use crate::sim::{Air, Format, Mapping, Mix, Protocol, Target, Transmission};
use jiff::tz::TimeZone;
use std::path::PathBuf;
use std::time::Duration;

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
  Half of the devices over MQTT, half over CoAP, where a tenth of the datagrams gets lost:
    citygate simulate --target mqtt://127.0.0.1:1883 --target coap://127.0.0.1:5683 --loss 0.1
  Meters that answer in frames of DL/T 645, DL/T 698.45 and CJ/T 188, and two concentrators of such:
    citygate simulate --mix meter --frames 1 --collectors 2 --rate 10 --faults 0.02

A gateway that is killed and started again on the way loses nothing: sessions are kept, and what was
not acknowledged is sent again. Exit code 1 if anything stays unacknowledged.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Gateway to send to, mqtt://host:port, mqtts://host:port or coap://host:port; several share the devices
    #[arg(
        long,
        alias = "to",
        value_name = "URL",
        default_value = "mqtt://127.0.0.1:1883"
    )]
    pub(super) target: Vec<Target>,
    #[command(flatten)]
    pub(super) trust: Trust,
    #[command(flatten)]
    pub(super) coap: Coap,
    #[command(flatten)]
    pub(super) odd: Odd,
    /// Devices of the simulated city
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) devices: u64,
    /// Weights of their kinds, such as meter=3,pole.light=1
    #[arg(long, value_name = "KIND=W,..", conflicts_with_all = ["max", "csv"])]
    pub(super) mix: Option<Mix>,
    /// Messages a second; without it each kind of device keeps its own interval
    #[arg(long, value_name = "MSG/S", value_parser = positive, conflicts_with = "max")]
    pub(super) rate: Option<f64>,
    /// As fast as acknowledged: a meter per connection or endpoint that says much the same each time
    #[arg(long, conflicts_with = "csv")]
    pub(super) max: bool,
    /// MQTT connections that never publish; alone, or beside --max, --rate or --csv
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=20_000))]
    pub(super) idle: u64,
    /// End after this time, such as 90s or 2h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) duration: Option<Duration>,
    /// End after this many messages
    #[arg(long, value_name = "N", conflicts_with = "csv")]
    pub(super) count: Option<u64>,
    /// MQTT connections that publish [default: 10, at most one per device]
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u64).range(1..=20_000))]
    pub(super) connections: Option<u64>,
    /// Messages in flight per MQTT connection
    #[arg(long, value_name = "W", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..65_535))]
    pub(super) window: u16,
    /// MQTT quality of service; at 0 nothing is acknowledged, and written counts as that
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(super) qos: u8,
    /// The same seed and start give the same messages [default: a random one, shown at the end]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// MQTT topic; {device}, {kind} and {district} are filled in
    #[arg(long, default_value = "city/{device}/json", value_parser = topic)]
    pub(super) topic: String,
    /// Share of the meters that answer in frames, on city/{device}/dlt645, dlt698 or cjt188 (CoAP: t/..), 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share, conflicts_with_all = ["max", "csv"])]
    pub(super) frames: f64,
    /// Share of the city's messages that go wrong, 0 to 1; of frames: flipped bits, cut ones, noise between them
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(super) faults: f64,
    /// Time lapse: seconds of the city per second, until it has caught up with now
    #[arg(long, value_name = "X", value_parser = positive, conflicts_with_all = ["max", "csv"])]
    pub(super) speed: Option<f64>,
    /// The city's time at the start, RFC 3339 [default: now; with --speed a day ago]
    #[arg(long, value_name = "TIME", value_parser = instant, conflicts_with = "csv")]
    pub(super) start: Option<Timestamp>,
    /// MQTT user name
    #[arg(long, requires = "password_file")]
    pub(super) user: Option<String>,
    /// File that holds its password
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(super) password_file: Option<PathBuf>,
    /// First part of the MQTT client ids [default: sim-PID]
    #[arg(long, value_name = "PREFIX")]
    pub(super) client_id: Option<String>,
    /// Give up when the gateway is out of reach for this long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(super) patience: Duration,
    /// Replay a CSV file instead of a city; - reads standard input
    #[arg(long, alias = "replay", value_name = "FILE", requires_all = ["time_column", "map"])]
    pub(super) csv: Option<PathBuf>,
    /// Its column with the time: RFC 3339, or Unix seconds or milliseconds
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    pub(super) time_column: Option<String>,
    /// Its column with the device
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    pub(super) device_column: Option<String>,
    /// The device of all rows, if there is no such column
    #[arg(
        long,
        value_name = "NAME",
        requires = "csv",
        conflicts_with = "device_column"
    )]
    pub(super) device: Option<String>,
    /// A column and its metric, COLUMN=METRIC[:UNIT][@SUFFIX]; each suffix is a device and a message of its own
    #[arg(long, value_name = "MAPPING", requires = "csv")]
    pub(super) map: Vec<Mapping>,
    /// Zone of its times without an offset
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    pub(super) timezone: TimeZone,
    /// Format of its times in the manner of strptime, such as '%d-%m-%y %H:%M'
    #[arg(long, value_name = "FORMAT", requires = "csv")]
    pub(super) time_format: Option<String>,
    /// Print the summary as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn share_upto(text: &str, most: f64) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "need a number".to_owned())?;
    let fits = (0.0..=most).contains(&number);
    fits.then_some(number)
        .ok_or_else(|| format!("need a number from 0 to {most}"))
}

/// What only CoAP devices have.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "CoAP devices")]
pub(super) struct Coap {
    /// Path; {device}, {kind} and {district} are filled in, and {profile} by the format [default: t/{device}/{profile}]
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub(super) path: Option<String>,
    /// Payload: json, senml, senml-cbor or cbor [default: json]
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    /// Share of the reports with a time of their own that are non-confirmable, 0 to 1 [default: 0]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(super) non: Option<f64>,
    /// Sockets [default: one per device up to 1000, 100 for a CSV file]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=20_000))]
    pub(super) endpoints: Option<u64>,
    /// Requests of an endpoint that may be outstanding, 1 to 64 [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=64))]
    pub(super) nstart: Option<u64>,
    /// Longest payload of a datagram, 16 to 1024 and a power of two; longer ones go in blocks [default: 1024]
    #[arg(long, value_name = "BYTES", value_parser = szx)]
    pub(super) block_size: Option<u8>,
    /// Before the first retransmission, as `ACK_TIMEOUT` of RFC 7252 [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) ack_timeout: Option<Duration>,
    /// Share of the datagrams that get lost, in both directions, 0 to 0.9
    #[arg(long, value_name = "SHARE", value_parser = loss)]
    pub(super) loss: Option<f64>,
    /// The same for those to the gateway alone
    #[arg(long, value_name = "SHARE", value_parser = loss)]
    pub(super) loss_requests: Option<f64>,
    /// The same for those from the gateway alone
    #[arg(long, value_name = "SHARE", value_parser = loss)]
    pub(super) loss_answers: Option<f64>,
    /// Share of the datagrams to the gateway that are sent twice, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(super) duplicate: Option<f64>,
    /// Share of the datagrams to the gateway that are held back up to 300 ms, so that others overtake them
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(super) reorder: Option<f64>,
    /// With --max: PUT instead of POST, for a server that knows no POST
    #[arg(long)]
    pub(super) put: bool,
}

/// Options that --max knows, too.
const FOR_MAX: [&str; 4] = ["--path", "--endpoints", "--nstart", "--put"];

impl Coap {
    /// The options that were given.
    fn given(&self) -> Vec<&'static str> {
        [
            ("--path", self.path.is_some()),
            ("--format", self.format.is_some()),
            ("--non", self.non.is_some()),
            ("--endpoints", self.endpoints.is_some()),
            ("--nstart", self.nstart.is_some()),
            ("--block-size", self.block_size.is_some()),
            ("--ack-timeout", self.ack_timeout.is_some()),
            ("--loss", self.loss.is_some()),
            ("--loss-requests", self.loss_requests.is_some()),
            ("--loss-answers", self.loss_answers.is_some()),
            ("--duplicate", self.duplicate.is_some()),
            ("--reorder", self.reorder.is_some()),
            ("--put", self.put),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect()
    }

    /// # Errors
    /// Options without a target or a load that they are for.
    pub(super) fn check(&self, targets: &[Target], max: bool) -> Result<(), Error> {
        let some = targets
            .iter()
            .any(|target| target.protocol == Protocol::Coap);
        let given = self.given();
        let unfit = given.iter().find(|name| !FOR_MAX.contains(name));
        match (given.first(), unfit) {
            (Some(name), _) if !some => Err(Error::Usage(format!(
                "{name} is for CoAP devices: add --target coap://host:port"
            ))),
            (_, Some(name)) if max => Err(Error::Usage(format!(
                "{name} does not go with --max: over CoAP it always sends the same SenML, unimpaired"
            ))),
            _ if self.put && !max => Err(Error::Usage("--put goes with --max only".to_owned())),
            _ => Ok(()),
        }
    }

    pub(super) fn air(&self) -> Air {
        let both = self.loss.unwrap_or(0.0);
        Air {
            lost_requests: self.loss_requests.unwrap_or(both),
            lost_answers: self.loss_answers.unwrap_or(both),
            doubled: self.duplicate.unwrap_or(0.0),
            reordered: self.reorder.unwrap_or(0.0),
        }
    }

    pub(super) fn transmission(&self) -> Transmission {
        let usual = Transmission::default();
        Transmission {
            ack_timeout: self.ack_timeout.unwrap_or(usual.ack_timeout),
            nstart: self
                .nstart
                .and_then(|nstart| usize::try_from(nstart).ok())
                .unwrap_or(usual.nstart),
            szx: self.block_size.unwrap_or(usual.szx),
            ..usual
        }
    }

    /// The path with the format's profile.
    pub(super) fn path(&self, max: bool) -> String {
        let path = self.path.as_deref().unwrap_or("t/{device}/{profile}");
        let format = if max { Format::Senml } else { self.format() };
        path.replace("{profile}", format.profile())
    }

    pub(super) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Json)
    }
}

/// Beyond it, a report of four retransmissions hardly ever arrives.
const LOSS_MAX: f64 = 0.9;

fn loss(text: &str) -> Result<f64, String> {
    share_upto(text, LOSS_MAX)
}

/// The exponent of a block size, RFC 7959 §2.2.
fn szx(text: &str) -> Result<u8, String> {
    (0..=6)
        .find(|szx| (16_u32 << szx).to_string() == text)
        .ok_or_else(|| "need 16, 32, 64, 128, 256, 512 or 1024".to_owned())
}

/// A path of which each part fits into an option.
fn path(text: &str) -> Result<String, String> {
    let text = text.strip_prefix('/').unwrap_or(text);
    let fits = !text.is_empty() && text.split('/').all(|part| part.len() <= 150);
    fits.then(|| text.to_owned())
        .ok_or_else(|| "need parts of at most 150 bytes between slashes".to_owned())
}

pub(in crate::cli) fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "need a number".to_owned())?;
    let fits = number.is_finite() && number > 0.0;
    fits.then_some(number)
        .ok_or_else(|| "need a number above 0".to_owned())
}

pub(in crate::cli) fn share(text: &str) -> Result<f64, String> {
    share_upto(text, 1.0)
}

pub(in crate::cli) fn duration(text: &str) -> Result<Duration, String> {
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
