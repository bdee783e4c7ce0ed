//! From requests to answers: what a batch of datagrams brings, one commit, and what it waits for.
//!
//! ```text
//!  datagram -> exchange -> request -> intake.take --\
//!  datagram -> exchange -> request -> intake.take ---> one intake.commit -> tickets
//!                             `- GET, errors: answered at once                 |
//!  outbox <- exchange.respond <- due, in order <-------- durable watermark ---'
//! ```
//! Synchronous, without a socket. An answer that promises something, and a permanent refusal too,
//! leaves when its ticket is durable. A temporary one leaves at once and is not remembered.
use super::blockwise::Transfers;
use super::exchange::{ExchangeId, Exchanges, Heard, Keep};
use super::message::{Code, Kind, Message};
use super::options::Block;
use super::outbox::Outbox;
use super::response::Response;
use super::server::Service;
use super::socket::Datagram;
use super::stats::Numbers;
use crate::codecs::{Fault, Reason};
use crate::intake::{Answer, Pending, Refusal, Ticket, Verdict};
use crate::log::Settled;
use crate::model::{Source, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

/// Max-Age, in seconds, of "come back": a full disk takes somebody to empty it.
const DISK_FULL_SECS: u32 = 60;
/// A sender's budget of rejects is by the hour.
const BUDGET_SECS: u32 = 600;
/// The log has more than it can write: some syncs later it has not.
const BACKLOG_SECS: u32 = 5;
/// A gateway that stops is usually back within this.
const CLOSING_SECS: u32 = 10;

/// What is said when a ticket is durable.
#[derive(Debug)]
enum Reply {
    Changed,
    Rejected(Box<(Code, String)>),
}

#[derive(Debug)]
struct Due {
    ticket: Ticket,
    id: ExchangeId,
    reply: Reply,
    /// Of the last block, which is what is answered.
    block1: Option<Block>,
}

/// An uplink of the batch.
pub(super) struct Taken {
    pub(super) id: ExchangeId,
    pub(super) kind: Kind,
    pub(super) block1: Option<Block>,
    pub(super) fault: Option<Fault>,
}

/// The server but for its socket.
pub struct Work {
    pub(super) service: Arc<Service>,
    /// Notified when something may have settled.
    pub waiter: Arc<Notify>,
    pub(super) exchanges: Exchanges,
    pub outbox: Outbox,
    pub(super) pending: Pending,
    pub(super) taken: Vec<Taken>,
    due: VecDeque<Due>,
    pub(super) transfers: Transfers,
    pub(super) start: Instant,
    pub(super) path: String,
    pub(super) links: String,
    pub numbers: Numbers,
    pub(super) at: Timestamp,
    duplicates: u64,
    pub(super) protocol_errors: u64,
    refused: u64,
    dropped: u64,
}

impl Work {
    /// Nothing yet.
    pub fn new(service: Arc<Service>, exchanges: Exchanges, now: Instant) -> Self {
        let limits = service.config.transfers(service.intake.payload_max());
        Self {
            at: service.clock.now(),
            transfers: Transfers::new(limits),
            start: now,
            service,
            waiter: Arc::default(),
            exchanges,
            outbox: Outbox::default(),
            pending: Pending::default(),
            taken: Vec::new(),
            due: VecDeque::new(),
            path: String::new(),
            links: String::new(),
            numbers: Numbers::default(),
            duplicates: 0,
            protocol_errors: 0,
            refused: 0,
            dropped: 0,
        }
    }

    /// Before the datagrams of a batch.
    pub fn begin(&mut self) {
        // Two uplinks without a device time are two points of history, also when they were read at once.
        self.at = self.service.clock.now().max(self.at);
    }

    /// One datagram.
    pub fn datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.numbers.datagrams += 1;
        if datagram.truncated {
            self.numbers.truncated += 1;
            self.protocol_errors += 1;
            self.exchanges.handle_truncated(
                now,
                datagram.session,
                datagram.bytes,
                &mut self.outbox,
            );
            return;
        }
        let heard =
            self.exchanges
                .handle_datagram(now, datagram.session, datagram.bytes, &mut self.outbox);
        match heard {
            Heard::Nothing => {}
            Heard::Malformed => self.protocol_errors += 1,
            Heard::Copy(uplink) => self.duplicates += u64::from(uplink),
            Heard::Busy(message) => self.busy(&message),
            Heard::Request(request) => self.request(now, &request, &datagram),
        }
    }

    fn busy(&mut self, message: &Message<'_>) {
        self.numbers.busy += 1;
        if !matches!(message.header.code, Code::POST | Code::PUT) {
            return;
        }
        self.count_refused(message.header.kind);
    }

    /// An uplink that intake did not see.
    pub(super) fn count_refused(&mut self, kind: Kind) {
        if kind == Kind::Confirmable {
            self.refused += 1;
        } else {
            self.dropped += 1;
        }
    }

    /// Appends what the batch brought, and queues its answers.
    pub fn commit(&mut self, now: Instant) {
        self.account();
        if self.taken.is_empty() {
            return;
        }
        let service = Arc::clone(&self.service);
        let answers = service.intake.commit(&mut self.pending, &self.waiter);
        let mut taken = std::mem::take(&mut self.taken);
        for (of, Answer { ticket, verdict }) in taken.drain(..).zip(answers) {
            let reply = match verdict {
                Verdict::Accepted | Verdict::Duplicate => Reply::Changed,
                Verdict::RejectedPayload | Verdict::RejectedNotAuthorised => rejected(of.fault),
                Verdict::Refused(refusal) => {
                    self.later(now, of.id, of.kind, refusal);
                    continue;
                }
            };
            self.due.push_back(Due {
                ticket,
                id: of.id,
                reply,
                block1: of.block1,
            });
        }
        self.taken = taken;
    }

    /// Told to come back, if it asked to be told.
    pub(super) fn later(&mut self, now: Instant, id: ExchangeId, kind: Kind, refusal: Refusal) {
        if kind != Kind::Confirmable {
            self.exchanges.abandon(id);
            return;
        }
        let response = match refusal {
            Refusal::Budget => Response::later(Code::TOO_MANY, BUDGET_SECS),
            Refusal::DiskFull => Response::later(Code::UNAVAILABLE, DISK_FULL_SECS),
            Refusal::Backlog => Response::later(Code::UNAVAILABLE, BACKLOG_SECS),
            Refusal::Closed => Response::later(Code::UNAVAILABLE, CLOSING_SECS),
        };
        self.answer(now, id, &response, Keep::Nothing);
    }

    /// Promise 2, for what does not go through intake.
    fn account(&mut self) {
        let of = |count: &mut u64| std::mem::take(count);
        let duplicates = of(&mut self.duplicates);
        if duplicates > 0 {
            self.service
                .intake
                .count_duplicates(Source::Coap, duplicates);
        }
        let (refused, dropped) = (of(&mut self.refused), of(&mut self.dropped));
        let errors = of(&mut self.protocol_errors);
        if refused + dropped + errors > 0 {
            self.service.accounting.update(Source::Coap, |counts| {
                counts.received += refused + dropped;
                counts.refused += refused;
                counts.dropped += dropped;
                counts.protocol_errors += errors;
            });
        }
    }

    /// Answers whatever has settled, in order.
    pub fn settle(&mut self, now: Instant) {
        while let Some(first) = self.due.front() {
            let settled = self.service.intake.settled(first.ticket);
            if settled == Settled::Pending {
                break;
            }
            let Some(due) = self.due.pop_front() else {
                break;
            };
            if settled == Settled::Voided {
                let response = Response::later(Code::UNAVAILABLE, DISK_FULL_SECS);
                self.answer(now, due.id, &response, Keep::Nothing);
                continue;
            }
            let mut response = match &due.reply {
                Reply::Changed => Response::new(Code::CHANGED),
                Reply::Rejected(why) => Response::diagnostic(why.0, &why.1),
            };
            response.block1 = due.block1;
            self.answer(now, due.id, &response, Keep::Answer);
        }
    }

    /// What time brings.
    pub fn timeout(&mut self, now: Instant) {
        self.exchanges.handle_timeout(now, &mut self.outbox);
        self.transfers.expire(self.secs(now));
    }

    /// When [`Work::timeout`] has something to do.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.exchanges.poll_timeout()
    }

    /// Remembers what went wrong with the socket.
    pub fn note_error(&self, cause: &std::io::Error) {
        let now = self.service.clock.now();
        self.service
            .stats
            .error(now, format_args!("socket: {cause}"));
    }

    /// Uplinks whose answer waits for the disk.
    pub fn waiting(&self) -> usize {
        self.due.len()
    }

    /// Tells the numbers to whoever looks.
    pub fn publish(&mut self) {
        let (remembered, _, evictions) = self.exchanges.remembered();
        self.numbers.exchanges = *self.exchanges.counts();
        self.numbers.outstanding = self.exchanges.outstanding();
        self.numbers.unacknowledged = self.exchanges.unacknowledged();
        self.numbers.remembered = remembered;
        self.numbers.evictions = evictions;
        self.numbers.transfers = self.transfers.len();
        self.numbers.transfers_evicted = self.transfers.evicted();
        self.service.stats.publish(&self.numbers);
    }
}

fn rejected(fault: Option<Fault>) -> Reply {
    let fault = fault.unwrap_or_else(|| Fault::whole(Reason::NoReadings, "nothing could be read"));
    let code = match fault.reason {
        Reason::NoRoute => Code::NOT_FOUND,
        Reason::UnknownDevice | Reason::OtherDevice => Code::FORBIDDEN,
        Reason::TooLarge => Code::TOO_LARGE,
        Reason::UnknownProfile | Reason::UnsupportedContentFormat => Code::UNSUPPORTED_FORMAT,
        _ => Code::BAD_REQUEST,
    };
    Reply::Rejected(Box::new((code, fault.sentence)))
}
