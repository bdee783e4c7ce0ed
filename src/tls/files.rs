//! Certificate, key and authorities out of their files, checked against each other.
use super::x509::Facts;
use super::{Config, provider};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest file, in bytes: all public authorities together have a fifth of that.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One wrong file of `[tls]`.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct FileError {
    key: &'static str,
    path: PathBuf,
    what: Wrong,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("must be at most {FILE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("is no PEM: {0}")]
    Pem(String),
    #[error("has no certificate (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    #[error("has no private key (-----BEGIN PRIVATE KEY-----, RSA or EC)")]
    NoKey,
    #[error("has a certificate that cannot be used: {0}")]
    Certificate(String),
    #[error("has a key that cannot be used: {0}")]
    Key(rustls::Error),
    #[error("has a key that does not belong to the certificate in {0:?}")]
    Mismatch(PathBuf),
}

impl FileError {
    fn new(key: &'static str, path: &Path, what: Wrong) -> Self {
        Self {
            key,
            path: path.to_owned(),
            what,
        }
    }

    /// The key of `[tls]` that names the file.
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What the files hold.
#[derive(Debug)]
pub struct Material {
    /// The certificate with its chain and key.
    pub certified: Arc<CertifiedKey>,
    /// What it says about itself.
    pub facts: Facts,
    /// Of all the files together; another when one has changed.
    pub fingerprint: [u8; 32],
    /// Checks what clients present.
    pub verifier: Option<Arc<dyn ClientCertVerifier>>,
}

impl Material {
    /// Reads and checks the files. Blocks.
    ///
    /// # Errors
    /// Every wrong file.
    pub fn read(config: &Config) -> Result<Self, Vec<FileError>> {
        let fingerprint = fingerprint(config);
        let of = |key, path: &Path| {
            let path = path.to_owned();
            move |what| FileError::new(key, &path, what)
        };
        let chain = chain(&config.cert).map_err(of("cert", &config.cert));
        let key = key(&config.key_file).map_err(of("key_file", &config.key_file));
        let verifier = config
            .client_ca
            .as_deref()
            .map(|path| verifier(path, config.client_cert_required).map_err(of("client_ca", path)));
        let verifier = verifier.transpose();
        let certified = match (chain, key) {
            (Ok((chain, facts)), Ok(key)) => certify(chain, key, config)
                .map(|certified| (certified, facts))
                .map_err(|error| vec![error]),
            (chain, key) => Err(chain.err().into_iter().chain(key.err()).collect()),
        };
        match (certified, verifier) {
            (Ok((certified, facts)), Ok(verifier)) => Ok(Self {
                certified: Arc::new(certified),
                facts,
                fingerprint,
                verifier,
            }),
            (certified, verifier) => {
                let wrong = certified.err().unwrap_or_default();
                Err(wrong.into_iter().chain(verifier.err()).collect())
            }
        }
    }
}

/// Read before the files are: if one is replaced in between, the next look finds another.
fn fingerprint(config: &Config) -> [u8; 32] {
    let mut sha = Sha256::new();
    for file in config.files() {
        // What cannot be read is named where it is read for use.
        let hash = Sha256::digest(bytes(&file).unwrap_or_default());
        sha.update(hash);
    }
    sha.finalize().into()
}

fn certify(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    config: &Config,
) -> Result<CertifiedKey, FileError> {
    let wrong = |what| FileError::new("key_file", &config.key_file, what);
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => wrong(Wrong::Mismatch(config.cert.clone())),
        rustls::Error::InvalidCertificate(error) => {
            let what = Wrong::Certificate(format!("{error:?}"));
            FileError::new("cert", &config.cert, what)
        }
        error => wrong(Wrong::Key(error)),
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>, Wrong> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Wrong::TooLarge);
    }
    Ok(bytes)
}

/// The certificates of a file that `key` names.
///
/// # Errors
/// Unreadable, no PEM, or none in it.
pub fn certificates_of(
    key: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, FileError> {
    certificates(path).map_err(|what| FileError::new(key, path, what))
}

/// The private key of a file that `key` names.
///
/// # Errors
/// Unreadable, no PEM, or none in it.
pub fn key_of(name: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    key(path).map_err(|what| FileError::new(name, path, what))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let bytes = bytes(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| Wrong::Pem(error.to_string()))?;
    if found.is_empty() {
        return Err(Wrong::NoCertificate);
    }
    Ok(found)
}

fn chain(path: &Path) -> Result<(Vec<CertificateDer<'static>>, Facts), Wrong> {
    let chain = certificates(path)?;
    let mut facts = None;
    for certificate in &chain {
        let read = Facts::read(certificate);
        let read = read.ok_or_else(|| Wrong::Certificate("it is no X.509".to_owned()))?;
        facts.get_or_insert(read);
    }
    facts
        .map(|facts| (chain, facts))
        .ok_or(Wrong::NoCertificate)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Wrong> {
    let bytes = bytes(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => Wrong::NoKey,
        error => Wrong::Pem(error.to_string()),
    })
}

fn verifier(path: &Path, required: bool) -> Result<Arc<dyn ClientCertVerifier>, Wrong> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        let added = roots.add(certificate);
        added.map_err(|error| Wrong::Certificate(error.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let builder = if required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    let built: Result<Arc<dyn ClientCertVerifier>, _> = builder.build();
    built.map_err(|error| Wrong::Certificate(error.to_string()))
}
