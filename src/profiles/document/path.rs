//! Dotted paths: `payload.serviceData.TData`, `Telemetry.onewire[3]`, `"a.b".c`.
use std::fmt;

/// Most steps of one path.
pub(super) const STEPS_MAX: usize = 8;
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 64;
/// Places in arrays are looked at one by one.
const INDEX_MAX: usize = 1_023;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A member; keys of payloads match after trimming blanks.
    Key(Box<str>),
    /// An element, from 0.
    Index(usize),
}

/// Where something lies; empty: the record itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(pub(super) Vec<Step>);

impl Path {
    /// Reads a path; the error is a rule for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if steps.len() == STEPS_MAX {
                return Err(format!("a path has at most {STEPS_MAX} steps"));
            }
            let (step, behind) = match rest.strip_prefix('[') {
                Some(index) => element(index)?,
                None => member(rest)?,
            };
            steps.push(step);
            rest = match behind.strip_prefix('.') {
                Some("") => return Err("a path does not end in a dot".to_owned()),
                Some(behind) => behind,
                None if behind.is_empty() || behind.starts_with('[') => behind,
                None => return Err("steps of a path are joined by dots".to_owned()),
            };
        }
        Ok(Self(steps))
    }
}

fn element(text: &str) -> Result<(Step, &str), String> {
    let rule = || format!("[..] in a path holds a number from 0 to {INDEX_MAX}");
    let (digits, behind) = text.split_once(']').ok_or_else(rule)?;
    let index: usize = digits.parse().map_err(|_| rule())?;
    if index > INDEX_MAX {
        return Err(rule());
    }
    Ok((Step::Index(index), behind))
}

fn member(text: &str) -> Result<(Step, &str), String> {
    let (key, behind) = if let Some(quoted) = text.strip_prefix('"') {
        quoted
            .split_once('"')
            .ok_or("a key in quotation marks is not closed")?
    } else {
        let end = text.find(['.', '[']).unwrap_or(text.len());
        text.split_at_checked(end).unwrap_or((text, ""))
    };
    let key = key.trim();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(format!(
            "a key in a path has 1 to {KEY_BYTES_MAX} bytes; dots in a key need quotation marks"
        ));
    }
    Ok((Step::Key(key.into()), behind))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    if key.contains(['.', '[']) {
                        write!(f, "\"{key}\"")?;
                    } else {
                        f.write_str(key)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_shown() {
        for text in [
            "",
            "a",
            "payload.serviceData.TData",
            "Telemetry.onewire[3]",
            "\"a.b\".c[0][1].d",
            "[2].x",
        ] {
            let path = Path::parse(text).expect("a path");
            assert_eq!(path.to_string(), text);
        }
        assert_eq!(Path::parse("a .b"), Path::parse("a.b"));
    }

    #[test]
    fn what_is_no_path_says_why() {
        for (text, words) in [
            ("a.", "end in a dot"),
            ("a..b", "1 to 64 bytes"),
            ("a[x]", "from 0 to 1023"),
            ("a[1024]", "from 0 to 1023"),
            ("a[1", "from 0 to 1023"),
            ("a[1]b", "joined by dots"),
            ("\"a", "not closed"),
            (&"x".repeat(65), "1 to 64 bytes"),
            ("a.b.c.d.e.f.g.h.i", "8 steps"),
        ] {
            let error = Path::parse(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
