//! Datagrams that the kernel dropped because the receive buffer was full.
//!
//! Linux counts them per socket in `/proc/self/net/udp` and `udp6` (without `self` a service unit with
//! `ProcSubset=pid` does not see them). (`SO_RXQ_OVFL` says it beside each
//! datagram, but nix does not give back the room for it once a datagram came without.)
use std::fs;
use std::net::{IpAddr, SocketAddr};

/// Drops of the socket bound to `address`; `None`: the kernel does not say.
pub fn of(address: SocketAddr) -> Option<u64> {
    let (table, local) = match address.ip() {
        IpAddr::V4(ip) => ("/proc/self/net/udp", words(&ip.octets())),
        IpAddr::V6(ip) => ("/proc/self/net/udp6", words(&ip.octets())),
    };
    let local = format!("{local}:{:04X}", address.port());
    find(&fs::read_to_string(table).ok()?, &local)
}

/// As the kernel prints an address: 32-bit words in the machine's order.
fn words(octets: &[u8]) -> String {
    let word = |chunk: &[u8; 4]| format!("{:08X}", u32::from_ne_bytes(*chunk));
    octets.as_chunks().0.iter().map(word).collect()
}

/// Columns: number, local address, .., drops last.
fn find(table: &str, local: &str) -> Option<u64> {
    let of = |line: &&str| line.split_whitespace().nth(1) == Some(local);
    let line = table.lines().find(of)?;
    line.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_full_buffer_is_seen() {
        let bind = || UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let (server, client) = (bind(), bind());
        let address = server.local_addr().expect("bound");
        assert_eq!(of(address), Some(0));
        for _ in 0..5_000 {
            client.send_to(&[0; 1_000], address).expect("sent");
        }
        assert!(of(address).expect("still there") > 0);
        drop(server);
        assert_eq!(of(address), None);
    }

    #[test]
    fn addresses_are_written_as_the_kernel_does() {
        let v6 = UdpSocket::bind("[::1]:0").expect("loopback");
        assert_eq!(of(v6.local_addr().expect("bound")), Some(0));
        let line = "  7: 0100007F:1633 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1 2 3 42";
        assert_eq!(find(line, "0100007F:1633"), Some(42));
        assert_eq!(find(line, "0100007F:1634"), None);
    }
}
