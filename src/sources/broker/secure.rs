//! TLS towards a broker, by rustls and the gateway's one provider.
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Certificates in one file, at most.
const CERTIFICATES_MAX: usize = 1_024;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// A file is not there, or holds no PEM.
    #[error("{path:?}: {source}")]
    Pem { path: PathBuf, source: pem::Error },
    /// No certificate in it, or too many.
    #[error("{path:?} must hold 1 to {CERTIFICATES_MAX} certificates in PEM")]
    Count { path: PathBuf },
    /// This machine has none.
    #[error("this system has no root certificates; name those of the broker in `ca`")]
    NoRoots,
    /// Certificate and key do not fit, or a root is malformed.
    #[error("{0}")]
    Refused(#[from] rustls::Error),
}

/// Trusts the certificates in `ca`, or those that the system trusts, and shows `identity`
/// (certificate chain, key) where the broker asks for it.
pub(super) fn client(
    ca: Option<&Path>,
    identity: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
        }
        None => {
            // What one of the system's files says wrongly is no reason to distrust the others.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(Error::NoRoots);
    }
    let builder = ClientConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|source| Error::Pem {
                path: key.to_owned(),
                source,
            })?;
            builder.with_client_auth_cert(certificates(chain)?, secret)?
        }
    };
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = |source| Error::Pem {
        path: path.to_owned(),
        source,
    };
    let found = CertificateDer::pem_file_iter(path).map_err(pem)?;
    let found: Vec<_> = found
        .take(CERTIFICATES_MAX + 1)
        .collect::<Result<_, _>>()
        .map_err(pem)?;
    if (1..=CERTIFICATES_MAX).contains(&found.len()) {
        Ok(found)
    } else {
        Err(Error::Count {
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn certificates_are_read_and_what_is_none_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["broker".to_owned()]).unwrap();
        let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        assert!(client(Some(&cert), Some((&cert, &key))).is_ok());

        let error = client(Some(&key), None).unwrap_err().to_string();
        assert!(
            error.contains("key.pem") && error.contains("certificates"),
            "{error}"
        );
        let error = client(Some(&dir.path().join("none")), None).unwrap_err();
        assert!(matches!(error, Error::Pem { .. }), "{error}");
        let error = client(Some(&cert), Some((&cert, &cert))).unwrap_err();
        assert!(error.to_string().contains("cert.pem"), "{error}");
    }
}
