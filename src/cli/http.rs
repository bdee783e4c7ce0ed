//! One GET to a gateway's HTTP port.
//!
//! A client of this size, because the gateway's own answers are all that it reads: short, with a
//! length, on a connection that is closed after each. A library would bring TLS and a pool.
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For the whole exchange.
const WAIT: Duration = Duration::from_secs(2);
/// Longest answer in bytes.
const ANSWER_MAX: u64 = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("cannot reach {address}")]
    Socket {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("{address} did not answer within {WAIT:?}")]
    Silent { address: SocketAddr },
    #[error("{address} answered {status:?} to {path}")]
    Status {
        address: SocketAddr,
        path: String,
        status: String,
    },
    #[error("{address} answered no JSON to {path}")]
    Json {
        address: SocketAddr,
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

/// Gets `path` as JSON, with a bearer token, `Bearer ..`, if there is one.
pub(super) async fn get_as(
    address: SocketAddr,
    path: &str,
    token: Option<&str>,
) -> Result<Value, HttpError> {
    let answer = match timeout(WAIT, exchange(address, path, token)).await {
        Ok(answer) => answer.map_err(|source| HttpError::Socket { address, source })?,
        Err(_) => return Err(HttpError::Silent { address }),
    };
    let (head, body) = match answer.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(at) => answer.split_at(at + 4),
        None => (answer.as_slice(), &[][..]),
    };
    if !head.starts_with(b"HTTP/1.1 200") {
        let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let status = String::from_utf8_lossy(line).chars().take(80).collect();
        return Err(HttpError::Status {
            address,
            path: path.to_owned(),
            status,
        });
    }
    serde_json::from_slice(body).map_err(|source| HttpError::Json {
        address,
        path: path.to_owned(),
        source,
    })
}

async fn exchange(address: SocketAddr, path: &str, token: Option<&str>) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let token = token.map_or_else(String::new, |token| format!("Authorization: {token}\r\n"));
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\n{token}Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
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
        tokio::join!(get_as(address, "/x", None), serve).0
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
