//! Logs: to standard error, one line per event; short on a terminal, where a person watches.
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::TryInitError;

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TracingError {
    /// The filter is none.
    #[error(
        "log filter {filter:?} is malformed; need such as \"info\" or \"info,citygate::log=debug\""
    )]
    Filter {
        /// As given.
        filter: String,
        /// Why.
        #[source]
        source: ParseError,
    },
    /// Someone else was first.
    #[error("logging is set up already")]
    Again(#[from] TryInitError),
}

/// Sends events at or above `filter` (`RUST_LOG`'s syntax) to standard error, as JSON objects if
/// `json`. Once per process.
///
/// # Errors
/// A malformed filter, or a second call.
pub fn init(filter: &str, json: bool) -> Result<(), TracingError> {
    use tracing_subscriber::util::SubscriberInitExt;
    let filter = EnvFilter::try_new(filter).map_err(|source| TracingError::Filter {
        filter: filter.to_owned(),
        source,
    })?;
    let terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal && !json);
    if json {
        lines.json().flatten_event(true).finish().try_init()?;
    } else if terminal {
        lines
            .compact()
            .without_time()
            .with_target(false)
            .finish()
            .try_init()?;
    } else {
        lines.finish().try_init()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_filter_is_named() {
        let error = init("citygate=loud=very", false);
        assert!(
            matches!(error, Err(TracingError::Filter { filter, .. }) if filter == "citygate=loud=very")
        );
    }
}
