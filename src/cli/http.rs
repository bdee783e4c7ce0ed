//! One GET to a gateway's HTTP port, with or without TLS.
//!
//! A client of this size, because the gateway's own answers are all that it reads: short, with a
//! length, on a connection that is closed after each. A library would bring a pool.
use super::Error;
use super::trust::Trust;
use crate::tls::Client;
use serde_json::Value;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For the whole exchange.
const WAIT: Duration = Duration::from_secs(2);
/// Longest answer in bytes.
const ANSWER_MAX: u64 = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("cannot reach {url}")]
    Socket {
        url: Url,
        #[source]
        source: io::Error,
    },
    #[error("{url} did not answer within {WAIT:?}")]
    Silent { url: Url },
    #[error("{url} answered {status:?} to {path}")]
    Status {
        url: Url,
        path: String,
        status: String,
    },
    #[error("{url} answered no JSON to {path}")]
    Json {
        url: Url,
        path: String,
        #[source]
        source: serde_json::Error,
    },
}

impl HttpError {
    /// Is there no such thing?
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status, .. } if status.contains(" 404"))
    }
}

/// Where a gateway's HTTP port is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    host: String,
    port: u16,
    tls: bool,
}

/// Reads `http://host:port`, `https://host:port` or `host:port`.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let (tls, rest) = match text.split_once("://") {
        Some(("https", rest)) => (true, rest),
        Some(("http", rest)) => (false, rest),
        Some(_) => (false, ""),
        None => (false, text),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    // An IPv6 address stands in brackets, so the last colon outside them parts off the port.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
        _ => (rest, Some(if tls { 443 } else { 80 })),
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    let fits = !host.is_empty() && !host.contains(['/', '@', '[', ' ']);
    let port = port.filter(|_| fits && (bare.is_some() || !host.contains(':')));
    let wanted = || "need an address such as http://127.0.0.1:8080 or https://gateway:8080";
    Ok(Url {
        host: host.to_owned(),
        port: port.ok_or_else(wanted)?,
        tls,
    })
}

impl Url {
    /// `host:port`, as the Host header has it.
    fn authority(&self) -> String {
        match self.host.parse() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]:{}", self.port),
            _ => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

/// A gateway to be asked.
#[derive(Clone, Debug)]
pub(super) struct Gateway {
    url: Url,
    tls: Option<Client>,
    /// `Bearer ..`.
    token: Option<String>,
}

impl Gateway {
    /// Without TLS, with a header `Bearer ..` if there is a token.
    pub(super) fn at(address: SocketAddr, token: Option<String>) -> Self {
        Self {
            url: Url {
                host: address.ip().to_string(),
                port: address.port(),
                tls: false,
            },
            tls: None,
            token,
        }
    }

    /// With a header `Bearer ..`, if there is a token.
    ///
    /// # Errors
    /// Files for TLS that cannot be used.
    pub(super) fn new(url: Url, trust: &Trust, token: Option<String>) -> Result<Self, Error> {
        let tls = url.tls.then(|| trust.client("http/1.1")).transpose()?;
        Ok(Self { url, tls, token })
    }

    /// Gets `path` as JSON.
    pub(super) async fn get(&self, path: &str) -> Result<Value, HttpError> {
        let url = || self.url.clone();
        let answer = match timeout(WAIT, self.exchange(path)).await {
            Ok(answer) => answer.map_err(|source| HttpError::Socket { url: url(), source })?,
            Err(_) => return Err(HttpError::Silent { url: url() }),
        };
        let (head, body) = match answer.windows(4).position(|four| four == b"\r\n\r\n") {
            Some(at) => answer.split_at(at + 4),
            None => (answer.as_slice(), &[][..]),
        };
        if !head.starts_with(b"HTTP/1.1 200") {
            let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let status = String::from_utf8_lossy(line).chars().take(80).collect();
            return Err(HttpError::Status {
                url: url(),
                path: path.to_owned(),
                status,
            });
        }
        serde_json::from_slice(body).map_err(|source| HttpError::Json {
            url: url(),
            path: path.to_owned(),
            source,
        })
    }

    async fn exchange(&self, path: &str) -> io::Result<Vec<u8>> {
        let Url { host, port, .. } = &self.url;
        let token = self.token.as_ref();
        let token = token.map_or_else(String::new, |token| format!("Authorization: {token}\r\n"));
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n{token}Connection: close\r\n\r\n",
            self.url.authority()
        );
        match &self.tls {
            None => ask(TcpStream::connect((host.as_str(), *port)).await?, &request).await,
            Some(tls) => ask(tls.connect(host, *port).await?, &request).await,
        }
    }
}

async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use tokio::net::TcpListener;

    async fn answered(answer: &'static str) -> Result<Value, HttpError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /x HTTP/1.1\r\nHost: 127.0.0.1"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let gateway = Gateway::at(address, None);
        tokio::join!(gateway.get("/x"), serve).0
    }

    #[test]
    fn addresses_are_read_and_shown() {
        for (text, shown) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("gateway:8080/", "http://gateway:8080"),
            ("https://gateway", "https://gateway:443"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(url(text).unwrap().to_string(), shown);
        }
        for text in ["", "http://", "ftp://x", "http://x/y", "http://x:y", "::1"] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_and_a_problem_named() {
        let value = answered("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}")
            .await
            .unwrap();
        assert_eq!(value["a"], 1);
        let error = answered("HTTP/1.1 503 Service Unavailable\r\n\r\n")
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("503 Service Unavailable"),
            "{error}"
        );
        assert!(matches!(
            answered("HTTP/1.1 200 OK\r\n\r\nno").await,
            Err(HttpError::Json { .. })
        ));
    }
}
