//! `[tls]`: which files.
use super::Validity;
use super::files::Material;
use crate::model::Timestamp;
use crate::model::settings::Section;
use std::path::PathBuf;

/// `[tls]`. What is served over TLS: gRPC and HTTP unless they opt out, and MQTT on `mqtt.tls_bind`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The certificate and those between it and its authority, PEM.
    pub cert: PathBuf,
    /// Its key, PEM: PKCS#8, PKCS#1 or SEC1.
    pub key_file: PathBuf,
    /// Authorities whose certificates clients may present, PEM.
    pub client_ca: Option<PathBuf>,
    /// Whoever presents none is turned away.
    pub client_cert_required: bool,
}

impl Config {
    /// Reads the section and the files that it names, noting every mistake; `None`: there was one.
    /// When a certificate ends is not judged here: see [`super::Server::new`].
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let mut needed = |key, rule| {
            let given = section.has(key);
            let path = section.path(key);
            if !given {
                section.problem(key, "absent", rule);
            }
            path
        };
        let cert = needed(
            "cert",
            "must name a PEM file with the certificate and its chain",
        );
        let key_file = needed(
            "key_file",
            "must name a PEM file with the certificate's key",
        );
        let client_ca = section.path("client_ca");
        let word = section.word("client_cert", &["optional", "required"]);
        if word.is_some() && client_ca.is_none() {
            let rule = "needs tls.client_ca, by which client certificates are checked";
            section.problem("client_cert", word.unwrap_or_default(), rule);
        }
        let config = Self {
            cert: cert?,
            key_file: key_file?,
            client_ca,
            client_cert_required: word == Some("required"),
        };
        let found = Material::read(&config);
        let wrong = found.err().unwrap_or_default();
        for error in &wrong {
            section.problem(error.key(), error.path().display(), error.to_string());
        }
        wrong.is_empty().then_some(config)
    }

    /// How long the certificate still holds, and until when; `None`: it cannot be read any more.
    /// Blocks.
    pub fn validity(&self, now: Timestamp) -> Option<(Validity, Timestamp)> {
        let facts = Material::read(self).ok()?.facts;
        let validity = Validity::at(now, facts.not_before, facts.not_after);
        Some((validity, facts.not_after))
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let files = [
            Some(&self.cert),
            Some(&self.key_file),
            self.client_ca.as_ref(),
        ];
        files.map(Option::<&PathBuf>::cloned).into_iter().flatten()
    }
}
