//! The progress of a simulation on a terminal; nothing in a pipe.
use crate::sim::Tally;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;
use tokio::time::{Instant, interval};

/// How often the line is drawn.
const REDRAW: Duration = Duration::from_millis(200);

/// Draws until it is dropped; `total` messages if that is known. Never resolves.
pub(super) async fn show(tally: &Tally, total: Option<u64>) -> std::convert::Infallible {
    if !std::io::stderr().is_terminal() {
        return std::future::pending().await;
    }
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{wide_bar} {human_pos}/{human_len} acknowledged, {msg}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {human_pos} acknowledged, {msg}",
        ),
    };
    let style = ProgressStyle::with_template(template).expect("a constant, drawn by a test");
    let line = Line(bar.with_style(style));
    let started = Instant::now();
    let mut tick = interval(REDRAW);
    loop {
        tick.tick().await;
        let acknowledged = tally.acknowledged();
        line.0
            .set_message(message(tally, acknowledged, started.elapsed()));
        line.0.set_position(acknowledged);
    }
}

/// Clears its line when the work is done or dropped, so that the summary stands alone.
struct Line(ProgressBar);

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn message(tally: &Tally, acknowledged: u64, elapsed: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown without decimals")]
    let rate = acknowledged as f64 / elapsed.as_secs_f64().max(0.001);
    let connected = tally.connected();
    let p99 = tally.latency().quantile(0.99).unwrap_or_default();
    let lost = match tally.last_error() {
        Some(error) if connected == 0 => format!(" ({error})"),
        _ => String::new(),
    };
    format!(
        "{rate:.0}/s, p99 {:.1} ms, {connected} connected{lost}",
        p99.as_secs_f64() * 1e3
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_why_nothing_is_connected() {
        let tally = Tally::new(["mqtt://x".to_owned()]);
        tally.counts(0).latency.record(Duration::from_millis(3), 1);
        let line = message(&tally, 500, Duration::from_secs(2));
        assert_eq!(line, "250/s, p99 3.0 ms, 0 connected");
    }

    #[tokio::test]
    async fn a_pipe_stays_quiet() {
        // Tests have no terminal: the line must neither be drawn nor end.
        let tally = Tally::default();
        let shown = tokio::time::timeout(Duration::from_millis(1), show(&tally, None)).await;
        assert!(shown.is_err());
    }
}
