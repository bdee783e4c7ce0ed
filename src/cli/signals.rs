//! SIGINT and SIGTERM: the first asks for an end, the second does not wait for it. SIGHUP asks for the
//! configuration to be read again.
use std::convert::Infallible;
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// 128 + SIGINT, as shells say it.
const INTERRUPTED: i32 = 130;

/// The two signals, caught from now on.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Must be called in a runtime.
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Resolves at the next signal. Cancel-safe.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Cancels `stop` at the first signal and ends the process at the second. Never resolves.
    pub(super) async fn cancel(mut self, stop: CancellationToken) -> Infallible {
        self.next().await;
        stop.cancel();
        self.next().await;
        std::process::exit(INTERRUPTED)
    }
}

/// SIGHUP, caught from now on.
#[derive(Debug)]
pub(super) struct Hangups(Signal);

impl Hangups {
    /// Must be called in a runtime.
    pub(super) fn catch() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Notifies at each. Never resolves.
    pub(super) async fn each(mut self, asked: &Notify) -> Infallible {
        loop {
            self.0.recv().await;
            asked.notify_one();
        }
    }
}
