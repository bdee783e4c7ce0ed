//! Errors as RFC 9457 describes them: `application/problem+json`.
use crate::api::selection::{Outside, Unfit, Violation, Violations};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// One error. `type` is `about:blank`, so the title is that of the status code (RFC 9457 §4.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    /// What went wrong this time, and what to do.
    detail: Box<str>,
    /// Every wrong parameter.
    #[serde(skip_serializing_if = "<[Field]>::is_empty")]
    violations: Box<[Field]>,
    /// Why the gateway is not ready, or what is wrong with the files that it was to read.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    reasons: Box<[String]>,
    /// The name that was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<Box<str>>,
    /// What confirms it, where a confirmation is all that lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Field {
    field: String,
    description: String,
}

impl Problem {
    /// An error with its sentence.
    pub fn new(status: StatusCode, detail: impl Into<Box<str>>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            violations: Box::default(),
            reasons: Box::default(),
            nearest: None,
            confirm: None,
        }
    }

    /// The same with the name that was probably meant.
    #[must_use]
    pub fn nearest(self, name: Option<&str>) -> Self {
        Self {
            nearest: name.map(Into::into),
            ..self
        }
    }

    /// The same with what confirms it.
    #[must_use]
    pub fn confirm(self, code: &str) -> Self {
        Self {
            confirm: Some(code.into()),
            ..self
        }
    }

    /// The same with each reason.
    #[must_use]
    pub fn reasons(self, reasons: Vec<String>) -> Self {
        Self {
            reasons: reasons.into(),
            ..self
        }
    }

    /// 503 with each reason.
    pub fn unready(reasons: Vec<String>) -> Self {
        let detail = reasons.join("; ");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).reasons(reasons)
    }

    /// 500 for what a caller cannot help; the cause goes to the log, not to the caller.
    pub fn internal(what: &str, cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = cause, "{what}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, what)
    }
}

impl From<Violations> for Problem {
    fn from(wrong: Violations) -> Self {
        let detail = wrong.to_string();
        let field = |Violation { field, description }| Field { field, description };
        Self {
            violations: wrong.0.into_iter().map(field).collect(),
            ..Self::new(StatusCode::BAD_REQUEST, detail)
        }
    }
}

impl From<Outside> for Problem {
    fn from(outside: Outside) -> Self {
        let detail = outside.to_string();
        let field = Field {
            field: outside.field,
            description: outside.description,
        };
        Self {
            violations: Box::new([field]),
            ..Self::new(StatusCode::FORBIDDEN, detail)
        }
    }
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Wrong(wrong) => wrong.into(),
            Unfit::Outside(outside) => outside.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn a_problem_has_the_members_of_the_standard() {
        let problem = Problem::new(StatusCode::NOT_FOUND, "no such page");
        assert_eq!(
            serde_json::to_value(problem).unwrap(),
            serde_json::json!({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no such page"})
        );
        let problem = Problem::from(Violations::one("limit", "must be a number"));
        assert_eq!(
            serde_json::to_value(problem).unwrap(),
            serde_json::json!({"type": "about:blank", "title": "Bad Request", "status": 400,
                "detail": "limit: must be a number",
                "violations": [{"field": "limit", "description": "must be a number"}]})
        );
        let response = Problem::unready(vec!["draining".into()]).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
}
