//! Who is asking: before any handler runs, a request has a pass, or asks for something open.
//!
//! ```text
//! guard --> same origin? --> pass: bearer token, else the page's cookie --> route --needs--> handler
//!                              `-- none: 401, or for a browser the page on which to log in
//! ```
//! Open is only what [`is_open`] lists. A route that is added and forgotten here needs a pass; what it
//! needs beyond that is a column of the table of routes, which no row can leave out.
use super::Http;
use super::page::login;
use super::params::Params;
use super::problem::Problem;
use super::routes::{ROUTES, Route};
use crate::access::audit::What;
use crate::access::{Denied, Grant, Pass};
use crate::api::caller::{self, Peer};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: it tells nothing of devices, nor of how the gateway is.
    Nothing,
    /// A pass; what leaves is cut to its grant.
    Data,
    /// A grant of the gateway itself.
    Gateway,
    /// A grant to change something.
    Operate,
    /// What the configuration says of this very path, never a token of `[access]`: the handler asks for it.
    Own,
}

impl Needs {
    fn are_met(self, grant: &Grant) -> bool {
        match self {
            Self::Nothing | Self::Data | Self::Own => true,
            Self::Gateway => grant.gateway,
            Self::Operate => grant.operate,
        }
    }
}

/// Files of the pages, which hold nothing of this gateway.
const ASSETS: &str = "/web/";
/// Where one logs in; to log out, a browser shows its cookie by itself.
const LOGIN: [&str; 2] = ["/login", "/logout"];

/// Routes of platforms, each of which asks for its own proof. Nothing of the gateway can be read there.
const PUSHES: &str = "/v1/push/";

/// Is this path open to everybody?
fn is_open(path: &str) -> bool {
    let open_route = |route: &Route| route.needs == Needs::Nothing;
    LOGIN.contains(&path)
        || path.starts_with(ASSETS)
        || path.starts_with(PUSHES)
        || ROUTES
            .iter()
            .any(|route| route.path == path && open_route(route))
}

/// Finds the pass of a request and hands it on as an extension.
///
/// # Errors
/// The answer to whoever has none.
pub(super) fn admit(http: &Http, request: &mut Request) -> Result<(), Box<Response>> {
    same_origin(request.method(), request.headers())
        .map_err(|problem| Box::new(problem.into_response()))?;
    let path = request.uri().path();
    if is_open(path) {
        return Ok(());
    }
    let (peer, headers) = (peer_of(request), request.headers());
    let credential = caller::token_or_cookie(headers);
    match http.shared.enter(peer, path, credential) {
        Ok(pass) => _ = request.extensions_mut().insert(pass),
        Err(denied) => {
            let mut response = refusal(denied);
            if wants_page(request) {
                let (mut parts, _) = response.into_parts();
                let page = login::ask(http, headers, denied);
                parts.headers.extend(page.headers().clone());
                response = Response::from_parts(parts, page.into_body());
            }
            return Err(Box::new(response));
        }
    }
    Ok(())
}

/// The other end, as the server has noted it.
pub(super) fn peer_of(request: &Request) -> Peer {
    let peer = request.extensions().get::<Peer>();
    peer.copied().unwrap_or_default()
}

/// Does a person's browser ask for a page?
fn wants_page(request: &Request) -> bool {
    let accepts = request.headers().get(header::ACCEPT);
    let accepts = accepts.and_then(|accepts| accepts.to_str().ok());
    *request.method() == Method::GET && accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

/// 401 as RFC 6750 §3 has it, 429 for whoever was wrong too often.
pub(super) fn refusal(denied: Denied) -> Response {
    let invalid = "Bearer realm=\"citygate\", error=\"invalid_token\"";
    let (status, name, value) = match denied {
        Denied::Missing => (
            StatusCode::UNAUTHORIZED,
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"citygate\""),
        ),
        Denied::TooMany { retry_after } => (
            StatusCode::TOO_MANY_REQUESTS,
            header::RETRY_AFTER,
            retry_after.as_secs().into(),
        ),
        Denied::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            header::RETRY_AFTER,
            HeaderValue::from_static("10"),
        ),
        Denied::Unknown | Denied::Used | Denied::Revoked | Denied::Expired => (
            StatusCode::UNAUTHORIZED,
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(invalid),
        ),
    };
    let problem = Problem::new(status, denied.to_string());
    let mut response = problem.into_response();
    response.headers_mut().insert(name, value);
    response
}

/// Browsers say where a request comes from. A page of somebody else's may not make a browser that is
/// logged in, or that runs on this machine, change anything here.
fn same_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let own_site = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    let host = text(header::HOST);
    let own = |origin: &str| origin.split_once("://").map(|(_, host)| host) == host;
    if own_site && text(header::ORIGIN).is_none_or(own) {
        return Ok(());
    }
    let detail = "this request comes from a page of another site";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// Where last values of many devices leave only if they are asked for.
const LIST: &str = "/v1/devices";
/// Routes by which readings leave; the audit log says who asked.
const EXPORTS: [&str; 6] = [
    "/v1/devices/{id}",
    "/v1/devices/{id}/readings",
    "/v1/devices/{id}/timeline",
    "/v1/devices/{id}/timeline/{sequence}",
    "/v1/rejects",
    "/v1/rejects/{sequence}",
];

/// Do readings leave with the answer to this request?
fn is_export(route: &Route, uri: &Uri) -> bool {
    let with_values = || Params::of(uri).is_ok_and(|mut params| params.flag("values"));
    EXPORTS.contains(&route.path) || (route.path == LIST && with_values())
}

/// The middleware of one route: does the grant cover what the route needs? Notes exports, and what the
/// grant refuses.
pub(super) async fn require(
    State((http, route)): State<(Http, &'static Route)>,
    request: Request,
    next: Next,
) -> Response {
    let pass = request.extensions().get::<Pass>().cloned();
    let Some(pass) = pass else {
        return if matches!(route.needs, Needs::Nothing | Needs::Own) {
            next.run(request).await
        } else {
            refusal(Denied::Missing)
        };
    };
    let (peer, uri) = (peer_of(&request).ip(), request.uri().clone());
    let note = |what, path, detail| {
        let shared = &http.shared;
        shared.audit(what, pass.grant(), peer, path, detail);
    };
    let response = if route.needs.are_met(pass.grant()) {
        if route.needs == Needs::Operate {
            note(What::Operate, uri.path(), uri.query().unwrap_or_default());
        }
        next.run(request).await
    } else {
        not_granted(route.needs)
    };
    if response.status() == StatusCode::FORBIDDEN {
        note(What::Refused, uri.path(), "outside the grant");
    } else if response.status().is_success() && is_export(route, &uri) {
        // The template as the route: the caller chooses all that is in the target.
        note(What::Export, route.path, &target(&uri));
    }
    response
}

/// What was asked for, without scheme and host.
pub(super) fn target(uri: &Uri) -> String {
    let target = uri.path_and_query();
    target.map_or_else(String::new, ToString::to_string)
}

fn not_granted(needs: Needs) -> Response {
    let what = match needs {
        Needs::Operate => "to change anything",
        Needs::Nothing | Needs::Data | Needs::Own | Needs::Gateway => "the gateway itself",
    };
    let detail = format!("this token does not grant {what}");
    Problem::new(StatusCode::FORBIDDEN, detail).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }

    #[test]
    fn only_what_tells_nothing_is_open() {
        for path in [
            "/healthz",
            "/readyz",
            "/openapi.json",
            "/login",
            "/logout",
            "/web/x.css",
            "/v1/push/huawei",
        ] {
            assert!(is_open(path), "{path}");
        }
        for path in [
            "/",
            "/metrics",
            "/v1/devices",
            "/d/x",
            "/login/x",
            "/web",
            "/healthz/",
            "/v1/push",
        ] {
            assert!(!is_open(path), "{path}");
        }
    }

    #[test]
    fn other_sites_change_nothing() {
        let host = ("host", "10.1.2.3:8080");
        for (pairs, allowed) in [
            (vec![host], true),
            (vec![host, ("origin", "http://10.1.2.3:8080")], true),
            (
                vec![
                    host,
                    ("origin", "https://10.1.2.3:8080"),
                    ("sec-fetch-site", "same-origin"),
                ],
                true,
            ),
            (vec![host, ("origin", "http://10.1.2.3")], false),
            (vec![host, ("origin", "null")], false),
            (vec![host, ("origin", "https://evil.example")], false),
            (vec![host, ("sec-fetch-site", "cross-site")], false),
            (vec![host, ("sec-fetch-site", "same-site")], false),
        ] {
            let headers = headers(&pairs);
            assert_eq!(
                same_origin(&Method::POST, &headers).is_ok(),
                allowed,
                "{pairs:?}"
            );
            assert!(same_origin(&Method::GET, &headers).is_ok());
        }
    }
}
