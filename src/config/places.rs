//! Where the keys of a configuration stand.
use super::env;
use crate::model::Lines;
use crate::model::settings::Problem;
use std::path::{Path, PathBuf};

/// A configuration's file, and the lines of its keys.
#[derive(Clone, Debug, Default)]
pub struct Places {
    file: Option<PathBuf>,
    lines: Lines,
    /// Dotted keys that the environment says, whatever the file does.
    outside: Vec<String>,
}

impl Places {
    /// `variables`: names of what the environment lays over the file.
    pub(super) fn new<'v>(
        file: Option<&Path>,
        text: &str,
        variables: impl Iterator<Item = &'v str>,
    ) -> Self {
        Self {
            file: file.map(Path::to_owned),
            lines: file.map(|_| Lines::of(text)).unwrap_or_default(),
            outside: variables.filter_map(env::dotted).collect(),
        }
    }

    /// The same problem with file and line, if its key stands in the file.
    pub(super) fn placed(&self, problem: Problem) -> Problem {
        let outside = |key: &String| problem.key == *key;
        match &self.file {
            Some(file)
                if problem.place.is_none()
                    && !problem.key.starts_with("CITYGATE_")
                    && !self.outside.iter().any(outside) =>
            {
                let line = self.lines.line(&problem.key);
                problem.at(file, line)
            }
            _ => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_file_has_a_line_and_what_does_not_has_none() {
        let text = "node = 'a'\n[log]\nretain = 'x'\n[[store]]\n\nurl = 'y'\n";
        let file = Path::new("citygate.toml");
        let variables = ["CITYGATE_LOG__RETAIN", "CITYGATE_STORE__1__URL", "HOME"];
        let places = Places::new(Some(file), text, variables.into_iter());
        for (key, shown) in [
            ("node", "citygate.toml:1: node = "),
            ("store[0].url", "citygate.toml:6: store[0].url = "),
            ("log.retain", "log.retain = "),
            ("store[1].url", "store[1].url = "),
            ("CITYGATE_NODE__X", "CITYGATE_NODE__X = "),
        ] {
            let problem = places.placed(Problem::new(key, "", "wrong"));
            assert!(problem.to_string().starts_with(shown), "{problem}");
        }
        let nowhere = Places::new(None, text, std::iter::empty());
        assert_eq!(nowhere.placed(Problem::new("node", "a", "b")).place, None);
    }
}
