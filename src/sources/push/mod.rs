//! Platforms that push over HTTP: `POST /v1/push/{route}`.
//!
//! ```text
//!  head --> Service::knock: which route, and has it shown what the route asks?
//!              |-- no: 401, 404, 429; nothing of the body is read
//!              v
//!  body --> Service::take --> intake --> ticket durable --> 200
//!                                 `-- refused: 503, come back
//! ```
//! The API serves the port; here is what a push is. A route asks its platform for its own proof, never
//! for a token of `[access]`, which no platform has.
//!
//! Decisions. A payload that can never be read gets 200, too, once the reject is durable: it is kept,
//! sending it again would not help, and platforms punish all devices for what one of them sends (`CTWing`
//! and `IoTDA` send nothing more for minutes after ten failures in a row). Only what was *not* kept gets
//! another status. Signed headers of most platforms do not cover the body, so whoever reads one push on
//! its way could send others with its headers: within the window each signature is good for one body, and
//! a copy of that body is a duplicate.
mod doors;
mod seen;
mod signature;

pub use doors::{Doors, open};

use crate::access::Refusals;
use crate::codecs::{Fault, Reason};
use crate::intake::{Answer, Delivery, Intake, PUSH, Pending, Refusal, Uplink, Verdict};
use crate::log::Settled;
use crate::model::{Clock, DeviceId, Source, Timestamp};
use crate::telemetry::Accounting;
use axum::http::HeaderMap;
use doors::Shown;
use seen::{Seen, Sight};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use xxhash_rust::xxh3::xxh3_64;

/// From the head of a request to the end of its body. Platforms wait 3 to 15 s for the answer.
pub const BODY_WAIT_MAX: Duration = Duration::from_secs(10);

/// Retry-After: a full disk takes somebody to empty it.
const DISK_FULL: Duration = Duration::from_mins(1);
/// A sender's budget of rejects is by the hour.
const BUDGET: Duration = Duration::from_mins(10);
/// The log has more than it can write: some syncs later it has not.
const BACKLOG: Duration = Duration::from_secs(5);
/// A gateway that starts or stops is usually back within this.
const CLOSING: Duration = Duration::from_secs(10);

/// What was asked, before its body.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The last level of the path.
    pub route: &'a str,
    /// The parameter `device`, where the platform can name the device in the URL only.
    pub device: Option<&'a str>,
    /// The query, by name.
    pub query: &'a [(String, String)],
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// Who sends it.
    pub peer: Option<SocketAddr>,
}

/// A push that may be read.
#[derive(Debug)]
pub struct Admitted {
    topic: String,
    route: Box<str>,
    shown: Shown,
    peer: Option<SocketAddr>,
}

/// What became of a push that is kept: 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It gave readings or events.
    Accepted,
    /// It had been taken before.
    Duplicate,
    /// It gave none, and is kept as a reject.
    Rejected(Fault),
}

/// Why a push was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// 404.
    #[error("no push route has this name; [[route]] with `push` makes one")]
    NoRoute,
    /// 401.
    #[error("{0}")]
    Wrong(&'static str),
    /// 429, also for what is right later: wait.
    #[error("too much was wrong before; wait")]
    TooMany(Duration),
    /// 400.
    #[error("`device` must be 1 to 64 characters of A-Z a-z 0-9 . _ : -")]
    Device,
    /// 503, or 429 where the sender's budget of rejects is used up.
    #[error("{why}")]
    Later {
        /// Retry-After.
        wait: Duration,
        /// In words.
        why: &'static str,
        /// Is it the sender's own fault?
        own: bool,
    },
}

/// What all pushes share.
#[derive(Debug)]
pub struct Service {
    intake: Arc<Intake>,
    accounting: Arc<Accounting>,
    clock: Clock,
    doors: RwLock<Arc<Doors>>,
    refusals: Mutex<Refusals>,
    seen: Mutex<Seen>,
}

impl Service {
    /// Serves these routes.
    pub fn new(intake: Arc<Intake>, clock: Clock, doors: Doors) -> Self {
        Self {
            accounting: Arc::clone(intake.accounting()),
            intake,
            clock,
            doors: RwLock::new(Arc::new(doors)),
            refusals: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Other routes and secrets, from the next push on. Swap intake's routes together with them.
    pub fn reload(&self, doors: Doors) {
        *self.doors.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(doors);
    }

    fn doors(&self) -> Arc<Doors> {
        Arc::clone(&self.doors.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Is there a route at all?
    pub fn is_empty(&self) -> bool {
        self.doors().is_empty()
    }

    /// Longest body, in bytes.
    pub fn body_max(&self) -> usize {
        self.intake.payload_max()
    }

    /// Before the body: may it be read? A refusal is counted against the sender's address.
    ///
    /// # Errors
    /// No such route, or what the request shows is not what the route asks for.
    pub fn knock(&self, asked: &Asked<'_>) -> Result<Admitted, Denied> {
        let now = self.clock.now();
        let doors = self.doors();
        let checked = match doors.find(asked.route) {
            Some(door) => door.check(asked, now),
            None => Err(Denied::NoRoute),
        };
        let shown = checked.map_err(|denied| self.deny(asked.peer, denied, now))?;
        let mut topic = [PUSH, "/", asked.route].concat();
        if let Some(device) = asked.device {
            if DeviceId::check(device).is_err() {
                self.protocol_error();
                return Err(Denied::Device);
            }
            topic.extend(["/", device]);
        }
        Ok(Admitted {
            topic,
            route: asked.route.into(),
            shown,
            peer: asked.peer,
        })
    }

    /// Takes the body, and returns when what became of it is durable. Cancelled, it may be taken all
    /// the same, and nobody was told.
    ///
    /// # Errors
    /// Nothing of it is kept.
    pub async fn take(&self, admitted: &Admitted, body: &[u8]) -> Result<Taken, Denied> {
        let now = self.clock.now();
        let signed = self.check_body(admitted, body, now);
        let signed = signed.map_err(|denied| self.deny(admitted.peer, denied, now))?;
        let unknown = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let mut pending = Pending::default();
        let fault = self.intake.take(
            &Uplink {
                source: Source::Http,
                received_at: now,
                address: admitted.peer.unwrap_or(unknown),
                topic: &admitted.topic,
                client: "",
                user: "",
                payload: body,
                content_format: None,
                // The same signature is the same transmission, whenever it comes within the window.
                delivery: signed.map(|peer| Delivery::Exchange {
                    peer,
                    message_id: 0,
                }),
                unassured: false,
            },
            &mut pending,
        );
        let waiter = Arc::new(Notify::new());
        let answers = self.intake.commit(&mut pending, &waiter);
        drop(pending);
        let Some(Answer { ticket, verdict }) = answers.first().copied() else {
            return Err(later(Refusal::Closed));
        };
        if let Verdict::Refused(refusal) = verdict {
            return Err(later(refusal));
        }
        loop {
            // A permit is kept for whoever waits next, so nothing is missed in between.
            match self.intake.settled(ticket) {
                Settled::Pending => waiter.notified().await,
                Settled::Voided => return Err(later(Refusal::DiskFull)),
                Settled::Durable => break,
            }
        }
        Ok(match verdict {
            Verdict::Duplicate => Taken::Duplicate,
            Verdict::RejectedPayload | Verdict::RejectedNotAuthorised => {
                let nothing = || Fault::whole(Reason::NoReadings, "nothing could be read");
                Taken::Rejected(fault.unwrap_or_else(nothing))
            }
            _ => Taken::Accepted,
        })
    }

    /// What can be told only now: is it the body that was signed, and was it the only one?
    fn check_body(
        &self,
        admitted: &Admitted,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<u64>, Denied> {
        let Some(signed) = &admitted.shown.signed else {
            return Ok(None);
        };
        let key = signed
            .check_body(&admitted.route, body)
            .map_err(Denied::Wrong)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.note(key, xxh3_64(body), now) {
            Sight::First | Sight::Copy => Ok(Some(key)),
            Sight::Other => Err(Denied::Wrong(
                "this signature was used for another body before",
            )),
            Sight::Full => Err(Denied::Later {
                wait: signature::WINDOW,
                why: "more signatures than are remembered; send fewer at a time",
                own: true,
            }),
        }
    }

    /// A push that the gateway cannot take now, told before its body is read.
    pub fn refuse(&self) -> Denied {
        self.accounting.update(Source::Http, |counts| {
            counts.received += 1;
            counts.refused += 1;
        });
        later(Refusal::Closed)
    }

    /// A request that never became an uplink.
    pub fn protocol_error(&self) {
        self.accounting
            .update(Source::Http, |counts| counts.protocol_errors += 1);
    }

    /// Counts a refusal; what the sender is told.
    fn deny(&self, peer: Option<SocketAddr>, denied: Denied, now: Timestamp) -> Denied {
        self.protocol_error();
        if !matches!(denied, Denied::NoRoute | Denied::Wrong(_)) {
            return denied;
        }
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let too_many = refusals.note(peer.map(|peer| peer.ip()), now);
        too_many.map_or(denied, Denied::TooMany)
    }
}

const fn later(refusal: Refusal) -> Denied {
    let (wait, why, own) = match refusal {
        Refusal::DiskFull => (DISK_FULL, "the disk is full", false),
        Refusal::Budget => (BUDGET, "too many rejects from this sender", true),
        Refusal::Backlog => (BACKLOG, "more arrives than can be written", false),
        Refusal::Closed => (CLOSING, "starting or stopping", false),
    };
    Denied::Later { wait, why, own }
}
