//! Logging a browser in and out: `/login`, `/logout`, and the page that whoever has no pass gets.
//!
//! ```text
//! link, QR --GET /login?code=..--> a button --POST /login--> code redeemed --> cookie, 303 to /
//! ```
//! A GET changes nothing: messengers look at links that are sent through them, and would use the code
//! up. A token may be pasted, too, and opens a session as a code does, so that no cookie holds a token.
//! Works without script. That a POST comes from a page of this gateway is checked by the guard.
use super::answer;
use super::asked::{redirect, switched};
use super::form::{pairs, value};
use super::lang::Lang;
use super::layout;
use super::text::{self, Text};
use super::view::{View, percent};
use crate::access::audit::Caller;
use crate::access::{Denied, LOGIN_CODE};
use crate::api::caller::{self, COOKIE, Peer};
use crate::api::http::Http;
use crate::api::http::admit::{peer_of, refusal};
use crate::api::http::problem::Problem;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::time::Duration;

/// Bytes of a form: a code or token, and what a browser puts around it.
const FORM_BYTES_MAX: usize = 4 << 10;
/// What a token begins with. A code may, too, once in a while, but is shorter.
const TOKEN_PREFIX: &str = "cg_";
/// Bytes of a code.
const CODE_BYTES: usize = 22;

fn document(http: &Http, headers: &HeaderMap, status: StatusCode, body: &Asking<'_>) -> Response {
    let shared = &http.shared;
    let view = View {
        lang: Lang::of(headers),
        now: shared.clock.now(),
        zone: &shared.zone,
        catalogue: &shared.catalogue,
        node: &shared.node,
    };
    let title = view.t(text::LOG_IN);
    let target = match body.code {
        "" => "/login".to_owned(),
        code => format!("/login?{LOGIN_CODE}={}", percent(code)),
    };
    let html = layout::bare(&view, title, &target, &asking(&view, body));
    let mut response = answer::page(headers, status, &html);
    // A code must not lie in a cache.
    let none = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, none);
    response
}

/// What the page says.
struct Asking<'a> {
    /// Out of a link; "": to be typed.
    code: &'a str,
    /// Why the last attempt failed.
    denied: Option<Denied>,
}

fn asking(view: &View<'_>, asking: &Asking<'_>) -> Markup {
    html! {
        h1 { (view.t(text::LOG_IN)) }
        @if let Some(words) = asking.denied.and_then(why) {
            p class="finding fault" role="alert" { (view.t(words)) }
        }
        form class="search" action="/login" method="post" {
            @if asking.code.is_empty() {
                p class="lead dim" { (view.t(text::LOGIN_LEAD)) }
                label for="code" { (view.t(text::LOGIN_LABEL)) }
                div {
                    input id="code" name=(LOGIN_CODE) required autocomplete="off" autocapitalize="none"
                        spellcheck="false" enterkeyhint="go" maxlength="256" autofocus;
                    button { (view.t(text::LOG_IN)) }
                }
                p class="dim" { (view.t(text::LOGIN_HINT)) }
            } @else {
                p class="lead" { (view.t(text::LOGIN_ONCE)) }
                input type="hidden" name=(LOGIN_CODE) value=(asking.code);
                div { button { (view.t(text::LOG_IN)) } }
            }
            p class="dim" { (view.t(text::LOGIN_STAYS)) }
        }
    }
}

/// The refusal in the reader's language; nothing where nothing was tried.
const fn why(denied: Denied) -> Option<Text> {
    Some(match denied {
        Denied::Missing => return None,
        Denied::Unknown | Denied::Revoked => text::LOGIN_UNKNOWN,
        Denied::Expired => text::LOGIN_OVER,
        Denied::Used => text::LOGIN_USED,
        Denied::TooMany { .. } => text::LOGIN_TOO_MANY,
        Denied::Unavailable => text::LOGIN_UNAVAILABLE,
    })
}

/// The page for a browser that has no pass.
pub(in crate::api::http) fn ask(http: &Http, headers: &HeaderMap, denied: Denied) -> Response {
    let denied = Some(denied);
    document(
        http,
        headers,
        StatusCode::UNAUTHORIZED,
        &Asking { code: "", denied },
    )
}

/// `GET /login?code`: asks, and changes nothing.
pub(super) async fn form(State(http): State<Http>, uri: Uri, headers: HeaderMap) -> Response {
    if http.shared.access.is_open() {
        return redirect("/");
    }
    let pairs = pairs(uri.query().unwrap_or_default());
    let code = value(&pairs, LOGIN_CODE).unwrap_or_default();
    if let Some(lang) = value(&pairs, "lang").and_then(Lang::from_code) {
        return switched(lang, &format!("/login?{LOGIN_CODE}={}", percent(code)));
    }
    let denied = None;
    document(&http, &headers, StatusCode::OK, &Asking { code, denied })
}

/// `POST /login`: a code or a token becomes a cookie.
pub(super) async fn log_in(State(http): State<Http>, request: Request) -> Response {
    let shared = &http.shared;
    if shared.access.is_open() {
        return redirect("/");
    }
    let (peer, headers) = (peer_of(&request), request.headers().clone());
    let Ok(body) = to_bytes(request.into_body(), FORM_BYTES_MAX).await else {
        let detail = format!("a form has at most {FORM_BYTES_MAX} bytes");
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response();
    };
    let pairs = pairs(&String::from_utf8_lossy(&body));
    let given = value(&pairs, LOGIN_CODE).unwrap_or_default();
    let secure = is_secure(peer, &headers);
    match exchange(&http, peer, given).await {
        Ok((cookie, max_age)) => {
            let mut response = redirect("/");
            set_cookie(&mut response, &cookie, max_age, secure);
            response
        }
        Err(denied) => {
            let (parts, _) = refusal(denied).into_parts();
            let denied = Some(denied);
            let mut page = document(&http, &headers, parts.status, &Asking { code: "", denied });
            for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER] {
                if let Some(value) = parts.headers.get(&name) {
                    page.headers_mut().insert(name, value.clone());
                }
            }
            page
        }
    }
}

/// The cookie for a code or a token, and how long a browser keeps it.
async fn exchange(http: &Http, peer: Peer, given: &str) -> Result<(String, Duration), Denied> {
    let shared = &http.shared;
    let now = shared.clock.now();
    let caller = Caller {
        peer: peer.ip(),
        route: "/login",
    };
    let session = if given.starts_with(TOKEN_PREFIX) && given.len() > CODE_BYTES {
        shared.access.log_in(given, caller, now).await?
    } else {
        shared.access.redeem(given, caller, now).await?
    };
    let left = session.expires_at.since(now);
    Ok((session.cookie.reveal().to_owned(), left))
}

/// `POST /logout`: the session ends, and the browser forgets it.
pub(super) async fn log_out(State(http): State<Http>, request: Request) -> Response {
    let shared = &http.shared;
    let (peer, headers) = (peer_of(&request), request.headers());
    let caller = Caller {
        peer: peer.ip(),
        route: "/logout",
    };
    if let Some(cookie) = caller::cookie(headers)
        && let Err(denied) = shared
            .access
            .log_out(cookie, caller, shared.clock.now())
            .await
    {
        return refusal(denied);
    }
    let mut response = redirect("/login");
    set_cookie(&mut response, "", Duration::ZERO, is_secure(peer, headers));
    response
}

/// Did the browser come by an encrypted way, here or at a proxy in front? Whoever lies about it only
/// keeps his own browser from sending the cookie.
fn is_secure(peer: Peer, headers: &HeaderMap) -> bool {
    let forwarded = headers.get("x-forwarded-proto");
    peer.tls || forwarded.is_some_and(|proto| proto == "https")
}

/// Out of reach of scripts, and not sent along with what other sites ask for, but for links to here.
fn set_cookie(response: &mut Response, value: &str, max_age: Duration, secure: bool) {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        max_age.as_secs()
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_for_this_gateway_alone() {
        let mut response = redirect("/");
        set_cookie(&mut response, "cs_x", Duration::from_mins(1), true);
        let cookie = response.headers().get(header::SET_COOKIE);
        assert_eq!(
            cookie.and_then(|cookie| cookie.to_str().ok()),
            Some("citygate_session=cs_x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure")
        );
    }
}
