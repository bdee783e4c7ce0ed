//! What is wrong with a profile, with file and line.
use crate::model::Lines;
use crate::model::settings::Problem;
use std::fmt;

/// One mistake of a profile: `profiles/x.toml:12: value[3].scale = "a": must be a number`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistake {
    /// The file, as it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// Key, value and rule; the key is empty where the text is no TOML.
    pub problem: Problem,
}

impl Mistake {
    /// A mistake of the file as a whole.
    pub(super) fn whole(file: &str, value: impl fmt::Display, rule: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 1,
            problem: Problem::new("", value, rule),
        }
    }

    /// The text is no TOML.
    pub(super) fn syntax(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let before = text.as_bytes().get(..at).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let found = text.lines().nth(line - 1).unwrap_or_default().trim();
        Self {
            file: file.to_owned(),
            line,
            problem: Problem::new("", found, error.message()),
        }
    }

    /// Puts each problem on its line.
    pub(super) fn of(file: &str, lines: &Lines, problems: Vec<Problem>) -> Vec<Self> {
        let mut mistakes: Vec<Self> = problems
            .into_iter()
            .map(|problem| Self {
                file: file.to_owned(),
                line: lines.line(&problem.key),
                problem,
            })
            .collect();
        mistakes.sort_by_key(|mistake| mistake.line);
        mistakes
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        let Problem {
            key, value, rule, ..
        } = &self.problem;
        match (key.as_str(), value.as_str()) {
            ("", "") => f.write_str(rule),
            ("", value) => write!(f, "{value}: {rule}"),
            _ => self.problem.fmt(f),
        }
    }
}

impl From<Mistake> for Problem {
    /// With file and line in front of the key.
    fn from(mistake: Mistake) -> Self {
        let Problem {
            key, value, rule, ..
        } = mistake.problem;
        let place = format!("{}:{}", mistake.file, mistake.line);
        Self {
            key: if key.is_empty() {
                place
            } else {
                format!("{place}: {key}")
            },
            value,
            rule,
            place: None,
        }
    }
}
