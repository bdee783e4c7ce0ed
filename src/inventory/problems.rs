//! Every mistake of a file, as far as somebody reads them.
use crate::model::settings::Problem;
use std::path::{Path, PathBuf};

/// Mistakes that are shown; of the others their number. Who has more made one mistake in every row.
const SHOWN_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct Problems {
    file: PathBuf,
    shown: Vec<Problem>,
    count: usize,
}

impl Problems {
    pub fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            shown: Vec::new(),
            count: 0,
        }
    }

    /// Notes a mistake: `devices.csv:17: interval = "15": must be ..`.
    pub fn note(&mut self, line: usize, column: &str, value: &str, rule: &str) {
        self.count += 1;
        if self.count <= SHOWN_MAX {
            let value = format!("{value:?}");
            let problem = Problem::new(column, value, rule);
            self.shown.push(problem.at(&self.file, line));
        }
    }

    /// Notes what is wrong with the file itself.
    pub fn whole(&mut self, value: &str, rule: impl Into<String>) {
        self.count += 1;
        let file = self.file.display().to_string();
        self.shown.push(Problem::new(file, value, rule));
    }

    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All that are shown, the last with the number of the others.
    pub fn finish(mut self) -> Vec<Problem> {
        let others = self.count.saturating_sub(SHOWN_MAX);
        if others > 0 {
            let value = format!("{} mistakes", self.count);
            let rule = format!("only the first {SHOWN_MAX} are shown");
            let file = self.file.display().to_string();
            self.shown.push(Problem::new(file, value, rule));
        }
        self.shown
    }
}
