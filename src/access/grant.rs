//! What one token lets its holder see.
use crate::catalogue::is_kind_prefix;
use std::collections::HashSet;

/// All of something, or only what is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope<T> {
    /// Everything, also what is added later.
    #[default]
    All,
    /// Nothing else than this.
    Only(T),
}

impl<T> Scope<T> {
    /// Is nothing left out?
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

/// What one token lets its holder see. The parts must all agree: a reading is visible if its
/// device's kind, its device's district and its metric are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The token's name.
    pub name: Box<str>,
    /// What it is for, in the operator's words.
    pub purpose: Box<str>,
    /// Kinds, by prefix of whole parts ("meter" covers "meter.gas"). A device without a known kind
    /// is visible to [`Scope::All`] only.
    pub kinds: Scope<Vec<Box<str>>>,
    /// Districts, by prefix ("3701" covers "370102"). A device without one: [`Scope::All`] only.
    pub districts: Scope<Vec<Box<str>>>,
    /// Metrics, by canonical name.
    pub metrics: Scope<HashSet<Box<str>>>,
    /// The gateway itself: its counters, sources, stores, metrics, its own events.
    pub gateway: bool,
    /// Changing something: rewinding a store, retrying rejects.
    pub operate: bool,
}

impl Grant {
    /// Everything there is.
    pub fn everything(name: impl Into<Box<str>>) -> Self {
        Self {
            name: name.into(),
            gateway: true,
            operate: true,
            ..Self::default()
        }
    }

    /// Is no device and no metric left out?
    pub const fn is_unrestricted(&self) -> bool {
        self.sees_all_devices() && self.metrics.is_all()
    }

    /// Is no device left out?
    pub const fn sees_all_devices(&self) -> bool {
        self.kinds.is_all() && self.districts.is_all()
    }

    /// May anything of a device of this kind in this district be seen?
    pub fn sees_device(&self, kind: &str, district: &str) -> bool {
        let kind_is_granted = match &self.kinds {
            Scope::All => true,
            Scope::Only(kinds) => kinds.iter().any(|prefix| is_kind_prefix(prefix, kind)),
        };
        let district_is_granted = match &self.districts {
            Scope::All => true,
            Scope::Only(districts) => districts
                .iter()
                .any(|prefix| district.starts_with(&**prefix)),
        };
        kind_is_granted && district_is_granted
    }

    /// May readings of this metric be seen?
    pub fn sees_metric(&self, metric: &str) -> bool {
        match &self.metrics {
            Scope::All => true,
            Scope::Only(metrics) => metrics.contains(metric),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_must_agree() {
        let grant = Grant {
            kinds: Scope::Only(vec!["meter".into()]),
            districts: Scope::Only(vec!["3701".into()]),
            metrics: Scope::Only(["voltage".into()].into()),
            ..Grant::default()
        };
        for (kind, district, seen) in [
            ("meter.gas", "370102", true),
            ("meter", "3701", true),
            ("meters", "3701", false),
            ("meter.gas", "3702", false),
            ("meter.gas", "", false),
            ("unknown", "3701", false),
            ("", "3701", false),
        ] {
            assert_eq!(grant.sees_device(kind, district), seen, "{kind} {district}");
        }
        assert!(grant.sees_metric("voltage") && !grant.sees_metric("current"));
        assert!(!grant.is_unrestricted() && !grant.gateway);
    }

    #[test]
    fn nothing_listed_is_nothing_seen() {
        let grant = Grant {
            kinds: Scope::Only(Vec::new()),
            ..Grant::default()
        };
        assert!(!grant.sees_device("meter.gas", "3701"));
    }

    #[test]
    fn everything_is_everything() {
        let grant = Grant::everything("a");
        assert!(grant.is_unrestricted() && grant.sees_device("unknown", ""));
        assert!(grant.sees_metric("anything") && grant.gateway && grant.operate);
    }
}
