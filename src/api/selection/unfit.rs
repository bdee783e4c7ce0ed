//! Why a request or its filter is refused.

/// Violations told at once; a filter of a thousand wrong names needs no thousand sentences.
pub(super) const VIOLATIONS_MAX: usize = 16;

/// One wrong field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its path: `filter.kinds[0]`.
    pub field: String,
    /// What is wrong with it, and what it must be.
    pub description: String,
}

/// A request with wrong fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|v| format!("{}: {}", v.field, v.description)).collect::<Vec<_>>().join("; "))]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// A single one.
    pub fn one(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self(vec![Violation {
            field: field.into(),
            description: description.into(),
        }])
    }

    /// One more, up to a limit.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if self.0.len() < VIOLATIONS_MAX {
            self.0.push(Violation {
                field: field.into(),
                description: description.into(),
            });
        }
    }
}

/// A filter names something that the grant does not cover.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {description}")]
pub struct Outside {
    /// Its path: `filter.kinds[0]`.
    pub field: String,
    /// What is not granted.
    pub description: String,
}

impl Outside {
    /// A name of this sort, such as a kind, is not covered.
    pub fn new(field: impl Into<String>, what: &str, name: &str) -> Self {
        let name: String = name.chars().take(80).collect();
        Self {
            field: field.into(),
            description: format!("this token does not grant {what} {name:?}"),
        }
    }

    /// One sentence for a device that is not granted and for one that does not exist.
    pub fn device(field: impl Into<String>, name: &str) -> Self {
        Self {
            field: field.into(),
            description: format!("no device {name:?} is among those that this token grants"),
        }
    }
}

/// Why a filter is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Fields are wrong, whoever asks.
    #[error(transparent)]
    Wrong(#[from] Violations),
    /// It asks for more than the grant covers.
    #[error(transparent)]
    Outside(#[from] Outside),
}
