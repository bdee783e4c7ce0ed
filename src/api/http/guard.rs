//! What every request passes: the Host check, limits, admission, and headers on the way out.
//!
//! The Host check is against DNS rebinding: a page in an operator's browser can name this gateway's
//! address by a domain of its own and read what the gateway says to the operator's network. Such a
//! request carries that domain as Host. Addresses, loopback names, the gateway's own name and what
//! the configuration lists cannot be such a domain.
use super::Http;
use super::admit::admit;
use super::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Time for one answer; history and rejects bound their work well below it.
pub const REQUEST_MAX: Duration = Duration::from_secs(30);
/// Largest body of a request. Nothing takes one yet; a POST to a page is refused by its method.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// On every response. Nothing here is to be framed, sniffed or kept.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The middleware.
pub async fn guard(State(http): State<Http>, mut request: Request, next: Next) -> Response {
    let mut response = if let Err(problem) = check(&http, request.headers()) {
        problem.into_response()
    } else if let Err(refusal) = admit(&http, &mut request) {
        *refusal
    } else {
        let answer = tokio::time::timeout(REQUEST_MAX, next.run(request)).await;
        answer.unwrap_or_else(|_| {
            let detail = format!("no answer within {} s", REQUEST_MAX.as_secs());
            Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).into_response()
        })
    };
    http.shared.metrics.answered(response.status().as_u16());
    for (name, value) in HEADERS {
        let headers = response.headers_mut();
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

fn check(http: &Http, headers: &HeaderMap) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        // RFC 9112 §3.2: 400 for none or several.
        let detail = "a request needs exactly one Host header";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    };
    let host = host.to_str().unwrap_or_default();
    if !allowed(host, &http.shared.hosts.names()) {
        let shown: String = host.chars().take(80).collect();
        let detail = format!(
            "{shown:?} is not a name of this gateway; use its address, or add the name to http.hosts"
        );
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_BYTES_MAX) {
        let detail = format!("a body has at most {BODY_BYTES_MAX} bytes");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    Ok(())
}

/// May a request name the gateway like this? `names` are lower-case, without ports.
fn allowed(host: &str, names: &[Box<str>]) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            address.parse::<Ipv6Addr>().is_ok()
                && (port.is_empty() || is_port(port.strip_prefix(':')))
        });
    }
    let name = match host.split_once(':') {
        Some((name, port)) if is_port(Some(port)) => name,
        Some(_) => return false,
        None => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || names.iter().any(|own| **own == *name)
}

fn is_port(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_else_can_point_here_are_allowed() {
        let names = ["lixia-1".into(), "citygate.example".into()];
        for host in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "10.2.3.4:80",
            "[::1]:8080",
            "[fe80::1]",
            "localhost",
            "LOCALHOST:8080",
            "citygate.localhost",
            "lixia-1:8080",
            "Citygate.Example",
            "localhost.",
        ] {
            assert!(allowed(host, &names), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "lixia-1.evil.example",
            "[::1",
            "[evil]:80",
            "localhost:80:80",
            "localhost:port",
            "::1",
            "localhost:99999",
            "[::1]x",
        ] {
            assert!(!allowed(host, &names), "{host}");
        }
    }
}
