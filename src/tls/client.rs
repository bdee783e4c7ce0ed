//! The other end: commands and simulated devices that talk to a gateway over TLS.
use super::files::{FileError, certificates_of, key_of};
use super::provider;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::Service;
use tonic::transport::Uri;

/// Where Linux distributions keep the public authorities, for who names none.
const SYSTEM: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Whom to trust, and who one is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Authorities of the gateway, PEM; `None`: the system's.
    pub ca: Option<PathBuf>,
    /// A client certificate and its key, PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Why nothing can be reached over TLS.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file.
    #[error("{}", with_path(.0))]
    File(#[from] FileError),
    /// Neither named nor found.
    #[error(
        "this system has no certificates of authorities; name a file of them (`ca`, or --ca and CITYGATE_CA)"
    )]
    NoAuthority,
    /// rustls does not take them.
    #[error("cannot set TLS up")]
    Tls(#[from] rustls::Error),
}

fn with_path(error: &FileError) -> String {
    format!("{}: {error}", error.path().display())
}

/// Connects over TLS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client(Arc<ClientConfig>);

impl Client {
    /// Reads the files. `protocol` is spoken inside (RFC 7301), "" if nothing is to be said of it.
    /// Blocks.
    ///
    /// # Errors
    /// Wrong files.
    pub fn new(identity: &Identity, protocol: &str) -> Result<Self, ClientError> {
        let system = || SYSTEM.into_iter().map(Path::new).find(|path| path.exists());
        let ca = identity.ca.as_deref().or_else(system);
        let mut roots = RootCertStore::empty();
        let found = certificates_of("ca", ca.ok_or(ClientError::NoAuthority)?)?;
        if identity.ca.is_some() {
            for certificate in found {
                roots.add(certificate)?;
            }
        } else {
            // The system's list may have some that rustls does not take.
            roots.add_parsable_certificates(found);
        }
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match &identity.certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder.with_client_auth_cert(
                certificates_of("cert", certificate)?,
                key_of("key", key)?,
            )?,
        };
        if !protocol.is_empty() {
            config.alpn_protocols = vec![protocol.into()];
        }
        Ok(Self(Arc::new(config)))
    }

    /// For a library that connects by itself.
    pub fn into_config(self) -> Arc<ClientConfig> {
        self.0
    }

    /// Connects to `host`, a name or an address, for which the gateway's certificate must speak.
    ///
    /// # Errors
    /// The network's; a certificate that does not do.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect((host, port)).await?;
        tcp.set_nodelay(true)?;
        self.over(host, tcp).await
    }

    /// The same over a connection that is there.
    ///
    /// # Errors
    /// As for [`Client::connect`].
    pub async fn over(&self, host: &str, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        TlsConnector::from(Arc::clone(&self.0))
            .connect(name, tcp)
            .await
    }
}

/// Connects tonic's channels, which are built without TLS of their own.
#[derive(Clone, Debug)]
pub struct Connector(pub Client);

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default();
            // An IPv6 address stands in brackets.
            let bare = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'));
            let port = uri.port_u16().unwrap_or(443);
            let stream = client.connect(bare.unwrap_or(host), port).await?;
            Ok(TokioIo::new(stream))
        })
    }
}
