//! A problem, and what it lies in.
use crate::model::settings::Problem;
use crate::telemetry::Part;

/// Something is wrong with a part of what is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) part: Part,
    pub(super) problem: Problem,
}

impl Wrong {
    pub(super) fn all(part: Part, problems: impl IntoIterator<Item = Problem>) -> Vec<Self> {
        let problems = problems.into_iter();
        problems.map(|problem| Self { part, problem }).collect()
    }

    pub(super) fn problems(all: Vec<Self>) -> Vec<Problem> {
        all.into_iter().map(|wrong| wrong.problem).collect()
    }
}
