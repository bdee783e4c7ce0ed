//! What a query asks for.
use super::point::Origin;

/// Which readings to return. An empty list allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Device ids.
    pub devices: Vec<String>,
    /// Kinds, by prefix of whole dotted parts: "meter" covers "meter.gas", not "meters".
    pub kinds: Vec<String>,
    /// Districts, by prefix: "3701" covers "370102".
    pub districts: Vec<String>,
    /// Metrics.
    pub metrics: Vec<String>,
}

impl Selection {
    /// Is a report of this kind wanted?
    pub fn covers_kind(&self, kind: &str) -> bool {
        let covers = |prefix: &String| {
            kind.strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.kinds.is_empty() || self.kinds.iter().any(covers)
    }

    /// Is a report from this district wanted?
    pub fn covers_district(&self, district: &str) -> bool {
        let covers = |prefix: &String| district.starts_with(prefix.as_str());
        self.districts.is_empty() || self.districts.iter().any(covers)
    }

    /// Is a reading of this metric wanted?
    pub fn covers_metric(&self, metric: &[u8]) -> bool {
        let same = |wanted: &String| wanted.as_bytes() == metric;
        self.metrics.is_empty() || self.metrics.iter().any(same)
    }

    pub(super) fn covers(&self, origin: &Origin) -> bool {
        self.covers_kind(&origin.kind) && self.covers_district(&origin.district)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_match_by_whole_parts_and_districts_by_letters() {
        let selection = Selection {
            kinds: vec!["meter".into(), "pole.light".into()],
            districts: vec!["3701".into()],
            ..Selection::default()
        };
        for (kind, covered) in [
            ("meter", true),
            ("meter.gas", true),
            ("meters", false),
            ("pole", false),
            ("pole.light", true),
            ("pole.lights", false),
        ] {
            assert_eq!(selection.covers_kind(kind), covered, "{kind}");
        }
        assert!(selection.covers_district("370102"));
        assert!(!selection.covers_district("37"));
        assert!(Selection::default().covers_kind("unknown"));
        assert!(Selection::default().covers_district(""));
    }
}
