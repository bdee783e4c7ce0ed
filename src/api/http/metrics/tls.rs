//! TLS: the certificate and the handshakes. Nothing without `[tls]`.
use super::{alone, counters, gauges};
use crate::api::Shared;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt::Error;

pub(super) fn tls(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let Some(tls) = &shared.tls else {
        return Ok(());
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    let expires = tls.expires_at().as_secs_nanos().0 as f64;
    let help = "When the certificate in use ends, in seconds since 1970";
    gauges(out, "tls_certificate_expires_seconds", help, alone(expires))?;
    let rows = tls.stats.handshakes().map(|(port, outcome, count)| {
        let labels = vec![("port", port.name()), ("outcome", outcome.name())];
        (labels, count)
    });
    counters(
        out,
        "tls_handshakes",
        "TLS handshakes by how they ended",
        rows,
    )?;
    let (taken, refused) = tls.stats.reloads();
    let rows = [("ok", taken), ("failed", refused)];
    let rows = rows.map(|(outcome, count)| (vec![("outcome", outcome)], count));
    counters(
        out,
        "tls_reloads",
        "Changes of the TLS files, taken or not",
        rows,
    )?;
    let help = "1 when the TLS files that lie there now cannot be used and older ones are";
    let stale = f64::from(u8::from(!tls.stats.last_error().is_empty()));
    gauges(out, "tls_files_stale", help, alone(stale))
}
