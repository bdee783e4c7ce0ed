//! Files, reload, handshakes and streams, with certificates that are made for each test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::model::{Clock, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(20);

/// An authority, and a folder for what it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    dir: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            dir,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes `cert.pem` and `key.pem` for localhost, valid until 1 January of `year`.
    fn sign(&self, name: &str, year: i32) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.at("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(self.at("key.pem"), key.serialize_pem()).unwrap();
    }

    fn config(&self) -> Config {
        Config {
            cert: self.at("cert.pem"),
            key_file: self.at("key.pem"),
            client_ca: None,
            client_cert_required: false,
        }
    }

    fn connector(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }
}

type Client = tokio_rustls::client::TlsStream<TcpStream>;

async fn connect(authority: &Authority, address: SocketAddr) -> std::io::Result<Client> {
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    authority.connector().connect(name, tcp).await
}

async fn listener(authority: &Authority, port: Port) -> (Listener, Arc<Server>, SocketAddr) {
    let server = Arc::new(Server::new(authority.config()).unwrap());
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    (
        Listener::tls(tcp, Arc::clone(&server), port),
        server,
        address,
    )
}

fn now() -> Timestamp {
    Clock::system().now()
}

/// The serial number of what the client was shown.
fn shown(client: &Client) -> Vec<u8> {
    client.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn there_is_one_provider() {
    assert!(Arc::ptr_eq(&provider(), &provider()));
}

#[test]
fn wrong_files_are_named_all_at_once() {
    let authority = Authority::new();
    authority.sign("gateway", 2099);
    let mut config = authority.config();
    Server::new(config.clone()).unwrap();
    std::fs::copy(authority.at("ca.pem"), authority.at("cert.pem")).unwrap();
    let error = Server::new(config.clone()).unwrap_err().to_string();
    assert!(error.contains("key that does not belong"), "{error}");
    std::fs::write(authority.at("cert.pem"), "nothing").unwrap();
    config.key_file = authority.at("none.pem");
    config.client_ca = Some(authority.at("key.pem"));
    let error = Server::new(config).unwrap_err().to_string();
    for part in [
        "tls.cert = ",
        "has no certificate",
        "tls.key_file = ",
        "cannot be read",
        "tls.client_ca = ",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[tokio::test]
async fn a_reload_serves_the_new_certificate_and_a_broken_file_keeps_the_old() {
    let authority = Authority::new();
    authority.sign("first", 2099);
    let (mut listener, server, address) = listener(&authority, Port::Http).await;
    let accepting = tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.next().await;
            stream.write_all(b"hello").await.unwrap();
            stream.flush().await.unwrap();
            open.push(stream);
        }
    });
    let mut first = connect(&authority, address).await.unwrap();
    std::fs::write(authority.at("key.pem"), "broken").unwrap();
    server.reload(now()).unwrap_err();
    assert!(server.stats.last_error().contains("tls.key_file"));
    let same = connect(&authority, address).await.unwrap();
    assert_eq!(shown(&first), shown(&same));
    authority.sign("expired", 2021);
    assert!(matches!(server.reload(now()), Err(Error::NotNow { .. })));
    authority.sign("second", 2099);
    server.reload(now()).unwrap();
    assert_eq!(
        (server.stats.reloads(), server.stats.last_error()),
        ((1, 2), String::new())
    );
    let second = connect(&authority, address).await.unwrap();
    assert_ne!(shown(&first), shown(&second));
    // The first connection goes on.
    let mut said = [0; 5];
    first.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"hello");
    accepting.abort();
}

#[tokio::test]
async fn changed_files_are_found_and_reloaded() {
    let authority = Authority::new();
    authority.sign("first", 2099);
    let server = Arc::new(Server::new(authority.config()).unwrap());
    let halt = tokio_util::sync::CancellationToken::new();
    let watching = tokio::spawn(Arc::clone(&server).watch(Clock::system(), halt.clone()));
    authority.sign("second", 2098);
    let reloaded = async {
        while server.stats.reloads().0 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reloaded).await.unwrap();
    assert!(server.expires_at().to_string().starts_with("2098-01-01"));
    halt.cancel();
    watching.await.unwrap();
}

#[test]
fn the_end_of_a_certificate_comes_in_steps() {
    let day = Duration::from_hours(24);
    let (from, until) = (Timestamp::from_secs(0), Timestamp::from_secs(365 * 86_400));
    let at = |now| Validity::at(now, from, until);
    assert_eq!(at(until.minus(31 * day)), Validity::Good);
    assert_eq!(at(until.minus(29 * day)), Validity::Month);
    assert_eq!(at(until.minus(6 * day)), Validity::Week);
    assert_eq!(at(until.plus(day)), Validity::Expired);
    assert_eq!(at(from.minus(day)), Validity::Early);
}

#[tokio::test]
async fn half_open_handshakes_make_room_for_others() {
    let authority = Authority::new();
    authority.sign("gateway", 2099);
    let (mut listener, server, address) = listener(&authority, Port::Mqtt).await;
    let accepting = tokio::spawn(async move { listener.next().await });
    let mut half_open = Vec::new();
    for _ in 0..PENDING_MAX + 100 {
        half_open.push(TcpStream::connect(address).await.unwrap());
    }
    let connected = connect(&authority, address);
    tokio::time::timeout(Duration::from_secs(8), connected)
        .await
        .expect("sooner than half-open handshakes time out")
        .unwrap();
    accepting.await.unwrap();
    let crowded = |row: &(Port, Outcome, u64)| row.1 == Outcome::Crowded && row.2 > 0;
    assert!(server.stats.handshakes().any(|row| crowded(&row)));
}

#[tokio::test]
async fn plain_http_is_told_to_use_tls() {
    let authority = Authority::new();
    authority.sign("gateway", 2099);
    let (mut listener, _server, address) = listener(&authority, Port::Http).await;
    let accepting = tokio::spawn(async move { listener.next().await });
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with("this port speaks TLS: use https://\n"),
        "{answer}"
    );
    accepting.abort();
}

/// Both directions at once, more than sockets and rustls hold: what is read is what was written.
#[tokio::test]
async fn a_stream_that_is_polled_for_readiness_loses_nothing() {
    let authority = Authority::new();
    authority.sign("gateway", 2099);
    let (mut listener, _server, address) = listener(&authority, Port::Mqtt).await;
    let sent: Vec<u8> = (0..3_000_000_u32)
        .map(|at| (at * 7 / 5).to_le_bytes()[0])
        .collect();
    let wanted = sent.clone();
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.next().await;
        let (mut buffer, mut out) = (vec![0; READ_BYTES], Vec::new());
        loop {
            tokio::select! {
                ready = stream.readable(), if out.len() < 200_000 => {
                    ready.unwrap();
                    let taken = stream.read_once(&mut buffer).unwrap();
                    out.extend_from_slice(&buffer[..taken.len]);
                    if taken.end {
                        break;
                    }
                }
                ready = stream.writable(), if !out.is_empty() || stream.unsent() => ready.unwrap(),
            }
            stream.push().unwrap();
            while !out.is_empty() {
                match stream.try_write(&out) {
                    Ok(written) => drop(out.drain(..written)),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    let client = connect(&authority, address).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(client);
    let writing = tokio::spawn(async move {
        writer.write_all(&sent).await.unwrap();
        writer.flush().await.unwrap();
        writer
    });
    let mut got = vec![0; wanted.len()];
    let read = tokio::time::timeout(PATIENCE, reader.read_exact(&mut got));
    read.await.unwrap().unwrap();
    assert!(got == wanted);
    writing.await.unwrap().shutdown().await.unwrap();
    echo.await.unwrap();
}
