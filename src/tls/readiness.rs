//! A stream read and written as the socket is ready, for thousands that mostly wait.
//!
//! Decisions: polled as `AsyncRead`, each connection would need buffers of its own between reader and
//! writer. Here the ciphertext of a read lies in a buffer of the thread, and all that it decrypts to
//! is handed on before the call returns, so an idle connection holds what rustls keeps and no more.
use super::stream::Stream;
use rustls::ServerConnection;
use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Largest plaintext of a record (RFC 8446 §5.1).
const RECORD_MAX: usize = 16 << 10;
/// Ciphertext read at once.
const CIPHER_BYTES: usize = 48 << 10;
/// Smallest buffer for [`Stream::read_once`] that fills it well: one read decrypts to no more, a
/// record that was incomplete before included.
pub const READ_BYTES: usize = CIPHER_BYTES + RECORD_MAX;
/// Read at once by [`Stream::read_some`].
const SOME_BYTES: usize = 512;
/// Ciphertext read at once by it: a hello of a client is all that comes so early.
const SOME_CIPHER_BYTES: usize = 4 << 10;
/// Plaintext encrypted at once: a record.
const WRITE_BYTES: usize = RECORD_MAX;

thread_local! {
    // Taken out while in use and put back after.
    static CIPHER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// What a read brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Bytes.
    pub len: usize,
    /// The peer sends no more.
    pub end: bool,
    /// There may be more to read at once.
    pub more: bool,
}

impl Stream {
    /// Waits until the socket can be read. Cancel-safe.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn readable(&self) -> io::Result<()> {
        self.tcp().readable().await
    }

    /// Waits until the socket can be written. Cancel-safe.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn writable(&self) -> io::Result<()> {
        self.tcp().writable().await
    }

    /// Reads what is there into `buffer`, of [`READ_BYTES`]; nothing is no error.
    ///
    /// # Errors
    /// The kernel's; bytes that are no TLS.
    pub fn read_once(&mut self, buffer: &mut [u8]) -> io::Result<Taken> {
        let (tcp, tls) = match self {
            Self::Plain(tcp) => {
                let len = read_ready(tcp, buffer)?;
                return Ok(Taken {
                    len: len.unwrap_or_default(),
                    end: len == Some(0),
                    more: len == Some(buffer.len()),
                });
            }
            Self::Tls(stream) => stream.get_mut(),
        };
        let limit = buffer.len().saturating_sub(RECORD_MAX);
        let mut filled = 0;
        let mut taken = decrypt(tcp, tls, limit, &mut |reader| {
            let room = buffer.get_mut(filled..).unwrap_or_default();
            let len = reader.read(room)?;
            filled += len;
            Ok(len)
        })?;
        taken.len = filled;
        Ok(taken)
    }

    /// Reads some of what is there to the end of `bytes`; nothing is no error. To be asked before
    /// the first [`Stream::readable`], too: bytes may have come with the handshake.
    ///
    /// # Errors
    /// As for [`Stream::read_once`].
    pub fn read_some(&mut self, bytes: &mut Vec<u8>) -> io::Result<Taken> {
        let (tcp, tls) = match self {
            Self::Plain(tcp) => {
                bytes.reserve(SOME_BYTES);
                return match tcp.try_read_buf(bytes) {
                    Ok(len) => Ok(Taken {
                        len,
                        end: len == 0,
                        more: false,
                    }),
                    Err(cause) if cause.kind() == ErrorKind::WouldBlock => Ok(Taken::default()),
                    Err(cause) => Err(cause),
                };
            }
            Self::Tls(stream) => stream.get_mut(),
        };
        let before = bytes.len();
        let mut taken = decrypt(tcp, tls, SOME_CIPHER_BYTES, &mut |reader| {
            let mut some = [0; SOME_BYTES];
            let len = reader.read(&mut some)?;
            bytes.extend_from_slice(some.get(..len).unwrap_or_default());
            Ok(len)
        })?;
        taken.len = bytes.len() - before;
        Ok(taken)
    }

    /// Writes what the socket takes of `bytes`. With TLS what was taken may wait in the stream: see
    /// [`Stream::unsent`].
    ///
    /// # Errors
    /// `WouldBlock`: nothing was taken. The kernel's.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (tcp, tls) = match self {
            Self::Plain(tcp) => return tcp.try_write(bytes),
            Self::Tls(stream) => stream.get_mut(),
        };
        send(tcp, tls)?;
        if tls.wants_write() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let record = bytes.get(..WRITE_BYTES).unwrap_or(bytes);
        let written = tls.writer().write(record)?;
        send(tcp, tls)?;
        Ok(written)
    }

    /// Do bytes wait in the stream for the socket?
    pub fn unsent(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.wants_write(),
        }
    }

    /// Sends what waits in the stream, as far as the socket takes it. True: some of it went.
    ///
    /// # Errors
    /// The kernel's.
    pub fn push(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(false),
            Self::Tls(stream) => {
                let (tcp, tls) = stream.get_mut();
                send(tcp, tls)
            }
        }
    }

    /// Says that nothing more will be written; it waits in the stream, see [`Stream::push`]. Without
    /// TLS the socket alone says so.
    pub fn say_end(&mut self) {
        if let Self::Tls(stream) = self {
            stream.get_mut().1.send_close_notify();
        }
    }

    /// The socket, to be closed.
    pub fn tcp_mut(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(stream) => stream.get_mut().0,
        }
    }
}

/// Reads what is there; `None`: nothing. A read that does not fill the buffer has emptied the socket, so
/// the readiness that was seen before it is taken back: the next look at the socket waits for the
/// kernel instead of asking it in vain, which would cost a system call per message. Bytes that came
/// since have raised a newer readiness, and that one stays.
fn read_ready(tcp: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let mut read = None;
    let outcome = tcp.try_io(Interest::READABLE, || {
        let len = tcp.try_read(buffer)?;
        read = Some(len);
        if len > 0 && len < buffer.len() {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(())
    });
    match outcome {
        Err(cause) if cause.kind() != ErrorKind::WouldBlock => Err(cause),
        _ => Ok(read),
    }
}

/// Takes what a reader has, and says how much; 0 and `WouldBlock` end it.
type Sink<'a> = &'a mut dyn FnMut(&mut dyn Read) -> io::Result<usize>;

/// Reads up to `limit` bytes of ciphertext, and hands on all that they decrypt to.
fn decrypt(
    tcp: &TcpStream,
    tls: &mut ServerConnection,
    limit: usize,
    sink: Sink<'_>,
) -> io::Result<Taken> {
    // What came with the handshake.
    drain(tls, sink)?;
    let mut cipher = CIPHER
        .take()
        .unwrap_or_else(|| vec![0; CIPHER_BYTES].into());
    let limit = limit.min(cipher.len());
    let read = read_ready(tcp, cipher.get_mut(..limit).unwrap_or_default());
    let digested = match read {
        Ok(Some(len)) => digest(tls, cipher.get(..len).unwrap_or_default(), sink),
        Ok(None) => Ok(false),
        Err(ref cause) => Err(cause.kind().into()),
    };
    CIPHER.set(Some(cipher));
    let end = match digested {
        Ok(closed) => closed || matches!(read, Ok(Some(0))),
        Err(cause) => {
            // The alert that says why; the connection ends either way.
            let _ = send(tcp, tls);
            return Err(cause);
        }
    };
    Ok(Taken {
        len: 0,
        end,
        more: matches!(read, Ok(Some(len)) if len == limit),
    })
}

/// True: the peer has said that it sends no more.
fn digest(tls: &mut ServerConnection, mut cipher: &[u8], sink: Sink<'_>) -> io::Result<bool> {
    while !cipher.is_empty() {
        if tls.read_tls(&mut cipher)? == 0 {
            return Ok(true); // after the peer's close_notify nothing is read
        }
        let state = tls.process_new_packets();
        let state = state.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        drain(tls, sink)?;
        if state.peer_has_closed() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Hands on what is decrypted.
fn drain(tls: &mut ServerConnection, sink: Sink<'_>) -> io::Result<()> {
    loop {
        match sink(&mut tls.reader()) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(cause) => return Err(cause),
        }
    }
}

/// Writes to a socket that may not be ready.
struct Ready<'a>(&'a TcpStream);

impl Write for Ready<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, bytes: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends what waits, as far as the socket takes it. True: some of it went.
fn send(tcp: &TcpStream, tls: &mut ServerConnection) -> io::Result<bool> {
    let mut went = false;
    while tls.wants_write() {
        match tls.write_tls(&mut Ready(tcp)) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(_) => went = true,
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => break,
            Err(cause) => return Err(cause),
        }
    }
    Ok(went)
}
