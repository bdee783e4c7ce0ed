//! Who is let in. Without `[access]` there is nothing to say.
use super::{alone, counters, double, gauges};
use crate::api::Shared;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt::Error;

pub(super) fn access(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let Some(stats) = shared.access.stats(shared.clock.now()) else {
        return Ok(());
    };
    let help = "Calls and requests that were let in";
    counters(out, "access_admitted", help, alone(stats.admitted))?;
    let help = "Calls, requests and logins that were refused";
    let rows = stats.refused.into_iter();
    let rows = rows.map(|(reason, count)| (vec![("reason", reason)], count));
    counters(out, "access_refused", help, rows)?;
    let help = "Login links that were used";
    counters(out, "access_logins", help, alone(stats.logins))?;
    let help = "Tokens that are neither revoked nor expired";
    let tokens = alone(double(stats.tokens as u64));
    gauges(out, "access_tokens", help, tokens)?;
    let help = "Phones that are logged in";
    let sessions = alone(double(stats.sessions as u64));
    gauges(out, "access_sessions", help, sessions)?;
    let help = "Whether the tokens file as it lies there is in force (1), or an older one (0)";
    let in_force = alone(f64::from(u8::from(stats.in_force)));
    gauges(out, "access_tokens_file_in_force", help, in_force)?;
    let help = "Changed tokens files that could not be used";
    let failures = alone(stats.reload_failures);
    counters(out, "access_reload_failures", help, failures)?;
    let help = "Entries that could not be written to the audit log";
    let dropped = alone(stats.audit_dropped);
    counters(out, "access_audit_dropped", help, dropped)
}
