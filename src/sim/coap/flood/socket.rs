//! One UDP socket that plays thousands of endpoints.
//!
//! All of 127/8 is this machine, so a socket that is bound to no address in particular receives for
//! every endpoint, and `IP_PKTINFO` chooses the address that a datagram comes from. nix gives all
//! datagrams of a `sendmmsg` the same control data, so only those of one endpoint share a call;
//! answers of all endpoints share their `recvmmsg`.
use nix::libc;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, sendmsg, setsockopt,
    sockopt,
};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Datagrams of one system call.
const BATCH: usize = 128;
/// Longest answer that is read.
const ANSWER_MAX: usize = 256;
/// Kernel buffers; it caps them in silence.
const BUFFER_BYTES: usize = 8 << 20;

pub(super) struct Socket {
    udp: UdpSocket,
    peer: SockaddrIn,
    receiving: MultiHeaders<()>,
    sending: MultiHeaders<SockaddrIn>,
    buffer: Box<[u8]>,
}

impl Socket {
    pub(super) fn new(peer: SocketAddrV4) -> io::Result<Self> {
        let udp = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        setsockopt(&udp, sockopt::RcvBuf, &BUFFER_BYTES)?;
        setsockopt(&udp, sockopt::SndBuf, &BUFFER_BYTES)?;
        let space = nix::cmsg_space!(libc::in_pktinfo);
        Ok(Self {
            udp,
            peer: peer.into(),
            receiving: MultiHeaders::preallocate(BATCH, None),
            sending: MultiHeaders::preallocate(BATCH, Some(space)),
            buffer: vec![0; BATCH * ANSWER_MAX].into(),
        })
    }

    /// Waits up to `wait` for answers and gives each to `each`; returns how many there were.
    pub(super) fn receive(
        &mut self,
        wait: Duration,
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<usize> {
        self.udp.set_read_timeout(Some(wait))?;
        let fd = self.udp.as_raw_fd();
        let mut chunks = self.buffer.chunks_exact_mut(ANSWER_MAX);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(chunks.next().unwrap_or_default())]);
        let flags = MsgFlags::MSG_WAITFORONE;
        match recvmmsg(fd, &mut self.receiving, &mut slices, flags, None) {
            Ok(messages) => {
                let mut count = 0;
                for message in messages {
                    count += 1;
                    each(message.iovs().next().unwrap_or_default());
                }
                Ok(count)
            }
            Err(error) => match io::Error::from(error) {
                // Nothing came, or a server that is not there has its port closed: as good as silence.
                error
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock
                            | ErrorKind::Interrupted
                            | ErrorKind::ConnectionRefused
                    ) =>
                {
                    Ok(0)
                }
                error => Err(error),
            },
        }
    }

    /// Sends datagrams of the endpoint with this number; returns how many went before the socket was full.
    pub(super) fn send(&mut self, endpoint: usize, datagrams: &[&[u8]]) -> io::Result<usize> {
        let from = libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: libc::in_addr {
                s_addr: u32::from_ne_bytes(address(endpoint).octets()),
            },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        let control = [ControlMessage::Ipv4PacketInfo(&from)];
        let (fd, flags) = (self.udp.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let sent = if let [one] = datagrams {
            sendmsg(fd, &[IoSlice::new(one)], &control, flags, Some(&self.peer)).map(|_| 1)
        } else {
            let batch = datagrams.get(..BATCH).unwrap_or(datagrams);
            let slices: Vec<[IoSlice<'_>; 1]> =
                batch.iter().map(|bytes| [IoSlice::new(bytes)]).collect();
            let peers = vec![Some(self.peer); batch.len()];
            sendmmsg(fd, &mut self.sending, &slices, &peers, control, flags).map(Iterator::count)
        };
        match sent.map_err(io::Error::from) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(0)
            }
            other => other,
        }
    }
}

/// Of an endpoint: 127.1.0.1 and up, without the zeros and 255s that some take for broadcast.
fn address(endpoint: usize) -> Ipv4Addr {
    let digit = |number: usize| u8::try_from(1 + number % 250).unwrap_or(1);
    Ipv4Addr::new(
        127,
        digit(endpoint / 62_500),
        digit(endpoint / 250),
        digit(endpoint),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn endpoints_have_addresses_of_their_own() {
        let all: HashSet<Ipv4Addr> = (0..100_000).map(address).collect();
        assert_eq!(all.len(), 100_000);
        assert!(all.iter().all(Ipv4Addr::is_loopback));
    }
}
