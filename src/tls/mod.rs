//! TLS by rustls, with one provider: ring.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_provider() {
        assert!(Arc::ptr_eq(&provider(), &provider()));
    }
}
