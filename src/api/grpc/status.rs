//! Errors as gRPC carries them: a code, a sentence, and `google.rpc` details for programs.
//!
//! The three messages are written out here rather than taken from tonic-types, which brings eleven
//! more of them and their generated code for nothing.
use crate::access::{Denied, Grant};
use crate::api::selection::{Outside, Unfit, Violations};
use crate::log::{CursorError, Log, ReadError};
use prost::Message;
use prost_types::Any;
use std::collections::HashMap;
use tonic::{Code, Status};

/// `google.rpc.ErrorInfo.domain` of every error of this gateway.
pub const DOMAIN: &str = "citygate.dev";

/// `google.rpc.Status`, in the trailer `grpc-status-details-bin`.
#[derive(Clone, PartialEq, Message)]
pub struct RpcStatus {
    /// The gRPC code.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// For a person.
    #[prost(string, tag = "2")]
    pub message: String,
    /// For a program.
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, PartialEq, Message)]
pub struct ErrorInfo {
    /// Why, in `UPPER_SNAKE_CASE`.
    #[prost(string, tag = "1")]
    pub reason: String,
    /// Whose reasons these are.
    #[prost(string, tag = "2")]
    pub domain: String,
    /// Values that a program may go on with.
    #[prost(map = "string, string", tag = "3")]
    pub metadata: HashMap<String, String>,
}

/// `google.rpc.BadRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct BadRequest {
    /// Every wrong field.
    #[prost(message, repeated, tag = "1")]
    pub field_violations: Vec<FieldViolation>,
}

/// `google.rpc.BadRequest.FieldViolation`.
#[derive(Clone, PartialEq, Message)]
pub struct FieldViolation {
    /// Its path.
    #[prost(string, tag = "1")]
    pub field: String,
    /// What is wrong with it.
    #[prost(string, tag = "2")]
    pub description: String,
}

fn any(name: &str, message: &impl Message) -> Any {
    Any {
        type_url: format!("type.googleapis.com/google.rpc.{name}"),
        value: message.encode_to_vec(),
    }
}

fn info(reason: &str, metadata: &[(&str, String)]) -> Any {
    let metadata = metadata
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let info = ErrorInfo {
        reason: reason.to_owned(),
        domain: DOMAIN.to_owned(),
        metadata,
    };
    any("ErrorInfo", &info)
}

fn with(code: Code, message: String, details: Vec<Any>) -> Status {
    let status = RpcStatus {
        code: code as i32,
        message: message.clone(),
        details,
    };
    Status::with_details(code, message, status.encode_to_vec().into())
}

/// An error with its reason and what a program may go on with.
pub fn error(code: Code, message: String, reason: &str, metadata: &[(&str, String)]) -> Status {
    with(code, message, vec![info(reason, metadata)])
}

/// `INVALID_ARGUMENT` that names each wrong field.
pub fn invalid(violations: &Violations) -> Status {
    let bad = BadRequest {
        field_violations: violations
            .0
            .iter()
            .map(|violation| FieldViolation {
                field: violation.field.clone(),
                description: violation.description.clone(),
            })
            .collect(),
    };
    let details = vec![info("INVALID_FIELD", &[]), any("BadRequest", &bad)];
    with(Code::InvalidArgument, violations.to_string(), details)
}

/// A filter that is wrong, or that asks for more than is granted.
pub fn unfit(unfit: &Unfit) -> Status {
    match unfit {
        Unfit::Wrong(wrong) => invalid(wrong),
        Unfit::Outside(outside) => self::outside(outside),
    }
}

/// `PERMISSION_DENIED` that says what is not granted.
pub fn outside(outside: &Outside) -> Status {
    let metadata = [("field", outside.field.clone())];
    error(
        Code::PermissionDenied,
        outside.to_string(),
        "OUTSIDE_GRANT",
        &metadata,
    )
}

/// `UNAUTHENTICATED`: no token, or one that admits nobody.
pub fn denied(denied: Denied) -> Status {
    let (code, reason) = match denied {
        Denied::Missing => (Code::Unauthenticated, "TOKEN_MISSING"),
        Denied::Unknown | Denied::Used => (Code::Unauthenticated, "TOKEN_UNKNOWN"),
        Denied::Revoked => (Code::Unauthenticated, "TOKEN_REVOKED"),
        Denied::Expired => (Code::Unauthenticated, "TOKEN_EXPIRED"),
        Denied::TooMany { .. } => (Code::ResourceExhausted, "TOO_MANY_REFUSALS"),
        Denied::Unavailable => (Code::Unavailable, "LOGIN_UNAVAILABLE"),
    };
    error(code, denied.to_string(), reason, &[])
}

/// `UNAUTHENTICATED`: the token of an open stream admits no more what it did.
pub fn revoked() -> Status {
    let message = "the token of this stream was revoked, has expired, or grants something else now";
    error(
        Code::Unauthenticated,
        message.to_owned(),
        "TOKEN_REVOKED",
        &[],
    )
}

/// The gateway stops: the same call succeeds once it is back.
pub fn draining() -> Status {
    let message = "gateway is draining".to_owned();
    error(Code::Unavailable, message, "DRAINING", &[])
}

/// More callers than `max`.
pub fn exhausted(what: &str, max: usize) -> Status {
    error(
        Code::ResourceExhausted,
        format!("{max} {what} are open, which is the limit"),
        "TOO_MANY",
        &[("limit", max.to_string())],
    )
}

/// A subscriber cannot start at its cursor. How far the log reaches is told to grants of everything.
pub fn start(cause: &CursorError, log: &Log, grant: &Grant) -> Status {
    match cause {
        CursorError::Future { sequence, .. } if !grant.is_unrestricted() => error(
            Code::FailedPrecondition,
            format!("cursor at {sequence}, but this log ends before it"),
            "CURSOR_IN_FUTURE",
            &[],
        ),
        _ => cursor(cause, log),
    }
}

/// A reader cannot start, or go on, at its cursor.
pub fn cursor(cause: &CursorError, log: &Log) -> Status {
    let message = cause.to_string();
    match cause {
        CursorError::Malformed => invalid(&Violations::one("after_cursor", message)),
        CursorError::OtherLog { .. } => error(
            Code::FailedPrecondition,
            message,
            "CURSOR_OF_OTHER_LOG",
            &[],
        ),
        CursorError::Future { .. } => {
            error(Code::FailedPrecondition, message, "CURSOR_IN_FUTURE", &[])
        }
        CursorError::Overtaken {
            oldest,
            lost_from,
            lost_to,
        } => {
            // As an `after_cursor` it must lie before the oldest record.
            let oldest = log.cursor(oldest.saturating_sub(1));
            let metadata = [
                ("oldest_cursor", oldest.to_string()),
                ("lost_from", lost_from.to_string()),
                ("lost_to", lost_to.to_string()),
            ];
            error(
                Code::OutOfRange,
                message,
                "OVERTAKEN_BY_RETENTION",
                &metadata,
            )
        }
    }
}

/// A watch cannot start at its cursor: the registry was built anew, or is another one.
pub fn place(cause: &CursorError) -> Status {
    let reason = match cause {
        CursorError::Future { .. } => "CURSOR_IN_FUTURE",
        CursorError::Malformed => {
            let violation = Violations::one("after_cursor", cause.to_string());
            return invalid(&violation);
        }
        CursorError::OtherLog { .. } | CursorError::Overtaken { .. } => "CURSOR_OF_OTHER_REGISTRY",
    };
    let message = "the cursor is of another registry of devices, or of one that was built anew: \
                   list the devices again";
    error(Code::FailedPrecondition, message.to_owned(), reason, &[])
}

/// A stream cannot go on reading.
pub fn read(cause: &ReadError, log: &Log) -> Status {
    match cause {
        ReadError::Cursor(cause) => cursor(cause, log),
        ReadError::Damaged { from, to, .. } => {
            let metadata = [
                ("next_cursor", log.cursor(*to).to_string()),
                ("lost_from_sequence", from.to_string()),
                ("lost_to_sequence", to.to_string()),
            ];
            error(Code::DataLoss, cause.to_string(), "LOG_DAMAGED", &metadata)
        }
        ReadError::Io { .. } => error(Code::Unavailable, cause.to_string(), "LOG_UNREADABLE", &[]),
    }
}
