//! Which metric a column of a CSV file holds.
use crate::model::DeviceId;
use std::str::FromStr;

/// A column and the metric that it holds: `COLUMN=METRIC[:UNIT][@SUFFIX]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Name in the file's first line.
    pub column: String,
    /// Catalogue name.
    pub metric: String,
    /// As the column has it; none: the metric's own.
    pub unit: Option<String>,
    /// Added to the device's id after a hyphen; mappings with the same suffix share a message.
    pub suffix: Option<String>,
}

/// Why a text is no [`Mapping`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?}: {rule}; need COLUMN=METRIC[:UNIT][@SUFFIX], such as 'load [kWh]=active_energy_interval:kW.h@electricity'"
)]
pub struct MappingError {
    text: String,
    rule: &'static str,
}

impl FromStr for Mapping {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let error = |rule| MappingError {
            text: text.to_owned(),
            rule,
        };
        // A column's name may hold anything, a metric's may not: the last `=` parts them.
        let (column, rest) = text
            .rsplit_once('=')
            .ok_or_else(|| error("there is no ="))?;
        let (rest, suffix) = match rest.rsplit_once('@') {
            Some((rest, suffix)) => (rest, Some(suffix)),
            None => (rest, None),
        };
        let (metric, unit) = match rest.split_once(':') {
            Some((metric, unit)) => (metric, Some(unit)),
            None => (rest, None),
        };
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if column.is_empty() {
            return Err(error("the column is empty"));
        }
        if metric.is_empty() || !metric.chars().all(is_name) {
            return Err(error("a metric is of a-z, 0-9 and _"));
        }
        if unit == Some("") {
            return Err(error("the unit is empty"));
        }
        if suffix.is_some_and(|suffix| DeviceId::check(suffix).is_err()) {
            return Err(error("a suffix is of A-Z, a-z, 0-9 and ._:-"));
        }
        Ok(Self {
            column: column.to_owned(),
            metric: metric.to_owned(),
            unit: unit.map(str::to_owned),
            suffix: suffix.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn mapping_errors_say_the_rule() {
        for (text, rule) in [
            ("load", "there is no ="),
            ("=voltage", "the column is empty"),
            ("load=Volt age", "a metric is of a-z"),
            ("load=voltage:", "the unit is empty"),
            ("load=voltage@a b", "a suffix is of A-Z"),
        ] {
            let error = text.parse::<Mapping>().unwrap_err().to_string();
            assert!(error.contains(rule), "{error}");
        }
        let mapping: Mapping = "a=b [x]=voltage:mV@m".parse().unwrap();
        assert_eq!(
            (mapping.column.as_str(), mapping.unit.as_deref()),
            ("a=b [x]", Some("mV"))
        );
    }
}
