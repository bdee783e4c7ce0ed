//! `POST /v1/push/{route}`: platforms that push.
//!
//! What a push is, and who may push, is `sources::push`; here is HTTP around it. Nothing of a body is
//! read before its head has shown what the route asks for.
use super::Http;
use super::admit;
use super::params::pairs;
use super::problem::Problem;
use crate::access::audit::{Caller, Entry, What};
use crate::api::{Phase, Shared};
use crate::sources::push::{Asked, BODY_WAIT_MAX, Denied, Taken};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Serialize;

/// The answer to what is kept.
#[derive(Debug, Serialize)]
struct Answer {
    /// It gave readings or events, now or when it came first.
    accepted: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
    /// Of a reject: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// `POST /v1/push/{route}?device`.
pub async fn push(
    State(http): State<Http>,
    Path(route): Path<String>,
    request: Request,
) -> Result<Response, Response> {
    let service = &http.shared.push;
    let query = pairs(request.uri()).map_err(|problem| {
        service.protocol_error();
        problem.into_response()
    })?;
    let device = query.iter().find(|(name, _)| name == "device");
    let asked = Asked {
        route: &route,
        device: device.map(|(_, device)| device.as_str()),
        query: &query,
        headers: request.headers(),
        peer: admit::peer_of(&request).address,
    };
    let admitted = service.knock(&asked).map_err(|why| {
        note(&http.shared, &asked, &request, why);
        denied(why)
    })?;
    if http.shared.readiness.phase() != Phase::Ready {
        return Err(denied(service.refuse()));
    }
    let max = service.body_max();
    let body = match check_head(request.headers(), max) {
        Ok(()) => tokio::time::timeout(BODY_WAIT_MAX, read(request.into_body(), max)).await,
        Err(problem) => Ok(Err(problem)),
    };
    let body = body.unwrap_or_else(|_| {
        let detail = format!("the body did not end within {} s", BODY_WAIT_MAX.as_secs());
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail))
    });
    let body = body.map_err(|problem| {
        service.protocol_error();
        // What is left of the body is not read.
        let close = HeaderValue::from_static("close");
        let mut response = problem.into_response();
        response.headers_mut().insert(header::CONNECTION, close);
        response
    })?;
    let taken = service.take(&admitted, &body).await.map_err(denied)?;
    let (accepted, duplicate, fault) = match taken {
        Taken::Accepted => (true, false, None),
        Taken::Duplicate => (true, true, None),
        Taken::Rejected(fault) => (false, false, Some(fault)),
    };
    let answer = Answer {
        accepted,
        duplicate,
        reason: fault.as_ref().map(|fault| fault.reason.as_str()),
        detail: fault.map(|fault| fault.sentence),
    };
    Ok(Json(answer).into_response())
}

/// In the audit log, as of everybody who may not.
fn note(shared: &Shared, asked: &Asked<'_>, request: &Request, why: Denied) {
    let entry = Entry {
        what: What::Refused,
        grant: "",
        caller: Caller {
            peer: asked.peer.map(|peer| peer.ip()),
            // Without the query, which may hold a token.
            route: request.uri().path(),
        },
        detail: &why.to_string(),
    };
    shared.access.audit(&entry, shared.clock.now());
}

fn too_large(max: usize) -> Problem {
    let detail = format!("a push has at most {max} bytes (intake.payload_max)");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

fn check_head(headers: &HeaderMap, max: usize) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|length| length > max as u64) {
        return Err(too_large(max));
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            let detail = "a push must not be compressed";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
        _ => Ok(()),
    }
}

/// Reads a body of at most `max` bytes.
async fn read(body: Body, max: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            let detail = "the body broke off";
            Problem::new(StatusCode::BAD_REQUEST, detail)
        })?;
        if bytes.len() + chunk.len() > max {
            return Err(too_large(max));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn denied(denied: Denied) -> Response {
    let status = match denied {
        Denied::NoRoute => StatusCode::NOT_FOUND,
        Denied::Wrong(_) => StatusCode::UNAUTHORIZED,
        Denied::Device => StatusCode::BAD_REQUEST,
        Denied::TooMany(_) | Denied::Later { own: true, .. } => StatusCode::TOO_MANY_REQUESTS,
        Denied::Later { own: false, .. } => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = Problem::new(status, denied.to_string()).into_response();
    let headers = response.headers_mut();
    match denied {
        Denied::TooMany(wait) | Denied::Later { wait, .. } => {
            headers.insert(header::RETRY_AFTER, wait.as_secs().into());
        }
        // RFC 9110 §11.6.1: 401 names a way in. Which of them is right is not told.
        Denied::Wrong(_) => {
            let way = HeaderValue::from_static("Basic realm=\"push\", Bearer realm=\"push\"");
            headers.insert(header::WWW_AUTHENTICATE, way);
        }
        Denied::NoRoute | Denied::Device => {}
    }
    response
}
