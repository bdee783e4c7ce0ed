//! Where a store begins, and where it goes back to.
use super::config::{Begin, Config};
use super::follow::Parts;
use super::ledger::Counts;
use super::row::Row;
use super::tally::Tally;
use super::{RewindError, Rewound};
use crate::intake::{EventDraft, Intake};
use crate::log::{CursorError, Log, Reader, Start};
use crate::model::Timestamp;
use crate::model::proto::Severity;
use crate::state;
use crate::state::State;

/// A place in the log and the readings before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// The next record.
    pub next: u64,
    /// By the tally.
    pub readings: u64,
}

/// A reader at `next`, or at the oldest record if that is gone: then also what is lost.
pub fn begin(log: &Log, next: u64) -> (Reader, Option<(u64, u64)>) {
    let mut at = next;
    loop {
        if let Ok(reader) = log.reader(Start::At(at)) {
            return (reader, (at > next).then(|| (next, at - 1)));
        }
        // Retention may move on in between.
        at = log.oldest().0;
    }
}

/// The row of a store: as it was left, or new, for `start = "now"` from `started_at` on. `Ok(None)`:
/// the tally has not come so far yet.
///
/// # Errors
/// The state.
pub fn open(
    config: &Config,
    log: &Log,
    state: &State,
    tally: &Tally,
    started_at: u64,
) -> Result<Option<Row>, state::Error> {
    let store = &*config.name;
    let found = Row::load(state, store)?;
    let next = match found {
        Some(row) if row.log_id == log.id() && row.next <= log.watermark() + 1 => {
            return Ok(Some(row));
        }
        Some(row) => {
            tracing::error!(
                store,
                place = row.next,
                watermark = log.watermark(),
                "the store's place is in another log than this: it begins at the oldest record"
            );
            log.oldest().0
        }
        None if config.start == Begin::Now => started_at,
        None => log.oldest().0,
    };
    let Some(base) = tally.at(next) else {
        return Ok(None);
    };
    let row = Row {
        log_id: log.id(),
        next,
        base,
        counts: Counts::default(),
        gap: None,
    };
    // So that "now" stays this moment.
    row.save(state, store)?;
    tracing::info!(store, next, "a new store");
    Ok(Some(row))
}

/// The place of the first record appended at or after `to`, for a store that is at `now`.
///
/// # Errors
/// That is not before `now`, or the log no longer has it.
fn rewind(log: &Log, tally: &Tally, now: Place, to: Timestamp) -> Result<Place, RewindError> {
    let reader = log.reader(Start::Since(to)).map_err(|error| match error {
        CursorError::Overtaken { lost_to, .. } => RewindError::BeforeOldest { oldest: lost_to },
        other => RewindError::Log(other),
    })?;
    let next = reader.position();
    if next >= now.next {
        return Err(RewindError::NotBefore);
    }
    let readings = tally.at(next).ok_or(RewindError::NotCounted)?;
    Ok(Place { next, readings })
}

/// A store's row, set back to a time and made durable.
///
/// # Errors
/// As [`rewind`], or the state.
pub fn set_back(
    store: &str,
    row: Row,
    to: Timestamp,
    parts: &Parts<'_>,
) -> Result<(Row, Rewound), RewindError> {
    let now = Place {
        next: row.next,
        readings: row.base + row.counts.sum(),
    };
    let new = rewind(parts.log, parts.tally, now, to)?;
    let row = Row {
        next: new.next,
        base: new.readings,
        counts: Counts::default(),
        ..row
    };
    row.save(parts.state, store).map_err(RewindError::State)?;
    let rewound = Rewound {
        from: parts.log.cursor(now.next.saturating_sub(1)),
        to: parts.log.cursor(new.next.saturating_sub(1)),
        records: now.next - new.next,
        readings: now.readings.saturating_sub(new.readings),
    };
    Ok((row, rewound))
}

/// An event of the gateway, so that the gap is found in the log, too.
pub fn tell_gap(intake: &Intake, at: Timestamp, store: &str, from: u64, to: u64) {
    intake.event(EventDraft {
        device_id: "",
        kind: "",
        name: "gap",
        at,
        severity: Severity::Critical as i32,
        detail: &[
            ("reader", store),
            ("from", &from.to_string()),
            ("to", &to.to_string()),
        ],
    });
}

/// An event of the gateway, told where the place has changed: who asked for it may have gone.
pub fn tell_rewound(intake: &Intake, at: Timestamp, store: &str, to: Timestamp, rewound: &Rewound) {
    tracing::warn!(store, %to, readings = rewound.readings, "the store is set back");
    intake.event(EventDraft {
        device_id: "",
        kind: "",
        name: "store_rewound",
        at,
        severity: Severity::Warning as i32,
        detail: &[
            ("store", store),
            ("time", &to.to_string()),
            ("from", &rewound.from.sequence.to_string()),
            ("to", &rewound.to.sequence.to_string()),
            ("readings", &rewound.readings.to_string()),
        ],
    });
}

/// Has the state opened again if a write has failed before. Others may do the same.
pub fn reopen(state: &State) {
    if state.check().is_err()
        && let Err(error) = state.reopen()
    {
        tracing::debug!(%error, "the state is not opened again yet");
    }
}
