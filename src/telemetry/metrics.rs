//! Counters that nothing else holds. What a part counts anyway is read from it when scraped.
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// Counted where it happens. Handed to whoever counts, never global.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Open `Subscribe` streams.
    pub subscribers: Gauge,
    /// Open `Query` streams.
    pub queries: Gauge,
    /// Open `WatchDevices` streams.
    pub watches: Gauge,
    /// Responses sent to subscribers, heartbeats included.
    pub responses: Counter,
    /// Reports and events sent to subscribers.
    pub records_sent: Counter,
    /// Their bytes.
    pub bytes_sent: Counter,
    /// HTTP requests answered with a status below 400.
    pub http_ok: Counter,
    /// HTTP requests answered with 4xx.
    pub http_refused: Counter,
    /// HTTP requests answered with 5xx.
    pub http_failed: Counter,
}

impl Metrics {
    /// Counts one response to a subscriber.
    pub fn sent(&self, records: u64, bytes: usize) {
        self.responses.inc();
        self.records_sent.inc_by(records);
        self.bytes_sent.inc_by(bytes as u64);
    }

    /// Counts one answered HTTP request.
    pub fn answered(&self, status: u16) {
        let counter = match status {
            ..400 => &self.http_ok,
            400..500 => &self.http_refused,
            _ => &self.http_failed,
        };
        counter.inc();
    }
}
