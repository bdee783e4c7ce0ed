//! Requests to one store, and what its answers mean.
use super::backoff::retry_after;
use super::config::{Api, Config};
use crate::model::{Chain, Clock, Secret, SecretError};
use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Method, RequestBuilder, Response, StatusCode, Url, redirect};
use std::error::Error as StdError;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read; errors are a line or two.
const ANSWER_BYTES_MAX: usize = 4 << 10;
/// Characters of an answer that are shown and kept.
const SHOWN_MAX: usize = 400;

/// What became of a request to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The store has it.
    Stored,
    /// To be tried again, not before `after` if the store said so: it is away or busy.
    Later {
        /// For people.
        why: String,
        /// What `Retry-After` asked for.
        after: Option<Duration>,
    },
    /// To be tried again until an operator has put it right: nothing is lost by his mistake.
    Alarm {
        /// For people.
        why: String,
    },
    /// Some line in it is refused for good.
    Refused {
        /// The store's words.
        why: String,
    },
    /// Too many bytes at once.
    TooLarge {
        /// The store's words.
        why: String,
    },
}

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of `ca`.
    #[error("cannot read ca {path:?}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What is in it, or the URL.
    #[error("cannot make a client for {url}")]
    Client {
        /// The store's address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The URL does not hold together.
    #[error("{url:?} is no address")]
    Url {
        /// The store's address.
        url: String,
    },
}

/// An answer as far as it matters.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    retry_after: Option<Duration>,
    /// What the store says that it is, for people.
    pub version: Option<String>,
    /// Cut to 4 KiB.
    pub body: String,
}

/// Speaks to one store. Redirects are not followed (the token would go along), and no proxy is taken
/// from the environment.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    api: Api,
    write: Url,
    clock: Clock,
}

impl Client {
    /// Makes it; connects to nobody yet.
    ///
    /// # Errors
    /// `ca` cannot be used.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, Error> {
        crate::tls::provider();
        let client = |source| Error::Client {
            url: config.url.clone(),
            source,
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("citygate/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(config.shards + 1)
            .connect_timeout(CONNECT_MAX.min(config.timeout))
            .timeout(config.timeout);
        if let Some(path) = &config.ca {
            let pem = std::fs::read(path).map_err(|source| Error::Ca {
                path: path.clone(),
                source,
            })?;
            builder = builder.tls_certs_only(Certificate::from_pem_bundle(&pem).map_err(client)?);
        }
        let url = |path: &str| {
            Url::parse(&format!("{}{path}", config.url)).map_err(|_| Error::Url {
                url: config.url.clone(),
            })
        };
        let write = match &config.api {
            Api::V2 { org, bucket, .. } => {
                let mut url = url("/api/v2/write")?;
                url.query_pairs_mut()
                    .append_pair("org", org)
                    .append_pair("bucket", bucket)
                    .append_pair("precision", "ns");
                url
            }
            Api::V1 {
                database,
                retention_policy,
                ..
            } => {
                let mut url = url("/write")?;
                url.query_pairs_mut()
                    .append_pair("db", database)
                    .append_pair("precision", "ns");
                if let Some(policy) = retention_policy {
                    url.query_pairs_mut().append_pair("rp", policy);
                }
                url
            }
        };
        Ok(Self {
            http: builder.build().map_err(client)?,
            base: config.url.clone(),
            api: config.api.clone(),
            write,
            clock,
        })
    }

    /// Writes lines, which may be compressed. Not cancel-safe in so far as the store may have them all
    /// the same.
    pub async fn write(&self, body: Bytes, is_gzip: bool) -> Outcome {
        let mut request = self
            .http
            .request(Method::POST, self.write.clone())
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(body);
        if is_gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let request = match self.authorised(request) {
            Ok(request) => request,
            Err(error) => return Outcome::Alarm { why: chain(&error) },
        };
        match self.answer(request).await {
            Ok(answer) => judge(&answer),
            Err(error) => Outcome::Later {
                why: chain(&error),
                after: None,
            },
        }
    }

    /// Asks for `path`, with the token if `authorised`.
    ///
    /// # Errors
    /// In words: no secret, or no answer.
    pub async fn get(&self, path: &str, authorised: bool) -> Result<Answer, String> {
        let mut request = self.http.get(format!("{}{path}", self.base));
        if authorised {
            request = self.authorised(request).map_err(|error| chain(&error))?;
        }
        self.answer(request).await.map_err(|error| chain(&error))
    }

    /// Secrets are read anew each time, so that they can be replaced without a restart. A few
    /// microseconds for a batch of thousands.
    fn authorised(&self, request: RequestBuilder) -> Result<RequestBuilder, SecretError> {
        Ok(match &self.api {
            Api::V2 {
                token_file: Some(path),
                ..
            } => {
                let token = Secret::read(path)?;
                request.header("Authorization", format!("Token {}", token.reveal()))
            }
            Api::V1 {
                user: Some(user),
                password_file,
                ..
            } => {
                let password = password_file.as_deref().map(Secret::read).transpose()?;
                request.basic_auth(user, password.as_ref().map(Secret::reveal))
            }
            _ => request,
        })
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
        Ok(Answer {
            status: response.status(),
            retry_after: self.asked(response.headers()),
            version: version(response.headers()),
            body: body(&mut response)
                .await
                .map_err(reqwest::Error::without_url)?,
        })
    }

    fn asked(&self, headers: &HeaderMap) -> Option<Duration> {
        retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, self.clock.now())
    }
}

fn version(headers: &HeaderMap) -> Option<String> {
    let version = headers.get("X-Influxdb-Version")?.to_str().ok()?;
    Some(version.chars().take(40).collect())
}

/// The first bytes of a body; the rest is not waited for, which costs the connection.
async fn body(response: &mut Response) -> Result<String, reqwest::Error> {
    let mut bytes = Vec::new();
    while bytes.len() < ANSWER_BYTES_MAX
        && let Some(chunk) = response.chunk().await?
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(ANSWER_BYTES_MAX);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The error policy, with one refinement: 200 with a text is a page of something else (a portal, a
/// proxy), not a store that has written.
pub fn judge(answer: &Answer) -> Outcome {
    let why = shown(answer);
    let after = answer.retry_after;
    match answer.status.as_u16() {
        200 if !answer.body.trim().is_empty() => Outcome::Alarm {
            why: format!("{why} (a store answers a write without a text: is this its address?)"),
        },
        200..=299 => Outcome::Stored,
        400 | 422 => Outcome::Refused { why },
        413 => Outcome::TooLarge { why },
        408 | 425 | 429 | 500..=599 => Outcome::Later { why, after },
        300..=399 => Outcome::Alarm {
            why: format!("{why} (redirects are not followed)"),
        },
        _ => Outcome::Alarm { why },
    }
}

/// `401 Unauthorized: {"code":"unauthorized",..}` on one line.
fn shown(answer: &Answer) -> String {
    let mut text = answer.status.to_string();
    let body = answer.body.split_whitespace().collect::<Vec<_>>().join(" ");
    if !body.is_empty() {
        // To a String: cannot fail.
        let _ = write!(text, ": {body}");
    }
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().take(SHOWN_MAX).map(plain).collect()
}

/// An error with its causes, on one line of bounded length.
pub fn chain(error: &dyn StdError) -> String {
    let text = Chain(error).to_string();
    text.chars().take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Outcome {
        judge(&Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            retry_after: None,
            version: None,
            body: body.to_owned(),
        })
    }

    #[test]
    fn each_answer_has_one_meaning() {
        for status in [200, 204, 202] {
            assert_eq!(judged(status, ""), Outcome::Stored, "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert!(
                matches!(judged(status, ""), Outcome::Later { .. }),
                "{status}"
            );
        }
        for status in [301, 302, 307, 308, 401, 403, 404, 405, 410, 415] {
            assert!(
                matches!(judged(status, ""), Outcome::Alarm { .. }),
                "{status}"
            );
        }
        for status in [400, 422] {
            assert!(
                matches!(judged(status, ""), Outcome::Refused { .. }),
                "{status}"
            );
        }
        assert!(matches!(judged(413, ""), Outcome::TooLarge { .. }));
        assert!(matches!(judged(200, "<html>log in"), Outcome::Alarm { .. }));
    }

    #[test]
    fn words_of_a_store_fit_on_a_line() {
        let Outcome::Refused { why } =
            judged(400, &format!("no\r\n\x1b[2Jway {}", "x".repeat(9_000)))
        else {
            panic!("not refused")
        };
        assert!(why.starts_with("400 Bad Request: no  [2Jway x"), "{why}");
        assert_eq!(why.chars().count(), SHOWN_MAX);
    }
}
