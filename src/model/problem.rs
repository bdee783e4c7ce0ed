//! What is wrong with a file that an operator writes: where, what was found, what it must be.
use std::fmt;
use std::path::Path;

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
}

/// One wrong setting: `citygate.toml:12: log.segment_bytes = "4KiB": must be at least 1 MiB`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{key} = {value}: {rule}", before(.place.as_ref()))]
pub struct Problem {
    /// Where it stands, if in a file.
    pub place: Option<Place>,
    /// Dotted key.
    pub key: String,
    /// The value as found, cut to 80 characters.
    pub value: String,
    /// What it must be.
    pub rule: String,
}

impl Problem {
    /// A problem of a key whose value is already text.
    pub fn new(key: impl Into<String>, value: impl fmt::Display, rule: impl Into<String>) -> Self {
        Self {
            place: None,
            key: key.into(),
            value: value.to_string().chars().take(80).collect(),
            rule: rule.into(),
        }
    }

    /// The same, in a file, at a line from 1.
    #[must_use]
    pub fn at(self, file: &Path, line: usize) -> Self {
        Self {
            place: Some(Place {
                file: file.display().to_string(),
                line,
            }),
            ..self
        }
    }
}

fn before(place: Option<&Place>) -> String {
    place.map_or_else(String::new, |Place { file, line }| {
        format!("{file}:{line}: ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_place_first() {
        let problem = Problem::new("value[3].scale", "\"a\"", "must be a number");
        assert_eq!(
            problem.to_string(),
            "value[3].scale = \"a\": must be a number"
        );
        assert_eq!(
            problem.at(Path::new("profiles/x.toml"), 12).to_string(),
            "profiles/x.toml:12: value[3].scale = \"a\": must be a number"
        );
    }
}
