//! The MQTT listener for devices: an ingest endpoint, not a broker.
//!
//! ```text
//! accept -> CONNECT ------------> loop of one connection ------------------------------> end
//! listener  greet: version,       one read -> all its packets -> one intake::commit      will -> event
//!           user, session,                     acks <- window <- durable watermark       session kept
//!           takeover, CONNACK     one write <-'
//! ```
//! A PUBACK or PUBREC leaves only after its message is in the log and synced. Nothing is delivered
//! to devices: SUBSCRIBE is answered by the protocol's own refusal, retain is ignored, a will
//! becomes an event about its device.
//!
//! Decisions: the packet codec is rumqttc's, the loop is our own, because every embeddable broker
//! that was measured either waits for each message's sync in turn or acknowledges before it. There
//! is no channel and no task between socket and log: a connection commits what one read brought
//! and is woken when the log has settled it. Buffers belong to the thread, not to the connection,
//! so that an idle device costs about a kilobyte.
mod auth;
mod connect;
mod connection;
mod door;
mod end;
mod fault;
mod greet;
mod listener;
mod packet;
mod pass;
mod reply;
mod session;
mod stats;
mod window;
#[cfg(test)]
mod wire_tests;

pub use auth::{Users, UsersError};
pub use door::Door;
pub use fault::Fault;
pub use listener::{Error, Service, run};
pub use session::disk::SessionDisk;
pub use session::{LoadError, Sessions};
pub use stats::Stats;

use crate::model::settings::Section;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The registered port of MQTT over TLS.
const TLS_PORT: u16 = 8883;

/// `[mqtt]`: the listener and its limits. Each limit bounds what one peer, or all of them, can make
/// the gateway hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address to listen on.
    pub bind: SocketAddr,
    /// Address to listen on with TLS; `None`: there is no `[tls]`.
    pub tls_bind: Option<SocketAddr>,
    /// Users that may connect; `None`: everybody, with any user name.
    pub users_file: Option<PathBuf>,
    /// Longest packet in bytes; announced in MQTT 5.
    pub packet_max: usize,
    /// Messages that a connection may have unacknowledged; announced in MQTT 5.
    pub receive_max: u16,
    /// Payload bytes that a connection may have unacknowledged: it is not read past this.
    pub window_bytes: usize,
    /// Connections at a time.
    pub connections_max: usize,
    /// Sessions kept, connected or not; past it the one that ended first is forgotten.
    pub sessions_max: usize,
    /// How long a session may outlive its connection: the cap of what MQTT 5 asks for, and the rule
    /// for 3.1.1's `clean_session = 0`.
    pub session_expiry_max: Duration,
    /// From the TCP connection to a complete CONNECT.
    pub connect_timeout: Duration,
    /// How long a peer may leave its answers unread.
    pub write_timeout: Duration,
    /// Longest silence of a device without, or with a longer, keep-alive; announced in MQTT 5.
    pub idle_max: Duration,
    /// How long connections may take to send their last acks when the gateway stops.
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 1883)),
            tls_bind: None,
            users_file: None,
            packet_max: 256 << 10,
            receive_max: 1024,
            window_bytes: 1 << 20,
            connections_max: 20_000,
            sessions_max: 200_000,
            session_expiry_max: Duration::from_hours(7 * 24),
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            idle_max: Duration::from_hours(12),
            grace: Duration::from_secs(3),
        }
    }
}

impl Config {
    /// Reads `[mqtt]`, noting every mistake. `has_tls`: there is a `[tls]`, too.
    pub fn read(section: &mut Section<'_>, has_tls: bool) -> Self {
        let default = Self::default();
        let bind = section.address("bind").unwrap_or(default.bind);
        let tls_bind = section.address("tls_bind");
        if let Some(address) = tls_bind.filter(|_| !has_tls) {
            section.problem("tls_bind", address, "needs [tls], with a certificate");
        }
        let beside_bind = SocketAddr::new(bind.ip(), TLS_PORT);
        let secs = Duration::from_secs;
        let count = |value: u64| usize::try_from(value).ok();
        Self {
            bind,
            tls_bind: has_tls.then(|| tls_bind.unwrap_or(beside_bind)),
            users_file: section.path("users_file"),
            // A record of the log holds 1 MiB at most.
            packet_max: section
                .size("packet_max", 1 << 10, 1 << 20)
                .and_then(count)
                .unwrap_or(default.packet_max),
            receive_max: section
                .integer("receive_max", 1, 65_535)
                .and_then(|value| u16::try_from(value).ok())
                .unwrap_or(default.receive_max),
            window_bytes: section
                .size("window_bytes", 1 << 10, 64 << 20)
                .and_then(count)
                .unwrap_or(default.window_bytes),
            connections_max: section
                .integer("connections_max", 1, 1_000_000)
                .and_then(count)
                .unwrap_or(default.connections_max),
            sessions_max: section
                .integer("sessions_max", 1, 5_000_000)
                .and_then(count)
                .unwrap_or(default.sessions_max),
            // MQTT 5 counts in 32-bit seconds, the highest of which means "for ever".
            session_expiry_max: section
                .duration("session_expiry_max", secs(1), secs(100 * 365 * 86_400))
                .unwrap_or(default.session_expiry_max),
            connect_timeout: section
                .duration("connect_timeout", secs(1), secs(300))
                .unwrap_or(default.connect_timeout),
            write_timeout: section
                .duration("write_timeout", secs(1), secs(3_600))
                .unwrap_or(default.write_timeout),
            // Server Keep Alive has 16 bits.
            idle_max: section
                .duration("idle_max", secs(1), secs(65_535))
                .unwrap_or(default.idle_max),
            grace: section
                .duration("grace", secs(0), secs(60))
                .unwrap_or(default.grace),
        }
    }

    /// [`Config::session_expiry_max`] in MQTT's seconds.
    fn expiry_max_secs(&self) -> u32 {
        let secs = u32::try_from(self.session_expiry_max.as_secs());
        secs.unwrap_or(u32::MAX - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::Problem;

    fn read(text: &str) -> (Config, Vec<Problem>) {
        let mut problems = Vec::new();
        let table = text.parse().expect("TOML");
        let mut section = Section::new("mqtt", table, &mut problems);
        let config = Config::read(&mut section, false);
        section.finish();
        (config, problems)
    }

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(read(""), (Config::default(), Vec::new()));
    }

    #[test]
    fn settings_are_read_and_every_mistake_is_noted() {
        let (config, problems) = read("packet_max = '64KiB'\nsession_expiry_max = '1d'");
        assert_eq!(
            (config.packet_max, config.expiry_max_secs()),
            (64 << 10, 86_400)
        );
        assert!(problems.is_empty());
        let (_, problems) = read("bind = 'here'\nreceive_max = 0\nidle_max = '2d'\nbinf = 1");
        let keys: Vec<_> = problems
            .iter()
            .map(|problem| problem.key.as_str())
            .collect();
        assert_eq!(
            keys,
            [
                "mqtt.bind",
                "mqtt.receive_max",
                "mqtt.idle_max",
                "mqtt.binf"
            ]
        );
    }
}
