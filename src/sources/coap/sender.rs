//! Sending: many datagrams per system call, and many of one peer as one.
//!
//! ```text
//!  outbox, by peer -> groups: same peer, same length -> sendmmsg, a header per group
//!                                                       `- UDP_SEGMENT: the kernel cuts it again
//! ```
//! A peer that has several requests outstanding gets its answers as one message that the kernel
//! cuts into datagrams behind its routing and filters (UDP generic segmentation offload, Linux 4.18).
//! Where the kernel or the network interface does not, each is sent by itself from then on.
use super::outbox::Outbox;
use super::session::Session;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use std::io::{self, ErrorKind, IoSlice};
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Groups of one system call.
const GROUPS_MAX: usize = super::socket::BATCH;
/// Datagrams of one system call.
const MESSAGES_MAX: usize = 4 * GROUPS_MAX;
/// Datagrams of one group: the kernel's limit.
const SEGMENTS_MAX: usize = 64;
/// Longest datagram that is grouped: with its headers it has to fit every link (RFC 7252 §4.6).
const SEGMENT_BYTES_MAX: usize = 1_152;

/// nix's headers, whose control buffers have room for exactly what is sent with them.
pub(super) struct Sender {
    plain: MultiHeaders<SockaddrStorage>,
    from: MultiHeaders<SockaddrStorage>,
    cut: MultiHeaders<SockaddrStorage>,
    cut_from: MultiHeaders<SockaddrStorage>,
    /// Does the kernel cut?
    cuts: bool,
}

/// What one system call sends: from one of our addresses, in groups.
struct Run<'a> {
    local: Option<IpAddr>,
    slices: Vec<IoSlice<'a>>,
    /// Peer and number of messages of each group.
    groups: Vec<(Session, usize)>,
    /// Length of the grouped messages; 0: none is.
    segment: u16,
}

impl Sender {
    /// For a socket of IPv4 (else IPv6).
    pub fn new(v4: bool) -> Self {
        let (from, cut_from) = if v4 {
            let from = nix::cmsg_space!(libc::in_pktinfo);
            (from, nix::cmsg_space!(libc::in_pktinfo, u16))
        } else {
            let from = nix::cmsg_space!(libc::in6_pktinfo);
            (from, nix::cmsg_space!(libc::in6_pktinfo, u16))
        };
        Self {
            plain: MultiHeaders::preallocate(GROUPS_MAX, None),
            from: MultiHeaders::preallocate(GROUPS_MAX, Some(from)),
            cut: MultiHeaders::preallocate(GROUPS_MAX, Some(nix::cmsg_space!(u16))),
            cut_from: MultiHeaders::preallocate(GROUPS_MAX, Some(cut_from)),
            cuts: true,
        }
    }

    /// Sends messages of `outbox` from number `start` on; returns how many are dealt with. Fewer
    /// than there are: the socket is full.
    ///
    /// # Errors
    /// The kernel refused the last of those; it will not go.
    pub fn send(
        &mut self,
        udp: &UdpSocket,
        outbox: &Outbox,
        start: usize,
    ) -> (usize, io::Result<()>) {
        let mut sent = 0;
        while let Some(run) = Run::of(outbox, start + sent, self.cuts) {
            match self.send_run(udp, &run) {
                Ok(groups) => sent += run.messages(groups),
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => break,
                Err(cause) if run.segment > 0 && is_no_offload(&cause) => self.cuts = false,
                Err(cause) => return (sent + run.messages(1), Err(cause)),
            }
        }
        (sent, Ok(()))
    }

    /// Returns how many groups went.
    fn send_run(&mut self, udp: &UdpSocket, run: &Run<'_>) -> io::Result<usize> {
        let mut rest = run.slices.as_slice();
        let mut parts = Vec::with_capacity(run.groups.len());
        let mut addresses = Vec::with_capacity(run.groups.len());
        for (to, count) in &run.groups {
            let (part, behind) = rest.split_at_checked(*count).unwrap_or((rest, &[]));
            parts.push(part);
            addresses.push(Some(SockaddrStorage::from(to.peer)));
            rest = behind;
        }
        let (v4, v6);
        let mut control = Vec::new();
        match run.local {
            Some(IpAddr::V4(ip)) => {
                v4 = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(ip.octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                control.push(ControlMessage::Ipv4PacketInfo(&v4));
            }
            Some(IpAddr::V6(ip)) => {
                v6 = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr {
                        s6_addr: ip.octets(),
                    },
                    // A link-local peer's address has its interface.
                    ipi6_ifindex: 0,
                };
                control.push(ControlMessage::Ipv6PacketInfo(&v6));
            }
            None => {}
        }
        if run.segment > 0 {
            control.push(ControlMessage::UdpGsoSegments(&run.segment));
        }
        let headers = match (run.local.is_some(), run.segment > 0) {
            (false, false) => &mut self.plain,
            (true, false) => &mut self.from,
            (false, true) => &mut self.cut,
            (true, true) => &mut self.cut_from,
        };
        udp.try_io(Interest::WRITABLE, || {
            let flags = MsgFlags::MSG_DONTWAIT;
            let fd = udp.as_raw_fd();
            let sent = sendmmsg(fd, headers, &parts, &addresses, &control, flags)?;
            Ok(sent.count())
        })
    }
}

/// The kernel knows no segmentation, or the interface computes no checksums.
fn is_no_offload(cause: &io::Error) -> bool {
    let refused = [libc::EIO, libc::EINVAL, libc::EOPNOTSUPP, libc::ENOPROTOOPT];
    cause
        .raw_os_error()
        .is_some_and(|code| refused.contains(&code))
}

impl<'a> Run<'a> {
    /// The next messages; `None`: there are none.
    fn of(outbox: &'a Outbox, start: usize, cuts: bool) -> Option<Self> {
        let left = outbox.from(start);
        let local = left.clone().next()?.0.local;
        let messages = left
            .take_while(|(to, _)| to.local == local)
            .take(MESSAGES_MAX);
        // One length per call can be cut; most answers have the same.
        let longest = messages.clone().map(|(_, bytes)| bytes.len()).max()?;
        let cuts = cuts && longest <= SEGMENT_BYTES_MAX;
        let mut run = Self {
            local,
            slices: Vec::with_capacity(GROUPS_MAX),
            groups: Vec::with_capacity(GROUPS_MAX),
            segment: 0,
        };
        let mut before = 0;
        for (to, bytes) in messages {
            let joins = cuts && before == longest && bytes.len() == longest;
            let full = run.groups.len() == GROUPS_MAX;
            match run.groups.last_mut() {
                Some((peer, count)) if joins && peer.peer == to.peer && *count < SEGMENTS_MAX => {
                    *count += 1;
                    run.segment = u16::try_from(longest).unwrap_or(u16::MAX);
                }
                _ if full => break,
                _ => run.groups.push((to, 1)),
            }
            before = bytes.len();
            run.slices.push(IoSlice::new(bytes));
        }
        Some(run)
    }

    /// Messages of the first `groups`.
    fn messages(&self, groups: usize) -> usize {
        self.groups
            .iter()
            .take(groups)
            .map(|(_, count)| count)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::net::SocketAddr;

    fn outbox(messages: &[(u16, &[u8])]) -> Outbox {
        let mut outbox = Outbox::default();
        for (port, bytes) in messages {
            let to = Session::new(SocketAddr::from(([127, 0, 0, 1], *port)));
            outbox.push(to, |out| out.extend_from_slice(bytes));
        }
        outbox.arrange(0);
        outbox
    }

    fn groups(run: &Run<'_>) -> Vec<(u16, usize)> {
        let group = |(to, count): &(Session, usize)| (to.peer.port(), *count);
        run.groups.iter().map(group).collect()
    }

    #[test]
    fn answers_of_one_peer_and_length_go_together() {
        let messages: [(u16, &[u8]); 6] = [
            (1, b"aaaa"),
            (2, b"bbbb"),
            (1, b"cccc"),
            (1, b"d"),
            (1, b"eeee"),
            (2, b"ffff"),
        ];
        let outbox = outbox(&messages);
        let run = Run::of(&outbox, 0, true).unwrap();
        // Behind a shorter one a new group begins: the kernel takes a short one only as the last.
        assert_eq!(groups(&run), [(1, 2), (1, 1), (1, 1), (2, 2)]);
        assert_eq!(run.segment, 4);
        assert_eq!(run.messages(2), 3);
        let run = Run::of(&outbox, 0, false).unwrap();
        assert_eq!((run.groups.len(), run.segment), (6, 0));
        assert!(Run::of(&outbox, 6, true).is_none());
    }

    #[tokio::test]
    async fn the_peer_gets_each_by_itself_and_in_order() {
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = peer.local_addr().unwrap().port();
        let texts: Vec<String> = (0..150).map(|number| format!("{number:03}")).collect();
        let messages: Vec<_> = texts.iter().map(|text| (port, text.as_bytes())).collect();
        let outbox = outbox(&messages);
        udp.writable().await.unwrap();
        let (sent, outcome) = Sender::new(true).send(&udp, &outbox, 0);
        assert!(outcome.is_ok(), "{outcome:?}");
        assert_eq!(sent, 150);
        let mut bytes = [0; 16];
        for text in &texts {
            let len = peer.recv(&mut bytes).unwrap();
            assert_eq!(bytes.get(..len), Some(text.as_bytes()));
        }
    }
}
