//! Accepted connections, as many as the limit allows.
//!
//! tonic counts streams per connection but not connections, and waits for ever for a peer that says
//! nothing. Here a connection holds a permit for as long as it lives, and must begin to speak HTTP/2
//! in time; past the limit, callers wait in the kernel's accept queue. It is cut when a peer does not take
//! the end of a stream whose pass has ended.
use super::leash::Leash;
use crate::api::caller::Peer;
use crate::tls;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tonic::transport::server::Connected;

/// From connect to a complete HTTP/2 preface; keep-alive watches the peer from then on.
const PREFACE_MAX: Duration = Duration::from_secs(10);
/// Bytes of that preface (RFC 9113 §3.4).
const PREFACE_BYTES: usize = 24;

/// A connection and its permit.
pub struct Connection {
    stream: tls::Stream,
    /// Until the preface is there: when it must be, and the bytes that are missing.
    preface: Option<(Pin<Box<Sleep>>, usize)>,
    leash: Leash,
    _permit: OwnedSemaphorePermit,
}

/// What a request knows of its connection.
#[derive(Clone)]
pub struct Link {
    /// Its other end.
    pub peer: Peer,
    /// Its streams.
    pub leash: Leash,
}

/// Accepts up to `connections_max` at a time.
pub fn incoming(
    listener: tls::Listener,
    connections_max: usize,
) -> impl futures_util::Stream<Item = io::Result<Connection>> {
    let permits = Arc::new(Semaphore::new(connections_max));
    futures_util::stream::unfold((listener, permits), |(mut listener, permits)| async move {
        let permit = permits.clone().acquire_owned().await.ok()?;
        let (stream, _) = listener.next().await;
        let connection = Connection {
            stream,
            preface: Some((Box::pin(sleep(PREFACE_MAX)), PREFACE_BYTES)),
            leash: Leash::default(),
            _permit: permit,
        };
        Some((Ok(connection), (listener, permits)))
    })
}

impl Connected for Connection {
    type ConnectInfo = Link;

    fn connect_info(&self) -> Link {
        Link {
            peer: Peer {
                address: self.stream.tcp().peer_addr().ok(),
                tls: self.stream.is_tls(),
            },
            leash: self.leash.clone(),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.leash.poll_cut(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let filled = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some((deadline, missing)) = &mut self.preface {
            *missing = missing.saturating_sub(buf.filled().len() - filled);
            if *missing == 0 {
                self.preface = None;
            } else if read.is_pending() && deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use futures_util::StreamExt;
    use std::net::Ipv4Addr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn pair(peer_says: &[u8]) -> (TcpStream, Connection) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepted = Box::pin(incoming(tls::Listener::plain(listener), 1));
        let mut peer = TcpStream::connect(address).await.unwrap();
        peer.write_all(peer_says).await.unwrap();
        (peer, accepted.next().await.unwrap().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_finish_its_preface_is_timed_out() {
        let (_peer, mut connection) = pair(b"PRI * HTTP/2.0").await;
        let error = connection.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_has_spoken_may_be_silent() {
        let (mut peer, mut connection) = pair(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        connection
            .read_exact(&mut [0; PREFACE_BYTES])
            .await
            .unwrap();
        let wait = tokio::time::timeout(2 * PREFACE_MAX, connection.read_u8());
        assert!(wait.await.is_err());
        peer.write_all(b"x").await.unwrap();
        assert_eq!(connection.read_u8().await.unwrap(), b'x');
    }
}
