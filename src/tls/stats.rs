//! Counters of handshakes and reloads, for `/metrics`.
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A port that speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// For the city brain.
    Grpc,
    /// For operators.
    Http,
    /// For devices.
    Mqtt,
}

impl Port {
    /// All.
    pub const ALL: [Self; 3] = [Self::Grpc, Self::Http, Self::Mqtt];

    /// As a label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
            Self::Mqtt => "mqtt",
        }
    }

    /// What is spoken inside (RFC 7301). Devices seldom say, and are not asked.
    pub(super) fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Grpc => vec![b"h2".to_vec()],
            Self::Http => vec![b"http/1.1".to_vec()],
            Self::Mqtt => Vec::new(),
        }
    }
}

/// How a handshake ended. A closed set, so that it serves as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The connection is there.
    Ok,
    /// The first byte was none of TLS.
    NotTls,
    /// Not complete in time.
    Timeout,
    /// Given up for newer ones, when there were too many.
    Crowded,
    /// A client certificate is required, and none was presented.
    NoCertificate,
    /// The client's certificate is not of `tls.client_ca`, or has expired.
    BadCertificate,
    /// No version, cipher or protocol in common.
    Incompatible,
    /// The client did not like the gateway's certificate, or something else, and said so.
    Refused,
    /// The client broke the protocol.
    Protocol,
    /// The client went away.
    Closed,
}

impl Outcome {
    /// All, in the order of [`Outcome::name`]'s places.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::NotTls,
        Self::Timeout,
        Self::Crowded,
        Self::NoCertificate,
        Self::BadCertificate,
        Self::Incompatible,
        Self::Refused,
        Self::Protocol,
        Self::Closed,
    ];

    /// As a label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotTls => "not_tls",
            Self::Timeout => "timeout",
            Self::Crowded => "crowded",
            Self::NoCertificate => "no_certificate",
            Self::BadCertificate => "bad_certificate",
            Self::Incompatible => "incompatible",
            Self::Refused => "refused_by_client",
            Self::Protocol => "protocol",
            Self::Closed => "closed",
        }
    }

    /// Why a handshake failed.
    pub(super) fn of(error: &io::Error) -> Self {
        use rustls::Error as Tls;
        let inner = error.get_ref();
        match inner.and_then(|error| error.downcast_ref::<Tls>()) {
            None => Self::Closed,
            Some(Tls::NoCertificatesPresented) => Self::NoCertificate,
            Some(Tls::InvalidCertificate(_)) => Self::BadCertificate,
            Some(Tls::PeerIncompatible(_) | Tls::NoApplicationProtocol) => Self::Incompatible,
            Some(Tls::AlertReceived(_)) => Self::Refused,
            Some(_) => Self::Protocol,
        }
    }
}

/// Plain atomics, read when somebody looks.
#[derive(Debug, Default)]
pub struct Stats {
    handshakes: [[AtomicU64; Outcome::ALL.len()]; Port::ALL.len()],
    reloads_ok: AtomicU64,
    reloads_failed: AtomicU64,
    /// Why the last reload failed; empty once one has not.
    last_error: Mutex<String>,
}

impl Stats {
    /// Counts a handshake.
    pub(super) fn ended(&self, port: Port, outcome: Outcome) {
        let row = self.handshakes.get(port as usize);
        if let Some(count) = row.and_then(|row| row.get(outcome as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Handshakes by port and outcome.
    pub fn handshakes(&self) -> impl Iterator<Item = (Port, Outcome, u64)> {
        Port::ALL
            .into_iter()
            .zip(&self.handshakes)
            .flat_map(|(port, row)| {
                let counted = Outcome::ALL.into_iter().zip(row);
                counted.map(move |(outcome, count)| (port, outcome, count.load(Ordering::Relaxed)))
            })
    }

    pub(super) fn reloaded(&self, failure: Option<String>) {
        let count = match &failure {
            None => &self.reloads_ok,
            Some(_) => &self.reloads_failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = failure.unwrap_or_default();
    }

    /// The files are again those that are in use.
    pub(super) fn same(&self) {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Reloads that took, and that did not.
    pub fn reloads(&self) -> (u64, u64) {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (count(&self.reloads_ok), count(&self.reloads_failed))
    }

    /// Why the files that lie there now are not in use; empty: they are.
    pub fn last_error(&self) -> String {
        let last = self.last_error.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_the_order_of_the_names() {
        let stats = Stats::default();
        for port in Port::ALL {
            for outcome in Outcome::ALL {
                stats.ended(port, outcome);
            }
        }
        stats.ended(Port::Http, Outcome::Crowded);
        let twice: Vec<_> = stats.handshakes().filter(|row| row.2 != 1).collect();
        assert_eq!(twice, [(Port::Http, Outcome::Crowded, 2)]);
    }
}
