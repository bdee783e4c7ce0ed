//! Errors in words.
use std::error::Error;
use std::fmt;

/// An error with its causes, on one line.
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.to_string();
        f.write_str(&shown)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            // A transparent error repeats its cause word for word.
            let text = error.to_string();
            if text != shown {
                write!(f, ": {text}")?;
                shown = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}

/// As [`Chain`], as a text.
pub fn chain(error: &dyn Error) -> String {
    Chain(error).to_string()
}
