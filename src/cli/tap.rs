//! `citygate tap`: the live stream, one reading a line.
//!
//! It is a subscriber like any other: over gRPC, with a cursor that it keeps in memory and resumes by
//! when the gateway comes back. What it prints was durable before. Of one device alone it also shows
//! what the stream does not carry: rejects and changes of state.
mod print;
mod watch;

pub(super) use watch::encoded;

use super::http;
use super::signals::Signals;
use super::trust::Trust;
use super::{Error, Exit};
use crate::model::Timestamp;
use crate::model::proto::client::telemetry_service_client::TelemetryServiceClient;
use crate::model::proto::subscribe_request::Start;
use crate::model::proto::{Filter, SubscribeRequest};
use crate::tls::Connector;
use jiff::tz::TimeZone;
use std::cell::Cell;
use std::io::{self, Write};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

const EXAMPLES: &str = "\
Examples:
  citygate tap
  citygate tap --kind meter --metric active_energy_import
  citygate tap --device em-00001
  citygate tap --device em-00001 --earliest --json
  citygate tap --grpc https://gateway:50051 --url https://gateway:8080 --ca ca.pem

Of one device it also shows, over HTTP, what was rejected and why, and when it goes late or comes back;
one that was never heard is waited for. It starts from now unless told otherwise, and resumes without loss when the gateway comes back.
CITYGATE_TOKEN is sent as a bearer token if it is set. Ctrl-C ends it.";

/// For the connection.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// The gateway sends a heartbeat every 10 s: three missing mean that it is gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Wait before the stream is asked for again.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Only this device; may be given more than once, as the following
    #[arg(long, value_name = "ID")]
    device: Vec<String>,
    /// Only this kind, such as meter or meter.gas
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only this district, such as 3701 or 370102
    #[arg(long, value_name = "CODE")]
    district: Vec<String>,
    /// Only this metric
    #[arg(long, value_name = "NAME")]
    metric: Vec<String>,
    /// From the beginning of the log
    #[arg(long, conflicts_with_all = ["since", "after"])]
    earliest: bool,
    /// From what was appended at this time on, RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with = "after", value_parser = time)]
    since: Option<Timestamp>,
    /// From this cursor on
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// End after this many lines
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// The gateway's gRPC address
    #[arg(long, value_name = "URL", env = "CITYGATE_GRPC", default_value = "http://127.0.0.1:50051", value_parser = address)]
    grpc: Endpoint,
    /// The gateway's HTTP address, for the rejects and states of one device
    #[arg(long, value_name = "URL", env = "CITYGATE_URL", default_value = "http://127.0.0.1:8080", value_parser = http::url)]
    url: http::Url,
    #[command(flatten)]
    trust: Trust,
    /// Print each report and event as a line of JSON
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    token: Option<MetadataValue<Ascii>>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text, &TimeZone::UTC).map_err(|error| error.to_string())
}

/// `host:port` or a URL.
fn address(text: &str) -> Result<Endpoint, String> {
    let url = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    Endpoint::from_shared(url).map_err(|_| "need an address such as 127.0.0.1:50051".to_owned())
}

/// How a stream ended.
enum Ended {
    /// As many lines as asked for.
    Enough,
    /// To be asked for again.
    Lost(String),
}

pub(super) fn run(mut args: Args) -> Result<Exit, Error> {
    args.token = token()?;
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let mut signals = Signals::catch()
            .map_err(|error| Error::cannot_start("cannot catch signals", &error))?;
        tokio::select! {
            result = follow(&args) => result,
            () = signals.next() => Ok(Exit::Ok),
        }
    })
}

fn token() -> Result<Option<MetadataValue<Ascii>>, Error> {
    let Ok(token) = std::env::var("CITYGATE_TOKEN") else {
        return Ok(None);
    };
    let malformed =
        |_| Error::Usage("CITYGATE_TOKEN has characters that no header may have".to_owned());
    MetadataValue::try_from(format!("Bearer {token}"))
        .map(Some)
        .map_err(malformed)
}

async fn follow(args: &Args) -> Result<Exit, Error> {
    let mut start = match (&args.after, args.since, args.earliest) {
        (Some(cursor), ..) => Some(Start::AfterCursor(cursor.clone())),
        (None, Some(since), _) => Some(Start::Since(since.into())),
        (None, None, true) => Some(Start::Earliest(true)),
        (None, None, false) => None,
    };
    let left = Cell::new(args.count.unwrap_or(u64::MAX));
    let watch = async {
        match args.device.as_slice() {
            [device] if args.metric.is_empty() => watch::run(args, device, &left).await,
            _ => std::future::pending().await,
        }
    };
    let stream = async {
        let mut was_connected = false;
        loop {
            let reason = match stream(args, &mut start, &left, &mut was_connected).await? {
                Ended::Enough => return Ok(Exit::Ok),
                Ended::Lost(reason) => reason,
            };
            if !was_connected {
                let uri = args.grpc.uri();
                return Err(Error::CannotStart(format!("no gateway at {uri}: {reason}")));
            }
            // Nothing is lost by waiting: the log keeps it.
            let _ = writeln!(io::stderr(), "citygate: {reason}; trying again");
            sleep(RETRY).await;
        }
    };
    tokio::select! {
        ended = stream => ended,
        ended = watch => ended.map(|()| Exit::Ok),
    }
}

async fn stream(
    args: &Args,
    start: &mut Option<Start>,
    left: &Cell<u64>,
    was_connected: &mut bool,
) -> Result<Ended, Error> {
    let endpoint = args.grpc.clone().connect_timeout(CONNECT_WAIT);
    let connected = if args.grpc.uri().scheme_str() == Some("https") {
        let connector = Connector(args.trust.client("h2")?);
        endpoint.connect_with_connector(connector).await
    } else {
        endpoint.connect().await
    };
    let channel = match connected {
        Ok(channel) => channel,
        Err(error) => return Ok(Ended::Lost(super::Chain(&error).to_string())),
    };
    let mut client = TelemetryServiceClient::<Channel>::new(channel);
    let filter = Filter {
        devices: args.device.clone(),
        kinds: args.kind.clone(),
        districts: args.district.clone(),
        metrics: args.metric.clone(),
    };
    let mut request = Request::new(SubscribeRequest {
        filter: Some(filter),
        start: start.clone(),
    });
    if let Some(token) = &args.token {
        request
            .metadata_mut()
            .insert("authorization", token.clone());
    }
    let mut responses = match client.subscribe(request).await {
        Ok(responses) => responses.into_inner(),
        Err(status) => return lost(&status),
    };
    *was_connected = true;
    loop {
        let Ok(next) = timeout(SILENCE_MAX, responses.message()).await else {
            return Ok(Ended::Lost("the gateway is silent".to_owned()));
        };
        match next {
            Ok(Some(response)) => {
                print::response(args.json, &response, left)?;
                *start = Some(Start::AfterCursor(response.cursor));
                if left.get() == 0 {
                    return Ok(Ended::Enough);
                }
            }
            Ok(None) => return Ok(Ended::Lost("the gateway ended the stream".to_owned())),
            Err(status) => return lost(&status),
        }
    }
}

/// Would asking again help?
fn lost(status: &Status) -> Result<Ended, Error> {
    let message = status.message();
    match status.code() {
        Code::InvalidArgument => Err(Error::Usage(message.to_owned())),
        Code::PermissionDenied | Code::Unauthenticated | Code::Unimplemented => Err(
            Error::CannotStart(format!("the gateway refuses: {message}")),
        ),
        Code::OutOfRange | Code::FailedPrecondition | Code::DataLoss => {
            Err(Error::Wrong(format!("the stream cannot go on: {message}")))
        }
        code => Ok(Ended::Lost(format!(
            "the stream broke off: {code}: {message}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_ends_are_worth_another_try() {
        assert!(matches!(lost(&Status::unavailable("")), Ok(Ended::Lost(_))));
        assert!(matches!(
            lost(&Status::invalid_argument("")),
            Err(Error::Usage(_))
        ));
        assert!(matches!(
            lost(&Status::out_of_range("")),
            Err(Error::Wrong(_))
        ));
        assert!(address("localhost:50051").is_ok() && address("not an address").is_err());
    }
}
