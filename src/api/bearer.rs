//! The token of a request: `Authorization: Bearer TOKEN`, in HTTP and in gRPC's metadata alike.
use crate::access::{Access, Denied, Pass};
use crate::model::Timestamp;
use axum::http::{HeaderMap, header};

/// The token that a request presents; `None`: none, or credentials of another scheme.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let credentials = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    // RFC 9110 §11.1: the scheme in any case, then spaces.
    let (scheme, token) = credentials.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_matches(' '))
}

/// Admits whoever presents a token.
///
/// # Errors
/// No token, or one that admits nobody (any more).
pub fn admit(access: &Access, headers: &HeaderMap, now: Timestamp) -> Result<Pass, Denied> {
    access.admit(token(headers), now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_a_bearer_token_is_one() {
        let found = |text: &'static str| {
            let headers =
                HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(text))]);
            token(&headers).map(str::to_owned)
        };
        assert_eq!(found("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(found("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(found("Basic abc"), None);
        assert_eq!(found("abc"), None);
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
