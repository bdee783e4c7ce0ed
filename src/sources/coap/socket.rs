//! One UDP socket: many datagrams per system call, in both directions.
//!
//! ```text
//!  recvmmsg -> up to 128 datagrams in place      outbox -> sender: sendmmsg
//! ```
//! The kernel's UDP path is most of what a request costs, so a call per datagram is not made. nix
//! wraps both calls safely; its headers hold pointers and are not `Send`, so the socket lives on one
//! thread. Where it is bound to all addresses, the one that was asked is the one that answers
//! (RFC 7252 §5.3.2), by `IP_PKTINFO`.
use super::outbox::Outbox;
use super::sender::Sender;
use super::session::Session;
use nix::libc;
use nix::sys::socket::{
    self, AddressFamily, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockFlag, SockType,
    SockaddrStorage, getsockopt, recvmmsg, setsockopt, sockopt,
};
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tracing::info;

/// Datagrams of one system call.
pub const BATCH: usize = 128;
/// Longest datagram that is read whole; a device that has more sends it in blocks. RFC 7252 §4.6
/// counts on 1,152 bytes.
pub const DATAGRAM_MAX: usize = 4_096;
/// From one buffer to the next: no power of two, so that their first lines share no cache set.
const STRIDE: usize = DATAGRAM_MAX + 192;

/// A datagram as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Sender, and the address it sent to.
    pub session: Session,
    /// The bytes, at most [`DATAGRAM_MAX`].
    pub bytes: &'a [u8],
    /// Were there more?
    pub truncated: bool,
}

/// Binds a socket. `receive_bytes` is the kernel's buffer, which holds what comes while the disk is
/// synced. All is set before it has an address: what a datagram's local address is, the kernel notes
/// when it arrives.
///
/// # Errors
/// The address is taken or not ours.
pub fn bind(address: SocketAddr, receive_bytes: usize) -> io::Result<std::net::UdpSocket> {
    let family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket::socket(family, SockType::Datagram, flags, None)?;
    setsockopt(&socket, sockopt::RcvBuf, &receive_bytes)?;
    // The kernel says twice what it gives.
    let granted = getsockopt(&socket, sockopt::RcvBuf)? / 2;
    if granted < receive_bytes {
        info!(
            granted,
            wanted = receive_bytes,
            "net.core.rmem_max is below coap.receive_buffer: a burst may be dropped"
        );
    }
    if address.ip().is_unspecified() {
        if address.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
    }
    socket::bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(socket.into())
}

/// The socket and its buffers.
pub struct Socket {
    udp: UdpSocket,
    receiving: MultiHeaders<SockaddrStorage>,
    sender: Sender,
    buffer: Box<[u8]>,
}

impl Socket {
    /// Takes over a socket of [`bind`]; inside a runtime.
    ///
    /// # Errors
    /// The socket cannot be used.
    pub fn new(udp: std::net::UdpSocket) -> io::Result<Self> {
        let any = udp.local_addr()?;
        let unspecified = any.ip().is_unspecified();
        let space = unspecified.then(|| nix::cmsg_space!(libc::in6_pktinfo));
        Ok(Self {
            udp: UdpSocket::from_std(udp)?,
            receiving: MultiHeaders::preallocate(BATCH, space),
            sender: Sender::new(any.is_ipv4()),
            buffer: vec![0; BATCH * STRIDE].into(),
        })
    }

    /// Waits until there is something to receive.
    pub async fn readable(&self) -> io::Result<()> {
        self.udp.readable().await
    }

    /// Waits until there is room to send.
    pub async fn writable(&self) -> io::Result<()> {
        self.udp.writable().await
    }

    /// Hands over what one system call brings; returns how many. 0: nothing was there.
    ///
    /// # Errors
    /// The kernel's.
    pub fn receive(&mut self, mut each: impl FnMut(Datagram<'_>)) -> io::Result<usize> {
        let fd = self.udp.as_raw_fd();
        let (headers, buffer) = (&mut self.receiving, &mut self.buffer);
        let mut count = 0;
        let outcome = self.udp.try_io(Interest::READABLE, || {
            let mut chunks = buffer.chunks_exact_mut(STRIDE);
            let mut slices: [[IoSliceMut<'_>; 1]; BATCH] = std::array::from_fn(|_| {
                let chunk = chunks.next().unwrap_or_default();
                [IoSliceMut::new(
                    chunk.get_mut(..DATAGRAM_MAX).unwrap_or_default(),
                )]
            });
            let received = recvmmsg(fd, headers, &mut slices, MsgFlags::MSG_DONTWAIT, None)?;
            for message in received {
                count += 1;
                if let Some(datagram) = datagram(&message) {
                    each(datagram);
                }
            }
            if count < BATCH {
                // The socket is empty: the readiness seen before goes, and what has come since has
                // raised a newer one. So the next look waits instead of asking in vain.
                return Err(ErrorKind::WouldBlock.into());
            }
            Ok(())
        });
        match outcome {
            Err(cause) if cause.kind() != ErrorKind::WouldBlock => Err(cause),
            _ => Ok(count),
        }
    }

    /// Sends messages of `outbox` from number `start` on; returns how many are dealt with. Fewer
    /// than there are: the socket is full.
    ///
    /// # Errors
    /// The kernel refused the message after those; it will not go.
    pub fn send(&mut self, outbox: &Outbox, start: usize) -> (usize, io::Result<()>) {
        self.sender.send(&self.udp, outbox, start)
    }
}

fn datagram<'a>(message: &RecvMsg<'_, 'a, SockaddrStorage>) -> Option<Datagram<'a>> {
    let peer = address(message.address.as_ref()?)?;
    let mut session = Session::new(peer);
    for control in message.cmsgs().into_iter().flatten() {
        session.local = match control {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                Some(IpAddr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()))
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => Some(IpAddr::from(info.ipi6_addr.s6_addr)),
            _ => continue,
        };
        if session.local.is_some_and(|local| local.is_multicast()) {
            // Asked by multicast, it answers with an address of its own.
            session.local = None;
        }
    }
    Some(Datagram {
        session,
        bytes: message.iovs().next().unwrap_or_default(),
        truncated: message.flags.contains(MsgFlags::MSG_TRUNC),
    })
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddrV4::from(*v4).into());
    }
    let v6 = storage.as_sockaddr_in6()?;
    Some(SocketAddrV6::from(*v6).into())
}
