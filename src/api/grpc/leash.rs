//! Peers that do not take the end of their streams.
//!
//! A stream whose pass has ended says so with its next response. A peer that has stopped reading asks
//! for none: HTTP/2 holds what was on its way, and the stream behind it would stay open for as long
//! as the peer likes. So a connection knows the passes of its streams, and is cut when one of them is
//! still open [`GRACE`] after its pass. Polled where the connection reads: there is no task that could
//! outlive it.
use crate::access::Pass;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// What a peer gets to take the end of a stream. Noticing the end takes up to two seconds before.
const GRACE: Duration = Duration::from_secs(2);

/// The streams of one connection that end with a pass. Clones share them.
#[derive(Clone, Default)]
pub struct Leash(Arc<Mutex<Vec<Lease>>>);

/// One stream.
struct Lease {
    /// Gone with the stream.
    stream: Weak<()>,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Once the pass has ended.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Leash {
    /// Notes a stream; it is open for as long as what is returned. A connection has a bounded number
    /// of streams.
    pub(super) fn hold(&self, pass: Pass) -> Arc<()> {
        let stream = Arc::new(());
        let lease = Lease {
            stream: Arc::downgrade(&stream),
            ended: Box::pin(async move { pass.ended().await }),
            deadline: None,
        };
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        leases.push(lease);
        stream
    }

    /// Ready: a stream has outlived its pass for too long.
    pub(super) fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        leases.retain(|lease| lease.stream.strong_count() > 0);
        let mut cut = false;
        for lease in leases.iter_mut() {
            if lease.deadline.is_none() && lease.ended.as_mut().poll(cx).is_ready() {
                lease.deadline = Some(Box::pin(sleep(GRACE)));
            }
            if let Some(deadline) = &mut lease.deadline {
                cut |= deadline.as_mut().poll(cx).is_ready();
            }
        }
        if cut { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Grant;
    use std::future::poll_fn;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_outlives_its_pass_cuts_its_connection() {
        let leash = Leash::default();
        let pass = |name: &str| Pass::new(Arc::new(Grant::everything(name)));
        let (one, other) = (pass("one"), pass("other"));
        let taken = leash.hold(one.clone());
        let _open = leash.hold(other.clone());
        let cut = || timeout(2 * GRACE, poll_fn(|cx| leash.poll_cut(cx)));
        assert!(cut().await.is_err(), "nothing has ended");
        one.end();
        drop(taken);
        assert!(cut().await.is_err(), "that stream has ended in time");
        other.end();
        assert!(cut().await.is_ok());
    }
}
