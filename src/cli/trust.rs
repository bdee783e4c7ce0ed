//! Whom a command trusts over TLS, and who it is.
use super::Error;
use crate::tls::{self, Client, Identity};
use reqwest::{Certificate, ClientBuilder};
use std::path::{Path, PathBuf};

/// `--ca`, `--cert` and `--key`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Trust {
    /// Authorities of the gateway's certificate, PEM [default: the system's]
    #[arg(long, value_name = "FILE", env = "CITYGATE_CA")]
    ca: Option<PathBuf>,
    /// A client certificate, where the gateway requires one, PEM
    #[arg(long, value_name = "FILE", env = "CITYGATE_CERT", requires = "key")]
    cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", env = "CITYGATE_KEY", requires = "cert")]
    key: Option<PathBuf>,
}

impl Trust {
    /// Connects with it; `protocol` is spoken inside.
    ///
    /// # Errors
    /// Files that cannot be used.
    pub(super) fn client(&self, protocol: &str) -> Result<Client, Error> {
        let identity = Identity {
            ca: self.ca.clone(),
            certificate: self.cert.clone().zip(self.key.clone()),
        };
        Client::new(&identity, protocol).map_err(usage)
    }

    /// The same for reqwest.
    ///
    /// # Errors
    /// As for [`Trust::client`].
    pub(super) fn with(&self, builder: ClientBuilder) -> Result<ClientBuilder, Error> {
        let read = |path: &Path| {
            let bytes = std::fs::read(path);
            bytes.map_err(|error| Error::Usage(format!("{}: {error}", path.display())))
        };
        let wrong = |error: reqwest::Error| Error::Usage(super::Chain(&error).to_string());
        let mut builder = builder;
        if let Some(ca) = &self.ca {
            let found = Certificate::from_pem_bundle(&read(ca)?).map_err(wrong)?;
            builder = builder.tls_certs_only(found);
        }
        if let (Some(certificate), Some(key)) = (&self.cert, &self.key) {
            let both = [read(certificate)?, read(key)?].concat();
            builder = builder.identity(reqwest::Identity::from_pem(&both).map_err(wrong)?);
        }
        Ok(builder)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn usage(error: tls::ClientError) -> Error {
    Error::Usage(super::Chain(&error).to_string())
}
