//! One report on its way: from the first datagram to an answer that is final.
//!
//! ```text
//!            timeout: again, twice as long (RFC 7252 §4.2)
//!               .--.
//!   send --> Waiting ---empty ACK---> Promised ---> answer: 2.04 done · 2.31 next block · 4.xx refused
//!     ^         | no answer at all       | not in time        | 4.08, 4.13: the body anew
//!     |         v                        v                    | 4.29, 5.xx
//!     '------ afresh <-------------------'<---- Later <-------'
//! ```
//! *Afresh* is a new message id for a report with a time of its own, which the gateway knows again by
//! its content. A report without one is sent again under its old id as long as that is its own: by then
//! nothing else tells it from a second event. So it is always confirmable, for a copy of a NON is not
//! answered (RFC 7252 §4.5).
use super::Ids;
use super::message::{Answer, Block, Request};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// RFC 7252 §4.8.2, with the default parameters: how long a message id belongs to its message.
const EXCHANGE_LIFETIME: Duration = Duration::from_secs(247);
/// Waited for after 5.03 without Max-Age, RFC 7252 §5.10.5, and the longest that is waited.
const MAX_AGE_DEFAULT_S: u32 = 60;
const MAX_AGE_MAX_S: u32 = 600;
/// Longest wait after an error that names none.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Times `ACK_TIMEOUT`: how long after an empty acknowledgement the answer is waited for.
const PROMISE_FACTOR: u32 = 10;

/// What devices do by RFC 7252 §4.8, and how they differ from its defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transmission {
    /// Before the first retransmission; times 1 to 1.5.
    pub ack_timeout: Duration,
    /// Retransmissions of one message, 0 to 20; then the report is sent afresh.
    pub retransmit_max: u32,
    /// Requests of one endpoint that may be outstanding, NSTART, 1 or more.
    pub nstart: usize,
    /// 0 to 6: payloads above `16 << szx` bytes go in blocks.
    pub szx: u8,
}

impl Default for Transmission {
    fn default() -> Self {
        Self {
            ack_timeout: Duration::from_secs(2),
            retransmit_max: 4,
            nstart: 1,
            szx: 6,
        }
    }
}

/// What a device reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Without a leading slash.
    pub(super) path: Arc<str>,
    /// Content-Format.
    pub(super) format: u16,
    pub(super) payload: Vec<u8>,
    /// Only what is dated may be not.
    pub(super) confirmable: bool,
    /// Does the payload have the device's time?
    pub(super) dated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// For any answer, until `at`.
    Waiting {
        sent: u32,
        timeout: Duration,
        at: Instant,
    },
    /// For the answer that an empty acknowledgement promised.
    Promised { at: Instant },
    /// For the time when the gateway will be ready; `anew`: the body from its first block.
    Later { at: Instant, anew: bool },
}

/// What an exchange wants after something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Wait,
    /// [`Exchange::datagram`] is to be sent: the next part of the body.
    Send,
    /// It is to be sent, and says what was said before.
    Resend,
    /// The gateway asked to come back; it waits.
    Deferred,
    /// The gateway has taken it.
    Done,
    /// The gateway will never take it.
    Refused,
}

#[derive(Debug)]
pub(super) struct Exchange {
    report: Report,
    pub(super) token: [u8; 4],
    pub(super) mid: u16,
    pub(super) born_at: Instant,
    pub(super) datagram: Vec<u8>,
    /// Was an answer promised before it came?
    pub(super) separate: bool,
    mid_at: Instant,
    /// Bytes of the body before the block on its way.
    offset: usize,
    szx: u8,
    tag: u16,
    echo: Option<Vec<u8>>,
    failures: u32,
    state: State,
}

impl Exchange {
    /// A report that wants its first datagram sent.
    pub(super) fn new(
        report: Report,
        now: Instant,
        transmission: Transmission,
        ids: &mut Ids,
    ) -> Self {
        let mut exchange = Self {
            report,
            token: ids.token(),
            mid: 0,
            born_at: now,
            datagram: Vec::new(),
            separate: false,
            mid_at: now,
            offset: 0,
            szx: transmission.szx.min(6),
            tag: ids.tag(),
            echo: None,
            failures: 0,
            state: State::Later {
                at: now,
                anew: true,
            },
        };
        exchange.send(now, transmission, ids);
        exchange
    }

    /// When [`Exchange::handle_timeout`] is due.
    pub(super) const fn due(&self) -> Instant {
        match self.state {
            State::Waiting { at, .. } | State::Promised { at } | State::Later { at, .. } => at,
        }
    }

    /// The block on its way under a new message id.
    fn send(&mut self, now: Instant, transmission: Transmission, ids: &mut Ids) {
        self.mid = ids.mid();
        self.mid_at = now;
        let rest = self.report.payload.get(self.offset..).unwrap_or_default();
        let size = Block::size(self.szx);
        let blockwise = self.report.payload.len() > size;
        let (part, more) = match rest.get(..size) {
            Some(part) if blockwise => (part, rest.len() > size),
            _ => (rest, false),
        };
        let block = Block {
            number: u32::try_from(self.offset / size).unwrap_or(u32::MAX),
            more,
            szx: self.szx,
        };
        let request = Request {
            confirmable: self.report.confirmable,
            mid: self.mid,
            token: &self.token,
            path: &self.report.path,
            format: self.report.format,
            block: blockwise.then_some((block, self.tag)),
            echo: self.echo.as_deref(),
            payload: part,
        };
        self.datagram = request.encode();
        self.wait(now, transmission, ids);
    }

    fn wait(&mut self, now: Instant, transmission: Transmission, ids: &mut Ids) {
        // ACK_RANDOM_FACTOR is 1.5.
        let timeout = transmission
            .ack_timeout
            .mul_f64(ids.rng.between(1.0, 1.5))
            .max(Duration::from_millis(1));
        self.state = State::Waiting {
            sent: 1,
            timeout,
            at: now + timeout,
        };
    }

    /// The whole body under new ids, but for what must keep its old one.
    fn afresh(&mut self, now: Instant, transmission: Transmission, ids: &mut Ids) -> Step {
        if !self.report.dated && now < self.mid_at + EXCHANGE_LIFETIME {
            self.wait(now, transmission, ids);
            return Step::Resend;
        }
        self.anew(now, transmission, ids)
    }

    /// The body from its first block.
    fn anew(&mut self, now: Instant, transmission: Transmission, ids: &mut Ids) -> Step {
        if self.offset > 0 {
            self.offset = 0;
            self.token = ids.token();
            self.tag = ids.tag();
        }
        self.send(now, transmission, ids);
        Step::Resend
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        transmission: Transmission,
        ids: &mut Ids,
    ) -> Step {
        match self.state {
            _ if self.due() > now => Step::Wait,
            State::Waiting { sent, timeout, .. } if sent <= transmission.retransmit_max => {
                let timeout = timeout.saturating_mul(2);
                if !self.report.confirmable {
                    // RFC 7252 §4.3 knows no retransmission of a NON: it is asked anew.
                    self.send(now, transmission, ids);
                }
                self.state = State::Waiting {
                    sent: sent + 1,
                    timeout,
                    at: now + timeout,
                };
                Step::Resend
            }
            State::Later { anew: true, .. } => self.anew(now, transmission, ids),
            _ => self.afresh(now, transmission, ids),
        }
    }

    /// The empty acknowledgement of `self.mid`.
    pub(super) fn handle_promise(&mut self, now: Instant, transmission: Transmission) {
        if let State::Waiting { .. } = self.state {
            self.separate = true;
            self.state = State::Promised {
                at: now + transmission.ack_timeout * PROMISE_FACTOR,
            };
        }
    }

    /// A reset of `self.mid`: the gateway has lost what it knew, or never knew it.
    pub(super) fn handle_reset(&mut self, now: Instant, transmission: Transmission) -> Step {
        self.back_off(now, transmission, false)
    }

    /// An answer with `self.token`.
    pub(super) fn handle_answer(
        &mut self,
        now: Instant,
        answer: &Answer,
        transmission: Transmission,
        ids: &mut Ids,
    ) -> Step {
        let blockwise = self.report.payload.len() > Block::size(self.szx);
        let last = self.offset + Block::size(self.szx) >= self.report.payload.len();
        match (answer.code >> 5, answer.code & 0x1f) {
            // 2.31 Continue.
            (2, 31) if blockwise && !last => {
                self.offset += Block::size(self.szx);
                // RFC 7959 §2.3: a server may ask for smaller blocks from here on.
                let wanted = answer.block.map_or(self.szx, |block| block.szx);
                self.szx = self.szx.min(wanted);
                self.token = ids.token();
                self.send(now, transmission, ids);
                Step::Send
            }
            (2, 31) => Step::Wait,
            (2, _) if blockwise && !last => Step::Refused,
            (2, _) => Step::Done,
            // 4.01 with Echo, RFC 9175 §2.3: prove that the address is ours.
            (4, 1) if answer.echo.is_some() && answer.echo != self.echo => {
                self.echo.clone_from(&answer.echo);
                self.send(now, transmission, ids);
                Step::Resend
            }
            // 4.08: a block is missing, so the gateway was restarted in between.
            (4, 8) if blockwise => self.back_off(now, transmission, true),
            (4, 13) if answer.block.is_some_and(|block| block.szx < self.szx) => {
                self.szx = answer.block.map_or(self.szx, |block| block.szx);
                self.anew(now, transmission, ids)
            }
            (4, 29) | (5, 3) => {
                let wait_s = answer
                    .max_age_s
                    .unwrap_or(MAX_AGE_DEFAULT_S)
                    .min(MAX_AGE_MAX_S);
                let wait = Duration::from_secs(wait_s.into());
                // Not all at once when the gateway is well again.
                let wait = wait + transmission.ack_timeout.mul_f64(ids.rng.unit() / 4.0);
                self.state = State::Later {
                    at: now + wait,
                    anew: false,
                };
                Step::Deferred
            }
            (4, _) => Step::Refused,
            _ => self.back_off(now, transmission, false),
        }
    }

    /// Waits twice as long at each failure.
    fn back_off(&mut self, now: Instant, transmission: Transmission, anew: bool) -> Step {
        let wait = transmission
            .ack_timeout
            .saturating_mul(1 << self.failures.min(10))
            .min(BACKOFF_MAX);
        self.failures += 1;
        self.state = State::Later {
            at: now + wait,
            anew,
        };
        Step::Deferred
    }
}
