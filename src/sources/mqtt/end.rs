//! How connections end, and what becomes of their wills.
use super::connect::Will;
use super::connection::Connection;
use super::fault::Fault;
use super::listener::Service;
use super::reply;
use super::session::DueWill;
use crate::intake::{EventDraft, Refusal};
use crate::model::{DeviceId, Source, Timestamp, proto::Severity};
use crate::tls::Stream;
use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tracing::debug;

/// How long a peer is heard after the last word was said to it. Closing with unread bytes makes the
/// kernel reset the connection, which can destroy acks and DISCONNECT on their way.
const LINGER: Duration = Duration::from_millis(500);
/// Bytes that are thrown away meanwhile, at most.
const LINGER_BYTES_MAX: usize = 1 << 20;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// DISCONNECT.
    Left {
        /// It asked for its will to act (MQTT 5, 0x04).
        will: bool,
        /// Session Expiry Interval in seconds, where it changed.
        expiry_secs: Option<u32>,
    },
    /// The peer closed without a DISCONNECT.
    Closed,
    /// The network failed.
    Lost(ErrorKind),
    /// The peer broke a rule.
    Fault(Fault),
    /// Intake refused, or the log could not write.
    Refused(Refusal),
    /// A new connection of the same client id.
    TakenOver,
    /// The gateway stops.
    Halted,
}

impl End {
    /// Reason code of the DISCONNECT that tells the peer; `None`: there is nobody to tell.
    const fn reason(self) -> Option<u8> {
        match self {
            Self::Left { .. } | Self::Closed | Self::Lost(_) => None,
            // 0x86 is for a CONNACK only (MQTT 5 §2.4).
            Self::Fault(Fault::Login) => Some(0x87),
            Self::Fault(fault) => Some(fault.reason()),
            Self::Refused(Refusal::DiskFull | Refusal::Budget) => Some(0x97),
            Self::Refused(Refusal::Backlog) => Some(0x89),
            Self::Refused(Refusal::Closed) | Self::Halted => Some(0x8b),
            Self::TakenOver => Some(0x8e),
        }
    }

    /// Has the device gone away? Not if it said so, nor if the gateway ended the connection for
    /// reasons of its own.
    const fn will_acts(self) -> bool {
        match self {
            Self::Left { will, .. } => will,
            Self::Closed | Self::Lost(_) | Self::Fault(_) => true,
            Self::Refused(_) | Self::TakenOver | Self::Halted => false,
        }
    }

    /// In words, for the event of a will.
    fn cause(self) -> &'static str {
        match self {
            Self::Left { .. } => "disconnected with its will",
            Self::Closed => "closed the connection without DISCONNECT",
            Self::Lost(_) => "connection lost",
            Self::Fault(Fault::KeepAlive) => "silent for one and a half keep-alive intervals",
            Self::Fault(Fault::NotReading) => "did not read its answers",
            Self::Fault(Fault::Login) => "its user was removed or has another password",
            Self::Fault(_) => "broke the protocol",
            Self::Refused(_) => "refused",
            Self::TakenOver => "taken over",
            Self::Halted => "gateway stopped",
        }
    }
}

/// Counts a fault: by kind, and as a protocol error of promise 2 where it is one.
pub fn count(service: &Service, fault: Fault) {
    service.stats.fault(fault);
    if fault.is_protocol_error() {
        service
            .accounting
            .update(Source::Mqtt, |counts| counts.protocol_errors += 1);
    }
}

/// Ends a connection: session, will, a last word, and the socket.
pub async fn finish(connection: Connection, end: End) {
    let Connection {
        service,
        mut stream,
        greeted,
        mut out,
        ..
    } = connection;
    debug!(client = %greeted.client, ?end, "MQTT connection ended");
    match end {
        End::Fault(fault) => count(&service, fault),
        End::Refused(_) => {
            service.stats.refusals.fetch_add(1, Ordering::Relaxed);
        }
        _ => {}
    }
    let now = service.clock.now();
    let expiry_cap = service.config.expiry_max_secs();
    let expiry_secs = match end {
        End::Left { expiry_secs, .. } => expiry_secs.map(|secs| secs.min(expiry_cap)),
        _ => None,
    };
    let current = service
        .sessions
        .end(&greeted.client, greeted.epoch, expiry_secs, now);
    if let Some(will) = greeted.will
        && current
        && end.will_acts()
    {
        // MQTT 5 §3.1.3.2.2: a will does not wait beyond the end of its session.
        let kept_secs = expiry_secs.unwrap_or(greeted.expiry_secs);
        let delay = Duration::from_secs(will.delay_secs.min(kept_secs).into());
        let due = DueWill {
            client: greeted.client,
            user: greeted.user,
            will,
            cause: end.cause(),
        };
        if delay.is_zero() {
            act(&service, &due, now);
        } else if let Err(due) = service.sessions.delay(due, now.plus(delay)) {
            act(&service, &due, now);
        }
    }
    if let Some(reason) = end.reason() {
        reply::disconnect(&mut out, greeted.version, reason);
        part(&mut stream, &out, service.config.write_timeout).await;
    }
}

/// A will acts: it becomes an event about the device that its topic names, or the client id.
pub fn act(service: &Service, due: &DueWill, now: Timestamp) {
    service.stats.wills.fetch_add(1, Ordering::Relaxed);
    let Will { topic, payload, .. } = &*due.will;
    let named = service.intake.device_of(topic, &due.client, &due.user);
    let device = named
        .as_deref()
        .or_else(|| DeviceId::check(&due.client).ok());
    service.intake.event(EventDraft {
        device_id: device.unwrap_or_default(),
        kind: "",
        name: "will",
        at: now,
        severity: Severity::Warning.into(),
        detail: &[
            ("topic", topic),
            ("payload", payload),
            ("reason", due.cause),
            ("client", &due.client),
        ],
    });
}

/// Says a last word and closes, without destroying what is on its way: see [`LINGER`].
pub async fn part(stream: &mut Stream, out: &[u8], limit: Duration) {
    if !matches!(timeout(limit, write(stream, out)).await, Ok(Ok(()))) {
        return;
    }
    // Whatever fails from here on, the socket is closed next.
    let _ = timeout(LINGER, drain(stream)).await;
}

async fn write(stream: &mut Stream, mut out: &[u8]) -> std::io::Result<()> {
    while !out.is_empty() {
        stream.writable().await?;
        match stream.try_write(out) {
            Ok(written) => out = out.get(written..).unwrap_or_default(),
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => {}
            Err(cause) => return Err(cause),
        }
    }
    stream.say_end();
    stream.push()?;
    while stream.unsent() {
        stream.writable().await?;
        stream.push()?;
    }
    Ok(())
}

async fn drain(stream: &mut Stream) -> std::io::Result<()> {
    let tcp = stream.tcp_mut();
    tcp.shutdown().await?;
    let mut thrown_away = 0;
    while thrown_away < LINGER_BYTES_MAX {
        tcp.readable().await?;
        match tcp.try_read(&mut [0; 512]) {
            Ok(0) => break,
            Ok(read) => thrown_away += read,
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}
