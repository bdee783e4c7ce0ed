//! From the first byte to the CONNACK.
use super::connect::{self, Connect, Will};
use super::door::Ticket;
use super::end;
use super::fault::Fault;
use super::listener::Service;
use super::packet::{self, Version};
use super::reply::{self, Terms};
use super::session::{Handle, Open, OpenError};
use crate::intake::Refusal;
use crate::tls::Stream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Longest CONNECT in bytes: names, passwords and a will, not a payload.
const CONNECT_BYTES_MAX: usize = 16 << 10;
/// What a CONNECT takes, mostly.
const READ_BYTES: usize = 512;

/// What CONNECT settled.
#[derive(Debug)]
pub struct Greeted {
    /// Of the protocol.
    pub version: Version,
    /// Client id, the device's own or an assigned one.
    pub client: Box<str>,
    /// User name, "" if none.
    pub user: Box<str>,
    /// The session's number.
    pub number: u64,
    /// The connection's number.
    pub epoch: u64,
    /// The session outlives the connection.
    pub persistent: bool,
    /// How long it does, in seconds.
    pub expiry_secs: u32,
    /// How others reach the connection.
    pub handle: Arc<Handle>,
    /// Longest silence before the device counts as gone.
    pub silence_max: Duration,
    /// What it was let in by.
    pub ticket: Ticket,
    /// What to say then.
    pub will: Option<Box<Will>>,
}

/// Why there is no connection.
enum Denied {
    /// Gone, or nobody to answer.
    Silently,
    /// A mistake of the peer.
    Fault(Option<Version>, Fault),
    /// Not now: a reason code of MQTT 5.
    Busy(Version, u8),
}

/// Hears a CONNECT and opens its session. Gives what it settled, bytes that came after the CONNECT,
/// and the CONNACK to be written; `None`: the connection is over and has been answered.
pub async fn greet(
    service: &Arc<Service>,
    stream: &mut Stream,
    full: bool,
    halt: CancellationToken,
) -> Option<(Box<Greeted>, Vec<u8>, Vec<u8>)> {
    let welcomed = tokio::select! {
        biased;
        () = halt.cancelled() => return None,
        welcomed = welcome(service, stream, full, &halt) => welcomed,
    };
    let denied = match welcomed {
        Ok(welcomed) => {
            service.stats.accepted.fetch_add(1, Ordering::Relaxed);
            return Some(welcomed);
        }
        Err(denied) => denied,
    };
    let mut out = Vec::new();
    match denied {
        Denied::Silently => {}
        Denied::Fault(version, fault) => {
            debug!(%fault, "CONNECT refused");
            end::count(service, fault);
            // §3.2.2.3 of 3.1.1: a malformed CONNECT gets no answer.
            let answered = fault.kind() != (Fault::Malformed { what: "" }).kind();
            if let Some(version) = version.filter(|v| *v == Version::V5 || answered) {
                reply::refuse(&mut out, version, fault.reason());
            }
        }
        Denied::Busy(version, reason) => {
            service.stats.turned_away.fetch_add(1, Ordering::Relaxed);
            reply::refuse(&mut out, version, reason);
        }
    }
    end::part(stream, &out, service.config.write_timeout).await;
    None
}

async fn welcome(
    service: &Arc<Service>,
    stream: &mut Stream,
    full: bool,
    halt: &CancellationToken,
) -> Result<(Box<Greeted>, Vec<u8>, Vec<u8>), Denied> {
    let first = timeout(service.config.connect_timeout, first_packet(stream));
    let (mut connect, rest) = first
        .await
        .unwrap_or(Err(Denied::Fault(None, Fault::Silent)))?;
    let version = connect.version;
    if halt.is_cancelled() {
        return Err(Denied::Busy(version, 0x8b));
    }
    if full {
        return Err(Denied::Busy(version, 0x97));
    }
    // Whatever the refusal, the answer is "server busy": 0x97 would say that it is the device's
    // quota (design: new CONNECTs get 0x89, in 3.1.1 return code 3).
    match service.intake.refusing() {
        Some(Refusal::Closed) => return Err(Denied::Busy(version, 0x8b)),
        Some(_) => return Err(Denied::Busy(version, 0x89)),
        None => {}
    }
    let Some(ticket) = service.door.admit(stream.client(), &mut connect.login) else {
        return Err(Denied::Fault(Some(version), Fault::Login));
    };
    let (greeted, out) = open(service, connect, ticket).await?;
    if halt.is_cancelled() {
        // The listener may have told all connections to stop just before this one was known.
        service.sessions.stop_all();
    }
    Ok((greeted, rest, out))
}

/// Reads until the first packet is complete.
async fn first_packet(stream: &mut Stream) -> Result<(Connect, Vec<u8>), Denied> {
    let mut bytes = Vec::with_capacity(READ_BYTES);
    loop {
        // Read before waiting: with TLS, bytes may have come with the handshake.
        let taken = stream.read_some(&mut bytes).map_err(|_| Denied::Silently)?;
        if taken.len == 0 && !taken.end {
            stream.readable().await.map_err(|_| Denied::Silently)?;
            continue;
        }
        if taken.len == 0 && bytes.is_empty() {
            return Err(Denied::Silently);
        }
        if taken.len == 0 {
            let what = "the connection ended within CONNECT";
            return Err(Denied::Fault(None, Fault::Malformed { what }));
        }
        // A browser or a TLS client shows itself by its first byte.
        if bytes.first().is_some_and(|first| *first != 0x10) {
            let what = "the first packet is no CONNECT";
            return Err(Denied::Fault(None, Fault::Unexpected { what }));
        }
        let found = packet::frame(&bytes, CONNECT_BYTES_MAX);
        if let Some(frame) = found.map_err(|fault| Denied::Fault(None, fault))? {
            let connect = connect::read(&frame);
            let connect = connect.map_err(|(version, fault)| Denied::Fault(version, fault))?;
            let rest = bytes.get(frame.packet.len()..).unwrap_or_default().to_vec();
            return Ok((connect, rest));
        }
    }
}

/// Opens the session and, when it is durable, writes the CONNACK.
async fn open(
    service: &Service,
    connect: Connect,
    ticket: Ticket,
) -> Result<(Box<Greeted>, Vec<u8>), Denied> {
    let version = connect.version;
    let cap = service.config.expiry_max_secs();
    let expiry_secs = connect.expiry_secs.unwrap_or(cap).min(cap);
    let assigned = connect.client.is_empty().then(|| service.sessions.assign());
    let client: Box<str> = assigned.as_deref().unwrap_or(&connect.client).into();
    let handle = Arc::<Handle>::default();
    let opened = service.sessions.open(&Open {
        client: &client,
        clean: connect.clean,
        expiry_secs,
        handle: &handle,
        now: service.clock.now(),
    });
    let opened = opened.map_err(|cause| match cause {
        OpenError::Full { .. } => Denied::Busy(version, 0x97),
        OpenError::Busy => Denied::Busy(version, 0x89),
    })?;
    if opened.took_over {
        service.stats.takeovers.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(written) = opened.written
        && !written.await.unwrap_or(false)
    {
        // Not on disk: the session must not be promised, nor found by the next CONNECT.
        let now = service.clock.now();
        service.sessions.end(&client, opened.epoch, Some(0), now);
        return Err(Denied::Busy(version, 0x88));
    }
    let (silence_max, keep_alive) = silence(connect.keep_alive, version, service.config.idle_max);
    let terms = Terms {
        present: opened.present,
        expiry: connect
            .expiry_secs
            .filter(|asked| *asked != expiry_secs)
            .map(|_| expiry_secs),
        receive_max: service.config.receive_max,
        packet_max: u32::try_from(service.config.packet_max).unwrap_or(u32::MAX),
        assigned,
        keep_alive,
    };
    let mut out = Vec::new();
    reply::accept(&mut out, version, &terms);
    let greeted = Greeted {
        version,
        client,
        user: connect
            .login
            .map(|(user, _)| user)
            .unwrap_or_default()
            .into(),
        number: opened.number,
        epoch: opened.epoch,
        persistent: expiry_secs > 0,
        expiry_secs,
        handle,
        silence_max,
        ticket,
        will: connect.will,
    };
    Ok((Box::new(greeted), out))
}

/// The longest silence of a device (one and a half keep-alive intervals, MQTT 5 §3.1.2.10), and
/// the keep-alive that MQTT 5 is told where it is not its own.
fn silence(keep_alive: u16, version: Version, idle_max: Duration) -> (Duration, Option<u16>) {
    let half_more = |interval: Duration| interval + interval / 2;
    let asked = Duration::from_secs(keep_alive.into());
    if !asked.is_zero() && (asked <= idle_max || version == Version::V4) {
        return (half_more(asked), None);
    }
    match version {
        Version::V4 => (idle_max, None),
        Version::V5 => {
            let told = u16::try_from(idle_max.as_secs()).unwrap_or(u16::MAX);
            (half_more(idle_max), Some(told))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_one_and_a_half_keep_alives_and_never_for_ever() {
        let idle = Duration::from_secs(1000);
        let secs = Duration::from_secs;
        assert_eq!(silence(60, Version::V4, idle), (secs(90), None));
        assert_eq!(silence(60, Version::V5, idle), (secs(90), None));
        assert_eq!(silence(0, Version::V4, idle), (secs(1000), None));
        assert_eq!(silence(0, Version::V5, idle), (secs(1500), Some(1000)));
        assert_eq!(silence(2000, Version::V5, idle), (secs(1500), Some(1000)));
    }
}
