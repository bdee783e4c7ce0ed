//! How an uplink arrived: what the log keeps of it beside what it said.
use super::wire::{Fields, WireError, put_bytes, put_u64};
use std::net::{IpAddr, SocketAddr};

/// How an uplink arrived. Encoded as protobuf beside the first record of the uplink; the field
/// numbers are never reused. For people who look at a device; subscribers do not get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// The sender's address.
    pub address: Option<SocketAddr>,
    /// MQTT topic or `CoAP` path, without access tokens.
    pub topic: &'a str,
    /// MQTT client id, "" if none.
    pub client: &'a str,
    /// `CoAP` Content-Format (RFC 7252 §12.3), where one was given.
    pub content_format: Option<u16>,
    /// The payload's first bytes, as many as `intake.keep_raw` says.
    pub raw: &'a [u8],
    /// The payload's full length in bytes.
    pub raw_len: u64,
    /// The payload names no device but its sender. Logs of before 0.1 do not say it, and then it is not.
    pub alone: bool,
    /// The pattern that led to the device, such as `plant/+/{device}/up`, or the name of a push route.
    pub route: &'a str,
    /// Version of the profile that read it; "" of one that needs no file.
    pub version: &'a str,
}

impl<'a> Arrival<'a> {
    /// Appends the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if let Some(address) = self.address {
            match address.ip().to_canonical() {
                IpAddr::V4(ip) => put_bytes(out, 1, &ip.octets()),
                IpAddr::V6(ip) => put_bytes(out, 1, &ip.octets()),
            }
            put_u64(out, 2, address.port().into());
        }
        put_bytes(out, 3, self.topic.as_bytes());
        put_bytes(out, 4, self.client.as_bytes());
        // One more than it is: 0 is a format (text/plain) and not the same as none.
        put_u64(
            out,
            5,
            self.content_format.map_or(0, |ct| u64::from(ct) + 1),
        );
        put_bytes(out, 6, self.raw);
        put_u64(out, 7, self.raw_len);
        put_u64(out, 8, self.alone.into());
        put_bytes(out, 9, self.route.as_bytes());
        put_bytes(out, 10, self.version.as_bytes());
    }

    /// Of an encoded message, the sender's address alone: it comes first.
    pub fn address_of(bytes: &[u8]) -> Option<SocketAddr> {
        let mut fields = Fields::new(bytes);
        let ip = match fields.next() {
            Ok(Some((1, value))) => ip_of(value.bytes())?,
            _ => return None,
        };
        let port = match fields.next() {
            Ok(Some((2, value))) => u16::try_from(value.number()).ok()?,
            _ => 0,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// Reads it in place; unknown fields are passed over.
    ///
    /// # Errors
    /// Truncated or malformed bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut arrival = Self {
            address: None,
            topic: "",
            client: "",
            content_format: None,
            raw: &[],
            raw_len: 0,
            alone: false,
            route: "",
            version: "",
        };
        let (mut ip, mut port) = (None, 0);
        let mut fields = Fields::new(bytes);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => ip = ip_of(value.bytes()),
                2 => port = u16::try_from(value.number()).unwrap_or(0),
                3 => arrival.topic = value.text()?,
                4 => arrival.client = value.text()?,
                5 => {
                    let format = value.number().checked_sub(1);
                    arrival.content_format = format.and_then(|format| u16::try_from(format).ok());
                }
                6 => arrival.raw = value.bytes(),
                7 => arrival.raw_len = value.number(),
                8 => arrival.alone = value.number() == 1,
                9 => arrival.route = value.text()?,
                10 => arrival.version = value.text()?,
                _ => {}
            }
        }
        arrival.address = ip.map(|ip| SocketAddr::new(ip, port));
        Ok(arrival)
    }
}

fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arrivals_round_trip(ip: [u8; 16], v4: bool, port: u16, topic: String, client: String, content_format: Option<u16>, raw: Vec<u8>, alone: bool, route: String, version: String) {
            let ip = if v4 { IpAddr::from([ip[0], ip[1], ip[2], ip[3]]) } else { IpAddr::from(ip) };
            let arrival = Arrival {
                address: Some(SocketAddr::new(ip.to_canonical(), port)),
                topic: &topic,
                client: &client,
                content_format,
                raw: &raw,
                raw_len: raw.len() as u64,
                alone,
                route: &route,
                version: &version,
            };
            let mut out = Vec::new();
            arrival.encode(&mut out);
            prop_assert_eq!(Arrival::parse(&out), Ok(arrival));
            prop_assert_eq!(Arrival::address_of(&out), arrival.address);
        }

        #[test]
        fn garbage_does_not_panic(bytes: Vec<u8>) {
            let _ = Arrival::parse(&bytes);
        }
    }
}
