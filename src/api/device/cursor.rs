//! A watcher's place: the registry's random name, and the version that it has seen.
//!
//! As text it looks like a cursor of the log, and is taken for what it is: the names differ.
use crate::devices::Registry;
use crate::log::{Cursor, CursorError, LogId};

/// A cursor behind `version`.
pub fn cursor(registry: &Registry, version: u64) -> String {
    let place = Cursor {
        log_id: LogId(registry.id()),
        sequence: version,
    };
    place.to_string()
}

/// The version that the holder of a cursor has seen.
///
/// # Errors
/// No cursor, that of another registry, or ahead of this one.
pub fn after(registry: &Registry, text: &str) -> Result<u64, CursorError> {
    let place: Cursor = text.parse()?;
    let (own, watermark) = (LogId(registry.id()), registry.version());
    if place.log_id != own {
        return Err(CursorError::OtherLog {
            found: place.log_id,
            own,
        });
    }
    if place.sequence > watermark {
        return Err(CursorError::Future {
            sequence: place.sequence,
            watermark,
        });
    }
    Ok(place.sequence)
}
