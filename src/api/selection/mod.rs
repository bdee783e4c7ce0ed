//! What a caller wants to see and may see: `citygate.v1.Filter`, checked against the catalogue and cut
//! to the caller's grant.
//!
//! A name that the catalogue does not have would match nothing for ever, and an empty stream looks
//! like a quiet city. So a wrong name is an error that says which name was probably meant, and a name
//! outside the grant is one, too. Of a device nobody learns by this whether it exists.
//!
//! Kinds and districts are prefixes, so what a filter and a grant have in common is again a list of
//! prefixes: of two that meet, the longer. Nothing is decided later that is not in the selection.
mod check;
#[cfg(test)]
mod tests;
mod unfit;

pub use check::{Judge, check_metric};
pub use unfit::{Outside, Unfit, Violation, Violations};

use crate::access::{Grant, Scope};
use crate::catalogue::is_kind_prefix;
use crate::devices;
use crate::history;
use std::collections::HashSet;
use std::sync::Arc;

/// Devices in one filter: a street of them. Whoever wants more filters by kind or district.
pub const DEVICES_MAX: usize = 1_000;
/// Kinds, districts or metrics in one filter; the catalogue has about as many metrics.
pub const NAMES_MAX: usize = 256;
/// Longest district, in bytes.
pub const DISTRICT_BYTES_MAX: usize = 64;
/// A checked filter within a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// None: all.
    devices: HashSet<Box<str>>,
    kinds: Scope<Vec<Box<str>>>,
    districts: Scope<Vec<Box<str>>>,
    metrics: Scope<HashSet<Box<str>>>,
    /// Nothing was asked for: all of the grant.
    unfiltered: bool,
    grant: Arc<Grant>,
}

impl Selection {
    /// All that is granted.
    pub fn granted(grant: &Arc<Grant>) -> Self {
        Self {
            devices: HashSet::new(),
            kinds: grant.kinds.clone(),
            districts: grant.districts.clone(),
            metrics: grant.metrics.clone(),
            unfiltered: true,
            grant: Arc::clone(grant),
        }
    }

    /// Only this device, if the grant covers it.
    #[must_use]
    pub fn of_device(mut self, device: &str) -> Self {
        self.devices = [device.into()].into();
        self.unfiltered = false;
        self
    }

    /// Only this metric.
    ///
    /// # Errors
    /// The grant does not cover it.
    pub fn of_metric(mut self, field: &str, metric: &str) -> Result<Self, Outside> {
        if !self.grant.sees_metric(metric) {
            return Err(Outside::new(field, "metric", metric));
        }
        self.metrics = Scope::Only([metric.into()].into());
        self.unfiltered = false;
        Ok(self)
    }

    /// What it was cut to.
    pub const fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// The same for history.
    pub fn into_history(self) -> history::Selection {
        history::Selection {
            devices: self.devices.into_iter().map(String::from).collect(),
            kinds: listed(self.kinds),
            districts: listed(self.districts),
            metrics: match self.metrics {
                Scope::All => Vec::new(),
                Scope::Only(names) => listed(Scope::Only(names.into_iter().collect())),
            },
        }
    }

    /// The same for the registry, which knows nothing of metrics, and which keeps to the grant by
    /// itself ([`devices::Seen`]).
    pub fn narrow(&self, query: &mut devices::Query) {
        let list = |scope: &Scope<Vec<Box<str>>>| match scope {
            Scope::All => Vec::new(),
            Scope::Only(names) => names.clone(),
        };
        query.devices = self.devices.iter().cloned().collect();
        query.kinds = list(&self.kinds);
        query.districts = list(&self.districts);
    }

    /// Does it let every report pass, so that none need be looked at?
    pub fn is_all(&self) -> bool {
        self.unfiltered && self.grant.is_unrestricted()
    }

    /// Does it let every event pass, those of the gateway itself included?
    pub fn is_all_events(&self) -> bool {
        self.is_all() && self.grant.gateway
    }

    /// Are the events of the gateway itself wanted and granted? They are for whoever filters nothing.
    pub fn takes_gateway(&self) -> bool {
        self.unfiltered && self.grant.gateway
    }

    /// Does it leave out metrics, so that readings must be looked at?
    pub fn strips_readings(&self) -> bool {
        !self.metrics.is_all()
    }

    /// Is this device's data wanted?
    pub fn takes_device(&self, device: &str, kind: &str, district: &str) -> bool {
        let any =
            |scope: &Scope<Vec<Box<str>>>, matches: fn(&str, &str) -> bool, text: &str| match scope
            {
                Scope::All => true,
                Scope::Only(prefixes) => prefixes.iter().any(|prefix| matches(prefix, text)),
            };
        (self.devices.is_empty() || self.devices.contains(device))
            && any(&self.kinds, is_kind_prefix, kind)
            && any(
                &self.districts,
                |prefix, text| text.starts_with(prefix),
                district,
            )
    }

    /// Is this metric wanted? By canonical name.
    pub fn takes_metric(&self, metric: &str) -> bool {
        match &self.metrics {
            Scope::All => true,
            Scope::Only(metrics) => metrics.contains(metric),
        }
    }
}

/// Where an empty list allows everything, a grant of nothing is a list of what does not occur: no
/// kind, district or metric has this letter.
fn listed(scope: Scope<Vec<Box<str>>>) -> Vec<String> {
    match scope {
        Scope::All => Vec::new(),
        Scope::Only(names) if names.is_empty() => vec!["\0".to_owned()],
        Scope::Only(names) => names.into_iter().map(String::from).collect(),
    }
}
