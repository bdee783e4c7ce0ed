//! Who calls: `Authorization: Bearer TOKEN`, in HTTP and in gRPC's metadata alike; in HTTP else the
//! cookie of the page.
use super::Shared;
use crate::access::audit::{Caller, Entry, What};
use crate::access::{Credential, Denied, Grant, Pass};
use axum::http::{HeaderMap, header};
use std::net::{IpAddr, SocketAddr};

/// The page's cookie: a session's, never a token.
pub const COOKIE: &str = "citygate_session";

/// The other end of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: Option<SocketAddr>,
    /// Is the connection encrypted?
    pub tls: bool,
}

impl Peer {
    /// Its address without a port.
    pub fn ip(self) -> Option<IpAddr> {
        self.address.map(|address| address.ip())
    }
}

/// The token that a request presents; nothing also for credentials of another scheme.
pub fn token(headers: &HeaderMap) -> Credential<'_> {
    bearer(headers).map_or(Credential::Nothing, Credential::Token)
}

/// The token that a request presents, else its cookie.
pub fn token_or_cookie(headers: &HeaderMap) -> Credential<'_> {
    match (bearer(headers), cookie(headers)) {
        (Some(token), _) => Credential::Token(token),
        (None, Some(cookie)) => Credential::Cookie(cookie),
        (None, None) => Credential::Nothing,
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let credentials = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    // RFC 9110 §11.1: the scheme in any case, then spaces.
    let (scheme, token) = credentials.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_matches(' '))
}

/// The value of [`COOKIE`].
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).into_iter();
    let mut pairs = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name.trim() == COOKIE).then_some(value.trim())
    })
}

impl Shared {
    /// Admits a caller; a refusal is counted and audited.
    ///
    /// # Errors
    /// Nothing was presented, or what admits nobody (any more).
    pub fn enter(
        &self,
        peer: Peer,
        route: &str,
        credential: Credential<'_>,
    ) -> Result<Pass, Denied> {
        let caller = Caller {
            peer: peer.ip(),
            route,
        };
        self.access.enter(caller, credential, self.clock.now())
    }

    /// Notes in the audit log what was done with a pass.
    pub fn audit(
        &self,
        what: What,
        grant: &Grant,
        peer: Option<IpAddr>,
        route: &str,
        detail: &str,
    ) {
        let entry = Entry {
            what,
            grant: &grant.name,
            caller: Caller { peer, route },
            detail,
        };
        self.access.audit(&entry, self.clock.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn headers(name: HeaderName, text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(text))])
    }

    #[test]
    fn only_a_bearer_token_is_one() {
        let found =
            |text: &'static str| bearer(&headers(header::AUTHORIZATION, text)).map(str::to_owned);
        assert_eq!(found("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(found("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(found("Basic abc"), None);
        assert_eq!(found("abc"), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let found = |text: &'static str| cookie(&headers(header::COOKIE, text)).map(str::to_owned);
        assert_eq!(
            found("lang=zh; citygate_session=cs_x").as_deref(),
            Some("cs_x")
        );
        assert_eq!(found("xcitygate_session=a; lang=b"), None);
        let token = headers(header::COOKIE, "citygate_session=cg_x");
        assert!(
            matches!(token_or_cookie(&token), Credential::Cookie("cg_x")),
            "a token is none here"
        );
    }
}
