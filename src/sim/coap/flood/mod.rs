//! As many CoAP requests as a server answers, for benches: `simulate --max --target coap://..`.
//!
//! It must cost far less than the gateway that it loads, so there is one thread, one socket for all
//! endpoints, and a datagram per slot that is patched in place; nothing is formatted or allocated per
//! request but the control data of a `sendmsg`.
mod slots;
mod socket;
mod template;

use super::{EndpointError, Fleet};
use crate::model::Timestamp;
use crate::sim::tally::Counts;
use slots::{Answer, Outcome, Slots};
use socket::Socket;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use template::Template;
use tokio_util::sync::CancellationToken;

/// How long a wait for answers may last before the timers are looked at; and when there is more to send.
const WAIT: Duration = Duration::from_millis(50);
const WAIT_FULL: Duration = Duration::from_millis(1);
/// How often the timers of all slots are looked at.
const TICK: Duration = Duration::from_millis(100);

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Flood {
    /// Requests in all.
    pub(super) count: u64,
    /// Device time of the first.
    pub(super) start: Timestamp,
    /// Part of the device names.
    pub(super) seed: u64,
}

/// Sends until `count` requests are answered, or `stop` and those on their way are. Blocks.
///
/// # Errors
/// The target is no loopback address of IPv4, the socket fails, or the server is silent for longer
/// than patience lasts.
pub(super) fn run(
    fleet: &Fleet,
    peer: SocketAddr,
    flood: &Flood,
    counts: &Arc<Counts>,
    stop: &CancellationToken,
) -> Result<(), EndpointError> {
    let failed = |source| EndpointError::Socket {
        to: fleet.target.to_string(),
        source,
    };
    let peer = loopback(peer).map_err(failed)?;
    let mut socket = Socket::new(peer).map_err(failed)?;
    let now = Instant::now();
    let template = |number: usize| {
        let device = format!("em-{}-{number:05}", flood.seed);
        let path = fleet.path.replace("{device}", &device);
        Template::new(&device, &path, fleet.put, flood.start)
    };
    let templates = (0..fleet.endpoints).map(template);
    let mut slots = Slots::new(templates, fleet.transmission.nstart, flood.count, now);
    let mut ready: Vec<usize> = (0..slots.len())
        .filter(|slot| slots.begin(*slot, now))
        .collect();
    counts.connected.fetch_add(fleet.endpoints as u64, Relaxed);
    counts.sent.fetch_add(ready.len() as u64, Relaxed);
    let (mut heard_at, mut ticked_at) = (now, now);
    while slots.outstanding() > 0 {
        let left = send(&mut socket, &slots, &mut ready).map_err(failed)?;
        let wait = if left { WAIT_FULL } else { WAIT };
        let mut acks = Vec::new();
        let mut freed = Vec::new();
        let now = Instant::now();
        let received = socket.receive(wait, |bytes| {
            take(bytes, now, &mut slots, counts, &mut freed, &mut acks);
        });
        let now = Instant::now();
        if received.map_err(failed)? > 0 {
            heard_at = now;
        }
        for (slot, ack) in &acks {
            socket
                .send(slots.endpoint(*slot), &[ack.as_slice()])
                .map_err(failed)?;
        }
        if stop.is_cancelled() {
            slots.end();
        }
        let before = ready.len();
        ready.extend(freed.into_iter().filter(|slot| slots.begin(*slot, now)));
        counts
            .sent
            .fetch_add((ready.len() - before) as u64, Relaxed);
        if now.saturating_duration_since(ticked_at) >= TICK {
            ticked_at = now;
            let before = ready.len();
            slots.handle_timeout(now, &mut ready);
            let again = (ready.len() - before) as u64;
            counts.retransmitted.fetch_add(again, Relaxed);
        }
        let waited = now.saturating_duration_since(heard_at);
        if waited >= fleet.patience {
            let to = fleet.target.to_string();
            return Err(EndpointError::Silent { to, waited });
        }
    }
    counts.connected.fetch_sub(fleet.endpoints as u64, Relaxed);
    Ok(())
}

fn loopback(peer: SocketAddr) -> io::Result<SocketAddrV4> {
    match peer {
        SocketAddr::V4(peer) if peer.ip().is_loopback() => Ok(peer),
        other => Err(io::Error::other(format!(
            "{other} is not in 127.0.0.0/8: only there can one socket play all endpoints"
        ))),
    }
}

/// Sends what is ready, runs of one endpoint together; true if some could not go yet.
fn send(socket: &mut Socket, slots: &Slots, ready: &mut Vec<usize>) -> io::Result<bool> {
    let mut done = 0;
    for run in ready.chunk_by(|a, b| slots.endpoint(*a) == slots.endpoint(*b)) {
        let Some(first) = run.first() else { break };
        let sent = if run.len() == 1 {
            socket.send(slots.endpoint(*first), &[slots.bytes(*first)])?
        } else {
            let datagrams: Vec<&[u8]> = run.iter().map(|slot| slots.bytes(*slot)).collect();
            socket.send(slots.endpoint(*first), &datagrams)?
        };
        done += sent;
        if sent < run.len() {
            break;
        }
    }
    ready.drain(..done);
    Ok(!ready.is_empty())
}

/// An answer: counts it, frees its slot, and acknowledges one that came on its own.
fn take(
    bytes: &[u8],
    now: Instant,
    slots: &mut Slots,
    counts: &Counts,
    freed: &mut Vec<usize>,
    acks: &mut Vec<(usize, Vec<u8>)>,
) {
    let Some(answer) = Answer::parse(bytes) else {
        counts.unexpected.fetch_add(1, Relaxed);
        return;
    };
    match slots.handle(answer, now) {
        outcome @ (Outcome::Taken(slot, took) | Outcome::Refused(slot, took)) => {
            counts.acknowledged.fetch_add(1, Relaxed);
            counts.latency.record(took, 1);
            if let Outcome::Refused(..) = outcome {
                counts.refused.fetch_add(1, Relaxed);
            }
            if answer.confirmable {
                counts.separate.fetch_add(1, Relaxed);
                let kind = coap_lite::MessageType::Acknowledgement;
                acks.push((slot, super::message::empty(kind, answer.mid)));
            }
            freed.push(slot);
        }
        Outcome::Deferred => drop(counts.deferred.fetch_add(1, Relaxed)),
        Outcome::Promised => {}
        Outcome::Unexpected => drop(counts.unexpected.fetch_add(1, Relaxed)),
    }
}
