//! What a peer did that the protocol, or a limit, forbids.
//!
//! A fault ends the connection: in MQTT 5 with a DISCONNECT (or CONNACK) that carries its reason
//! code, in 3.1.1, which has none, by closing. Bytes that never became an uplink are counted as
//! `protocol_errors` of promise 2, and by kind for the metrics page.

/// A mistake of the peer. Its kind is a closed set ([`Fault::NAMES`]), so it serves as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Bytes that no MQTT packet has (MQTT 5 §4.13).
    #[error("malformed packet: {what}")]
    Malformed {
        /// What was being read.
        what: &'static str,
    },
    /// A packet or property that may not come here (MQTT 5 §4.13).
    #[error("protocol error: {what}")]
    Unexpected {
        /// What came.
        what: &'static str,
    },
    /// Longer than the Maximum Packet Size that the CONNACK announced.
    #[error("packet of {bytes} bytes, at most {limit}")]
    TooLarge {
        /// With its fixed header.
        bytes: usize,
        /// `mqtt.packet_max`, or the limit before CONNECT.
        limit: usize,
    },
    /// Empty, with a wildcard or with U+0000 (MQTT 5 §4.7).
    #[error("topic name {what}")]
    Topic {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A topic alias, though the CONNACK allows none.
    #[error("topic alias, and the maximum is 0")]
    TopicAlias,
    /// More unacknowledged messages than the Receive Maximum that the CONNACK announced.
    #[error("more than {limit} unacknowledged messages")]
    Window {
        /// `mqtt.receive_max`.
        limit: usize,
    },
    /// Enhanced authentication.
    #[error("enhanced authentication is not offered")]
    Method,
    /// Not MQTT 3.1.1 or 5.
    #[error("protocol level {level} is not served, 4 (3.1.1) and 5 are")]
    Version {
        /// As sent in CONNECT.
        level: u8,
    },
    /// An empty client id with `clean_session = 0` (MQTT 3.1.1 §3.1.3.1), or one that is too long.
    #[error("client id {what}")]
    ClientId {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Wrong user name or password.
    #[error("unknown user or wrong password")]
    Login,
    /// Connected, but sent no CONNECT in time.
    #[error("no CONNECT in time")]
    Silent,
    /// Silent for one and a half keep-alive intervals (MQTT 5 §3.1.2.10).
    #[error("nothing heard for one and a half keep-alive intervals")]
    KeepAlive,
    /// Does not read what it is sent.
    #[error("peer does not read its answers")]
    NotReading,
}

impl Fault {
    /// Number of kinds.
    pub const KINDS: usize = 13;
    /// The kinds as labels, in the order of [`Fault::kind`].
    pub const NAMES: [&'static str; Self::KINDS] = [
        "malformed",
        "unexpected",
        "too_large",
        "topic",
        "topic_alias",
        "receive_maximum",
        "authentication_method",
        "version",
        "client_id",
        "login",
        "no_connect",
        "keep_alive",
        "not_reading",
    ];

    /// 0-based place of its kind in [`Fault::NAMES`].
    pub const fn kind(self) -> usize {
        match self {
            Self::Malformed { .. } => 0,
            Self::Unexpected { .. } => 1,
            Self::TooLarge { .. } => 2,
            Self::Topic { .. } => 3,
            Self::TopicAlias => 4,
            Self::Window { .. } => 5,
            Self::Method => 6,
            Self::Version { .. } => 7,
            Self::ClientId { .. } => 8,
            Self::Login => 9,
            Self::Silent => 10,
            Self::KeepAlive => 11,
            Self::NotReading => 12,
        }
    }

    /// Its name as a label.
    pub fn name(self) -> &'static str {
        Self::NAMES.get(self.kind()).copied().unwrap_or_default()
    }

    /// MQTT 5 reason code (§2.4), for DISCONNECT and CONNACK.
    pub const fn reason(self) -> u8 {
        match self {
            Self::Malformed { .. } => 0x81,
            Self::Unexpected { .. } | Self::Silent | Self::NotReading => 0x82,
            Self::TooLarge { .. } => 0x95,
            Self::Topic { .. } => 0x90,
            Self::TopicAlias => 0x94,
            Self::Window { .. } => 0x93,
            Self::Method => 0x8c,
            Self::Version { .. } => 0x84,
            Self::ClientId { .. } => 0x85,
            Self::Login => 0x86,
            Self::KeepAlive => 0x8d,
        }
    }

    /// Bytes that never became an uplink? (A device that falls silent breaks no rule.)
    pub const fn is_protocol_error(self) -> bool {
        !matches!(self, Self::KeepAlive | Self::NotReading | Self::Login)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_kinds() {
        assert_eq!(Fault::TopicAlias.name(), "topic_alias");
        assert_eq!(Fault::Window { limit: 1 }.name(), "receive_maximum");
        assert_eq!(Fault::NotReading.name(), "not_reading");
        assert_eq!(Fault::Malformed { what: "x" }.name(), "malformed");
    }
}
