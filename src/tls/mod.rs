//! TLS by rustls, with one provider: ring.
//!
//! ```text
//!  [tls] files --> Server: the certificate in use, reloaded when the files change
//!                    | config per port
//!  TCP ---------> Listener: handshakes beside each other --> Stream: plain or TLS --> gRPC, HTTP, MQTT
//! ```
//! TLS 1.2 and 1.3. Client certificates are asked for when `tls.client_ca` is given, and checked when
//! one is offered; they name a device in MQTT, and are a second factor beside the token elsewhere.
//!
//! Decisions: no `Strict-Transport-Security`: it speaks for all ports of a host, and a pole's page is
//! opened by address, for which it means nothing. No revocation lists: a city's own authority is
//! small enough to be replaced, and `mqtt.users_file` and `[access]` revoke at once.
mod client;
mod config;
mod files;
mod listener;
mod readiness;
mod server;
mod stats;
mod stream;
#[cfg(test)]
mod tests;
mod x509;

pub use client::{Client, ClientError, Connector, Identity};
pub use config::Config;
pub use files::FileError;
pub use listener::{HANDSHAKE_MAX, Listener, PENDING_MAX};
pub use readiness::{READ_BYTES, Taken};
pub use server::{Error, Server, Validity};
pub use stats::{Outcome, Port, Stats};
pub use stream::Stream;

use rustls::crypto::{CryptoProvider, ring};
use std::sync::Arc;

/// The one provider, installed as the process's default by the first call. Every builder of a
/// TLS configuration takes it from here; libraries that ask for the default find the same.
pub fn provider() -> Arc<CryptoProvider> {
    if let Some(installed) = CryptoProvider::get_default() {
        return Arc::clone(installed);
    }
    // An error says that another thread was faster, with the same provider.
    let _ = ring::default_provider().install_default();
    CryptoProvider::get_default().map_or_else(|| Arc::new(ring::default_provider()), Arc::clone)
}
