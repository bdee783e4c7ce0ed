//! The certificate in use, and how another takes its place.
//!
//! ```text
//! files --read, check--> Material --> a ServerConfig per port --swapped at once--> new handshakes
//!                           | wrong: said once, the old one stays
//! ```
//! Decisions: each [`Material`] makes new keys for session tickets, and sessions are kept nowhere
//! else, so nothing that was agreed under one set of files is resumed under the next: who was
//! authenticated by an authority that is gone must show a certificate again. Tickets hold half a day
//! at most, their keys change every six hours (rustls). Connections that are open go on.
use super::Config;
use super::files::{FileError, Material};
use super::provider;
use super::stats::{Port, Stats};
use crate::model::{Clock, Timestamp, WATCH_EVERY, Watch};
use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// A ticket per connection: devices resume one session, not several at a time.
const TICKETS: usize = 1;

/// Why there is no TLS, or why it stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Every wrong file.
    #[error("{}", listed(.0))]
    Files(Vec<FileError>),
    /// rustls does not take them.
    #[error("cannot set TLS up")]
    Tls(#[from] rustls::Error),
    /// A certificate that does not hold now does not replace one that is in use.
    #[error("the new certificate holds from {from} to {until}, not now")]
    NotNow {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
}

fn listed(wrong: &[FileError]) -> String {
    let shown = wrong.iter().map(|error| {
        let path = error.path().display();
        format!("tls.{} = {path}: {error}", error.key())
    });
    shown.collect::<Vec<_>>().join("; ")
}

/// How long the certificate still holds, in steps that are worth a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// For more than a month.
    Good,
    /// For less than a month.
    Month,
    /// For less than a week.
    Week,
    /// Not any more.
    Expired,
    /// Not yet.
    Early,
}

impl Validity {
    const MONTH: Duration = Duration::from_hours(30 * 24);
    const WEEK: Duration = Duration::from_hours(7 * 24);

    /// Of a certificate that holds `from..=until`, at `now`.
    pub fn at(now: Timestamp, from: Timestamp, until: Timestamp) -> Self {
        let left = until.since(now);
        match () {
            () if now < from => Self::Early,
            () if now > until => Self::Expired,
            () if left < Self::WEEK => Self::Week,
            () if left < Self::MONTH => Self::Month,
            () => Self::Good,
        }
    }

    /// Do clients refuse it?
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Expired | Self::Early)
    }
}

/// What is in use.
struct Current {
    configs: [Arc<ServerConfig>; Port::ALL.len()],
    from: Timestamp,
    until: Timestamp,
    fingerprint: [u8; 32],
}

impl Current {
    fn build(material: &Material) -> Result<Self, rustls::Error> {
        let [grpc, http, mqtt] = Port::ALL.map(|port| config(material, port));
        Ok(Self {
            configs: [grpc?, http?, mqtt?],
            from: material.facts.not_before,
            until: material.facts.not_after,
            fingerprint: material.fingerprint,
        })
    }
}

fn config(material: &Material, port: Port) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match &material.verifier {
        Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
        None => builder.with_no_client_auth(),
    };
    let certified = rustls::sign::CertifiedKey::clone(&material.certified);
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = port.protocols();
    config.ticketer = Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = TICKETS;
    Ok(Arc::new(config))
}

/// Certificate and key of the gateway, for all its ports. Shared.
pub struct Server {
    config: Config,
    current: RwLock<Arc<Current>>,
    /// Held while files are read: one reload at a time.
    reloading: Mutex<()>,
    files: Mutex<Watch>,
    /// Counters.
    pub stats: Stats,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Reads the files. A certificate that has expired is used all the same: after a power cut a
    /// gateway must take readings, and clients say soon enough what is wrong. Blocks.
    ///
    /// # Errors
    /// Wrong files.
    pub fn new(config: Config) -> Result<Self, Error> {
        let files = Watch::new(config.files());
        let material = Material::read(&config).map_err(Error::Files)?;
        Ok(Self {
            config,
            current: RwLock::new(Arc::new(Current::build(&material)?)),
            reloading: Mutex::default(),
            files: Mutex::new(files),
            stats: Stats::default(),
        })
    }

    fn current(&self) -> Arc<Current> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// For the next handshake of a port.
    pub(super) fn config(&self, port: Port) -> Arc<ServerConfig> {
        let [grpc, http, mqtt] = &self.current().configs;
        Arc::clone(match port {
            Port::Grpc => grpc,
            Port::Http => http,
            Port::Mqtt => mqtt,
        })
    }

    /// When the certificate in use ends.
    pub fn expires_at(&self) -> Timestamp {
        self.current().until
    }

    /// How long it still holds.
    pub fn validity(&self, now: Timestamp) -> Validity {
        let current = self.current();
        Validity::at(now, current.from, current.until)
    }

    /// Reads the files again; from then on new connections get what they hold. Open ones go on. If
    /// anything is wrong with them all stays as it was, and the reason is logged, counted and kept
    /// for [`Stats::last_error`]. Files that are the same change nothing. Blocks.
    ///
    /// # Errors
    /// What is wrong.
    pub fn reload(&self, now: Timestamp) -> Result<(), Error> {
        let _one = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let fresh = match self.fresh(now) {
            Ok(Some(fresh)) => fresh,
            Ok(None) => {
                self.stats.same();
                return Ok(());
            }
            Err(cause) => {
                error!(%cause, "the TLS files were changed and cannot be used: the old ones stay");
                self.stats.reloaded(Some(cause.to_string()));
                return Err(cause);
            }
        };
        info!(until = %fresh.until, "TLS files read: new connections get the new certificate");
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        self.stats.reloaded(None);
        Ok(())
    }

    /// `None`: what the files hold is in use.
    fn fresh(&self, now: Timestamp) -> Result<Option<Current>, Error> {
        let material = Material::read(&self.config).map_err(Error::Files)?;
        if material.fingerprint == self.current().fingerprint {
            return Ok(None);
        }
        let fresh = Current::build(&material)?;
        if Validity::at(now, fresh.from, fresh.until).is_over() {
            return Err(Error::NotNow {
                from: fresh.from,
                until: fresh.until,
            });
        }
        Ok(Some(fresh))
    }

    fn changed(&self) -> bool {
        let files = self.files.lock();
        files.unwrap_or_else(PoisonError::into_inner).changed()
    }

    /// Looks at the files until `halt`, reloads them when they have changed, and says in time when the
    /// certificate ends.
    pub async fn watch(self: Arc<Self>, clock: Clock, halt: CancellationToken) {
        let mut told = Validity::Good;
        let mut tick = tokio::time::interval(WATCH_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while halt.run_until_cancelled(tick.tick()).await.is_some() {
            if self.changed() {
                let (server, now) = (Arc::clone(&self), clock.now());
                // Handled where it happens: logged, counted, kept.
                let _ = tokio::task::spawn_blocking(move || server.reload(now)).await;
            }
            let validity = self.validity(clock.now());
            if validity != told {
                told = validity;
                tell(validity, self.expires_at());
            }
        }
    }
}

fn tell(validity: Validity, until: Timestamp) {
    match validity {
        Validity::Good => {}
        Validity::Month => warn!(%until, "the TLS certificate ends in less than 30 days"),
        Validity::Week => warn!(%until, "the TLS certificate ends in less than 7 days"),
        Validity::Expired => error!(%until, "the TLS certificate has expired: clients refuse it"),
        Validity::Early => error!("the TLS certificate does not hold yet: clients refuse it"),
    }
}
