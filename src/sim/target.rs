//! The address of a gateway.
use std::fmt;
use std::str::FromStr;

/// What devices speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 3.1.1 over TCP.
    Mqtt,
    /// CoAP over UDP.
    Coap,
}

/// Where a gateway listens: `mqtt://host:port`, `mqtts://host:port` or `coap://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is spoken to.
    pub protocol: Protocol,
    /// Name or address.
    pub host: String,
    /// TCP or UDP port.
    pub port: u16,
    /// MQTT over TLS.
    pub tls: bool,
}

/// Why a text is no [`Target`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no gateway: need mqtt://host:port or coap://host:port, such as mqtt://127.0.0.1:1883, or mqtts://host:port"
)]
pub struct TargetError {
    text: String,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let error = || TargetError {
            text: text.to_owned(),
        };
        let tls = text.starts_with("mqtts://");
        let (protocol, rest) = match text.split_once("://") {
            Some(("mqtt" | "tcp" | "mqtts", rest)) => (Protocol::Mqtt, rest),
            Some(("coap", rest)) => (Protocol::Coap, rest),
            Some(_) => return Err(error()),
            None => (Protocol::Mqtt, text),
        };
        let usual = match protocol {
            Protocol::Mqtt if tls => 8883,
            Protocol::Mqtt => 1883,
            Protocol::Coap => 5683,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // An IPv6 address stands in brackets, so the last colon outside them parts off the port.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| error())?),
            _ => (rest, usual),
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.is_empty() || host.contains(['/', '@', '[']) || bare.is_none() && host.contains(':')
        {
            return Err(error());
        }
        Ok(Self {
            protocol,
            host: host.to_owned(),
            port,
            tls,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Protocol::Mqtt if self.tls => "mqtts",
            Protocol::Mqtt => "mqtt",
            Protocol::Coap => "coap",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn targets_are_read_and_shown() {
        for (text, shown) in [
            ("mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:1883"),
            ("mqtt://gateway/", "mqtt://gateway:1883"),
            ("localhost:2883", "mqtt://localhost:2883"),
            ("mqtts://gateway", "mqtts://gateway:8883"),
            ("mqtt://[::1]:1884", "mqtt://[::1]:1884"),
            ("[::1]", "mqtt://[::1]:1883"),
            ("coap://10.0.0.1", "coap://10.0.0.1:5683"),
            ("coap://[::1]:7", "coap://[::1]:7"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_target_says_what_it_needs() {
        for text in [
            "",
            "http://x:1",
            "mqtt://",
            "mqtt://x:70000",
            "mqtt://u@x",
            "::1",
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(
                error.contains("need mqtt://host:port or coap://host:port"),
                "{text}: {error}"
            );
        }
    }
}
