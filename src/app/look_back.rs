//! History's answers to intake, which is below it.
use crate::history::History;
use crate::intake::LookBack;

/// What history knows of a register, for intake, which cannot know history.
pub(super) fn of(history: &History) -> LookBack {
    let (series, device) = (history.clone(), history.clone());
    LookBack {
        series: Box::new(move |asked| series.look_back(asked).map_err(|error| error.to_string())),
        device: Box::new(move |id, metrics, since| {
            let found = device.has_since(id, metrics, since);
            found.map_err(|error| error.to_string())
        }),
    }
}
