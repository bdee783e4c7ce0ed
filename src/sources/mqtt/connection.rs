//! The loop of one connection.
//!
//! ```text
//!          .--> settle: acks that are durable -> write buffer -> one write
//!   wait --+                                         | not taken: wait for the socket, read nothing
//!          `--> read, if there is room in the window -> pass
//! ```
//! It waits for whatever comes first: something settled, bytes, room to write, a deadline. What
//! costs memory is made when it is needed and dropped when it is empty.
use super::end::{self, End};
use super::fault::Fault;
use super::greet::{self, Greeted};
use super::listener::Service;
use super::window::{Progress, Window};
use crate::intake::Refusal;
use crate::tls::Stream;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// A write buffer larger than this is not kept between writes.
const OUT_KEPT: usize = 1 << 10;

/// A connection after its CONNECT.
pub struct Connection {
    /// Shared by all.
    pub service: Arc<Service>,
    /// The socket, with or without TLS.
    pub stream: Stream,
    /// The device's address.
    pub peer: SocketAddr,
    /// What CONNECT settled.
    pub greeted: Box<Greeted>,
    /// Acks that wait for the disk.
    pub window: Window,
    /// Bytes of a packet that is not complete, or that the window has no room for.
    pub carry: Vec<u8>,
    /// `carry` starts with a packet that waits for room.
    pub unparsed: bool,
    /// To be written.
    pub out: Vec<u8>,
    /// When the last packet came.
    pub heard: Instant,
    /// Set: nothing is read any more; acks that are due go out, then the connection ends so.
    pub stop: Option<End>,
    /// Since when the peer leaves `out` unread, or since when the connection is stopping.
    waiting_since: Option<Instant>,
}

/// Serves one socket from its first byte to its last. Not cancel-safe, but to be dropped at the
/// end of the process: what was read is in the log, what was not acknowledged comes again.
pub async fn run(
    service: Arc<Service>,
    mut stream: Stream,
    peer: SocketAddr,
    full: bool,
    halt: CancellationToken,
) {
    let gauge = Gauge::raise(&service);
    // Boxed: the future of a connection that is only idle must not carry these two.
    let greeted = Box::pin(greet::greet(&service, &mut stream, full, halt)).await;
    if let Some((greeted, carry, out)) = greeted {
        let mut connection = Connection {
            service: Arc::clone(&service),
            stream,
            peer,
            greeted,
            window: Window::default(),
            unparsed: !carry.is_empty(),
            carry,
            out,
            heard: Instant::now(),
            stop: None,
            waiting_since: None,
        };
        let end = connection.serve().await;
        Box::pin(end::finish(connection, end)).await;
    }
    drop(gauge);
}

/// Counts an open socket for as long as it lives.
struct Gauge(Arc<Service>);

impl Gauge {
    fn raise(service: &Arc<Service>) -> Self {
        service.stats.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(service))
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.0.stats.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connection {
    async fn serve(&mut self) -> End {
        let handle = Arc::clone(&self.greeted.handle);
        let timer = sleep_until(self.deadline());
        tokio::pin!(timer);
        loop {
            if let Some(end) = self.advance() {
                return end;
            }
            let deadline = self.deadline();
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            let reading = self.reads();
            let mut busy = false;
            tokio::select! {
                biased;
                () = handle.waiter.notified() => {}
                ready = self.stream.readable(), if reading => {
                    match ready {
                        Ok(()) => busy = self.pass(true),
                        Err(cause) => return End::Lost(cause.kind()),
                    }
                }
                ready = self.stream.writable(), if !self.is_flushed() => {
                    if let Err(cause) = ready {
                        return End::Lost(cause.kind());
                    }
                }
                () = &mut timer => {
                    if let Some(end) = self.overdue() {
                        return end;
                    }
                    timer.as_mut().reset(self.deadline());
                }
            }
            if busy {
                // The socket has more than one buffer of it: others first.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Has the socket taken all that was to be written?
    fn is_flushed(&self) -> bool {
        self.out.is_empty() && !self.stream.unsent()
    }

    fn reads(&self) -> bool {
        self.stop.is_none() && self.is_flushed() && !self.unparsed && !self.is_full(0, 0)
    }

    /// Does all that can be done without waiting; `Some`: the connection is over.
    fn advance(&mut self) -> Option<End> {
        if *self.greeted.handle.taken() {
            return Some(End::TakenOver);
        }
        if self.greeted.handle.halting() && self.stop.is_none() {
            self.stop = Some(End::Halted);
        }
        let greeted = &mut *self.greeted;
        if !self.service.door.keeps(&greeted.user, &mut greeted.ticket) {
            self.stop.get_or_insert(End::Fault(Fault::Login));
        }
        loop {
            self.settle();
            if let Err(cause) = self.flush() {
                return Some(End::Lost(cause.kind()));
            }
            let room = self.stop.is_none() && self.is_flushed() && !self.is_full(0, 0);
            if !self.unparsed || !room {
                break;
            }
            self.pass(false);
        }
        let over = match &self.stop {
            // The peer will not hear what is still due.
            Some(End::Left { .. } | End::Closed | End::Lost(_) | End::TakenOver) => true,
            Some(_) => self.window.is_empty() && self.is_flushed(),
            None => false,
        };
        if over { self.stop.take() } else { None }
    }

    fn settle(&mut self) {
        let intake = &self.service.intake;
        let settled = |ticket| intake.settled(ticket);
        let progress = self
            .window
            .settle(self.greeted.version, &mut self.out, settled);
        if progress == Progress::Voided {
            self.window.clear();
            self.stop = Some(End::Refused(Refusal::DiskFull));
        }
    }

    /// Writes what the socket takes.
    fn flush(&mut self) -> std::io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.try_write(&self.out) {
                Ok(written) => {
                    self.out.drain(..written);
                    self.waiting_since = None;
                }
                Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(cause) => return Err(cause),
            }
        }
        if self.out.is_empty() && self.out.capacity() > OUT_KEPT {
            self.out = Vec::new();
        }
        if self.stream.unsent() && self.stream.push()? {
            self.waiting_since = None;
        }
        if self.is_flushed() && self.stop.is_none() {
            self.waiting_since = None;
        } else {
            self.waiting_since.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    fn deadline(&self) -> Instant {
        match self.waiting_since {
            Some(since) => since + self.service.config.write_timeout,
            None => self.heard + self.greeted.silence_max,
        }
    }

    /// The timer has gone off: is it time?
    fn overdue(&mut self) -> Option<End> {
        let now = Instant::now();
        if self.waiting_since.is_none() && !self.reads() {
            // The device may be speaking; it is the gateway that does not listen.
            self.heard = now;
        }
        if now < self.deadline() {
            return None;
        }
        Some(match (self.waiting_since, self.stop.take()) {
            (Some(_), Some(stop)) => stop,
            (Some(_), None) => End::Fault(Fault::NotReading),
            (None, _) => End::Fault(Fault::KeepAlive),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10,000 idle devices must cost at most 4 kB each; this is the task's share. The rest is the
    /// session (some 300 bytes), the socket's registration and the allocator's rounding.
    const FUTURE_BYTES_MAX: usize = 1_280;

    #[test]
    fn an_idle_connection_is_small() {
        let start = |service, stream, peer, halt| run(service, stream, peer, false, halt);
        let bytes = size_of_output(&start);
        assert!(bytes <= FUTURE_BYTES_MAX, "{bytes} bytes");
    }

    fn size_of_output<F>(
        _: &impl Fn(Arc<Service>, Stream, SocketAddr, CancellationToken) -> F,
    ) -> usize {
        size_of::<F>()
    }
}
