//! What every page does alike: parameters, language, rendering, whole page or what changed.
use super::answer;
use super::lang::{self, Lang};
use super::layout::{self, Frame, Place};
use super::live::Sections;
use super::view::{self, View};
use crate::access::audit::What;
use crate::access::{Grant, Pass};
use crate::api::Shared;
use crate::api::caller::{self, Peer};
use crate::api::http::Http;
use crate::api::http::admit::target;
use crate::api::http::problem::Problem;
use axum::Extension;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use maud::Markup;
use std::sync::Arc;

/// A language is chosen for a year.
const COOKIE_SECS: u32 = 365 * 24 * 3600;

/// Who asks for a page, and how.
#[derive(Debug)]
pub struct Caller {
    uri: Uri,
    headers: HeaderMap,
    pass: Pass,
    peer: Peer,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let pass = Extension::<Pass>::from_request_parts(parts, state).await;
        // The guard lets nobody through without.
        let Extension(pass) =
            pass.map_err(|error| Problem::internal("nobody asks for this page", &error))?;
        Ok(Self {
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            pass,
            peer: parts.extensions.get().copied().unwrap_or_default(),
        })
    }
}

impl Caller {
    /// The grant of whoever may change something, which is noted; `None`: he may not.
    pub fn operates(&self, shared: &Shared, detail: &str) -> Option<Arc<Grant>> {
        let (grant, peer) = (self.pass.grant(), self.peer.ip());
        let path = self.uri.path();
        if grant.operate {
            shared.audit(What::Operate, grant, peer, path, detail);
            return Some(Arc::clone(grant));
        }
        shared.audit(What::Refused, grant, peer, path, "outside the grant");
        None
    }
}

/// What a request asks of every page.
#[derive(Debug)]
pub struct Asked {
    /// Of the request.
    pub headers: HeaderMap,
    /// What the caller may see.
    pub grant: Arc<Grant>,
    lang: Lang,
    /// Parameters of the page itself.
    pub pairs: Vec<(String, String)>,
    /// Path and those parameters.
    target: String,
    /// By the page's cookie, which can be given back.
    logged_in: bool,
    /// Only what changed.
    pub live: bool,
    /// The section that is to come first.
    pub want: Option<String>,
}

/// A whole page.
#[derive(Debug)]
pub struct Page {
    /// Of the tab.
    pub title: String,
    /// In the navigation.
    pub place: Place,
    /// 200, or 404 with words.
    pub status: StatusCode,
    /// Seconds between two refreshes.
    pub refresh_secs: Option<u32>,
    /// Above the sections; not refreshed.
    pub head: Markup,
    /// What is refreshed.
    pub sections: Sections,
}

/// Parameters of one request; more is no request of this page.
const PARAMS_MAX: usize = 16;

impl Asked {
    /// Takes the parameters that concern all pages off the others; a switch of the language is
    /// answered at once.
    fn read(caller: Caller) -> Result<Self, Box<Response>> {
        let Caller {
            uri, headers, pass, ..
        } = caller;
        let bad = |detail: String| {
            Box::new(Problem::new(StatusCode::BAD_REQUEST, detail).into_response())
        };
        let Query(mut pairs) = Query::<Vec<(String, String)>>::try_from_uri(&uri)
            .map_err(|error| bad(error.body_text()))?;
        if pairs.len() > PARAMS_MAX {
            return Err(bad(format!("more than {PARAMS_MAX} query parameters")));
        }
        let mut take = |name: &str| {
            let at = pairs.iter().position(|(key, _)| key == name)?;
            Some(pairs.remove(at).1)
        };
        let (switch, live, want) = (take("lang"), take("live"), take("want"));
        let mut target = uri.path().to_owned();
        for (at, (name, value)) in pairs.iter().enumerate() {
            let joint = if at == 0 { "?" } else { "&" };
            target.extend([joint, &view::percent(name), "=", &view::percent(value)]);
        }
        if let Some(lang) = switch.and_then(|code| Lang::from_code(&code)) {
            return Err(Box::new(switched(lang, &target)));
        }
        Ok(Self {
            lang: Lang::of(&headers),
            grant: Arc::clone(pass.grant()),
            logged_in: caller::cookie(&headers).is_some(),
            headers,
            pairs,
            target,
            live: live.is_some(),
            want,
        })
    }

    /// The first of this name.
    pub fn param(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(key, _)| key == name)?;
        Some(pair.1.as_str())
    }

    /// The page, or of a refresh what changed.
    fn answer(&self, view: &View<'_>, page: &Page) -> Response {
        if self.live {
            let had = self.headers.get(header::IF_NONE_MATCH);
            let had = had.and_then(|etag| etag.to_str().ok()).unwrap_or_default();
            let (html, etag) = page.sections.changes(had, self.want.as_deref());
            return answer::part(&self.headers, &html, &etag);
        }
        let frame = Frame {
            title: &page.title,
            place: page.place,
            target: &self.target,
            refresh_secs: page.refresh_secs,
            logged_in: self.logged_in,
        };
        let html = layout::document(view, &frame, &page.head, &page.sections);
        answer::page(&self.headers, page.status, &html)
    }
}

/// Back to the same page, with the language in a cookie.
pub fn switched(lang: Lang, target: &str) -> Response {
    let cookie = format!(
        "{}={}; Path=/; Max-Age={COOKIE_SECS}; SameSite=Lax",
        lang::COOKIE,
        lang.code()
    );
    let mut response = redirect(target);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// To another page of this gateway.
pub fn redirect(target: &str) -> Response {
    // A path of two slashes would name another host; a client may send one.
    let target = format!("/{}", target.trim_start_matches('/'));
    (StatusCode::SEE_OTHER, [(header::LOCATION, target)]).into_response()
}

/// The page at this path by which readings leave, if it is one.
fn export(path: &str) -> Option<&'static str> {
    if path == "/tunnel" {
        return Some("/tunnel");
    }
    if path == "/rejects" {
        return Some("/rejects");
    }
    let mut parts = path.strip_prefix("/d/")?.split('/');
    parts.next()?;
    Some(match (parts.next(), parts.next()) {
        (None, _) => "/d/{id}",
        (Some(_), None) => "/d/{id}/t",
        (Some(_), Some(_)) => "/d/{id}/t/{entry}",
    })
}

/// Gathers and renders on a thread that may block. What leaves is noted, by a refresh too.
pub async fn render(
    http: &Http,
    caller: Caller,
    make: impl FnOnce(&Shared, &View<'_>, &Asked) -> Result<Page, Box<Response>> + Send + 'static,
) -> Response {
    let (peer, pass) = (caller.peer.ip(), caller.pass.clone());
    let (route, target) = (export(caller.uri.path()), target(&caller.uri));
    let asked = match Asked::read(caller) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    let answer = http.read(move |shared| {
        let view = View {
            lang: asked.lang,
            now: shared.clock.now(),
            zone: &shared.zone,
            catalogue: &shared.catalogue,
            node: &shared.node,
        };
        Ok(match make(shared, &view, &asked) {
            Ok(page) => asked.answer(&view, &page),
            Err(response) => *response,
        })
    });
    let response = answer.await.unwrap_or_else(IntoResponse::into_response);
    if let Some(route) = route
        && response.status().is_success()
    {
        http.shared
            .audit(What::Export, pass.grant(), peer, route, &target);
    }
    response
}
