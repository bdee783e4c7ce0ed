//! Query parameters, with every mistake told at once.
use super::problem::Problem;
use crate::api::selection::{Violation, Violations};
use crate::model::Timestamp;
use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use jiff::tz::TimeZone;

/// Parameters of one request; more is no request of this API.
const PARAMS_MAX: usize = 64;

/// Mistakes told at once: a list of a thousand wrong words needs no thousand sentences.
const WRONG_MAX: usize = 16;

/// The parameters that have not been asked for yet.
#[derive(Debug)]
pub struct Params {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    wrong: Vec<Violation>,
}

/// All parameters of a request's target, in order.
///
/// # Errors
/// Not a query string, or too many.
pub fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|error| bad(error.body_text()))?;
    if pairs.len() > PARAMS_MAX {
        return Err(bad(format!("more than {PARAMS_MAX} query parameters")));
    }
    Ok(pairs)
}

impl Params {
    /// Takes them off a request's target.
    ///
    /// # Errors
    /// Not a query string, or too many.
    pub fn of(uri: &Uri) -> Result<Self, Problem> {
        Ok(Self {
            pairs: pairs(uri)?,
            known: Vec::new(),
            wrong: Vec::new(),
        })
    }

    /// Notes that `field` is wrong.
    pub fn wrong(&mut self, field: &str, description: impl Into<String>) {
        if self.wrong.len() >= WRONG_MAX {
            return;
        }
        self.wrong.push(Violation {
            field: field.to_owned(),
            description: description.into(),
        });
    }

    /// A text; `None` where absent.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let (mine, rest) = std::mem::take(&mut self.pairs)
            .into_iter()
            .partition::<Vec<_>, _>(|(key, _)| key == name);
        self.pairs = rest;
        if mine.len() > 1 {
            self.wrong(name, "given more than once");
        }
        mine.into_iter().next().map(|(_, value)| value)
    }

    /// Texts out of `name=a&name=b` or `name=a,b`.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        self.known.push(name);
        let (mine, rest) = std::mem::take(&mut self.pairs)
            .into_iter()
            .partition::<Vec<_>, _>(|(key, _)| key == name);
        self.pairs = rest;
        let mut found = Vec::new();
        for text in mine.iter().flat_map(|(_, text)| text.split(',')) {
            match read(text) {
                Ok(value) => found.push(value),
                Err(description) => self.wrong(name, description),
            }
        }
        found
    }

    /// `true` or `false`; absent is false.
    pub fn flag(&mut self, name: &'static str) -> bool {
        self.get(name, |text| {
            text.parse().map_err(|_| "must be true or false".to_owned())
        })
        .unwrap_or_default()
    }

    /// What `read` makes of a text; its error is the violation.
    pub fn get<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(description) => {
                self.wrong(name, description);
                None
            }
        }
    }

    /// A time: RFC 3339, in UTC where it has no offset.
    pub fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        self.get(name, |text| {
            // In a query string, `+02:00` that was not escaped arrives as ` 02:00`.
            Timestamp::parse(text, &TimeZone::UTC)
                .or_else(|error| {
                    Timestamp::parse(&text.trim().replace(' ', "+"), &TimeZone::UTC)
                        .map_err(|_| error)
                })
                .map_err(|_| {
                    format!("{text:?} is no time; need RFC 3339, such as 2026-11-23T08:00:00Z")
                })
        })
    }

    /// A whole number in `1..=max`.
    pub fn limit(&mut self, name: &'static str, default: usize, max: usize) -> usize {
        self.get(name, |text| {
            text.parse()
                .ok()
                .filter(|number| (1..=max).contains(number))
                .ok_or_else(|| format!("must be a whole number from 1 to {max}"))
        })
        .unwrap_or(default)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All that was wrong, parameters that nobody asked for included.
    pub fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            let name: String = name.chars().take(80).collect();
            let known = self.known.join(", ");
            self.wrong(&name, format!("unknown parameter; known are {known}"));
        }
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(Violations(self.wrong).into())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn params(query: &str) -> Params {
        let uri: Uri = format!("/v1/rejects?{query}").parse().unwrap();
        Params::of(&uri).unwrap()
    }

    #[test]
    fn every_mistake_is_told() {
        let mut params =
            params("limit=0&from=yesterday&to=2026-01-01T00:00:00Z&device=a&device=b&x=1");
        assert_eq!(params.limit("limit", 100, 1000), 100);
        assert_eq!(params.time("from"), None);
        assert_eq!(
            params.time("to").unwrap().to_string(),
            "2026-01-01T00:00:00Z"
        );
        params.text("device");
        let problem = serde_json::to_value(params.finish().unwrap_err()).unwrap();
        let fields: Vec<_> = problem["violations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|violation| violation["field"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(fields, ["limit", "from", "device", "x"]);
    }

    #[test]
    fn a_list_is_given_by_commas_or_by_turns() {
        let mut params = params("state=late,offline&state=never&values=true&sleepy=maybe");
        let words = params.list("state", |word| Ok(word.to_owned()));
        assert_eq!(words, ["late", "offline", "never"]);
        assert!(params.flag("values") && !params.flag("heard_not_accepted"));
        assert!(!params.flag("sleepy"));
        assert!(params.finish().is_err());
    }

    #[test]
    fn a_plus_that_was_not_escaped_is_still_an_offset() {
        let mut params = params("from=2026-01-01T02:00:00+02:00");
        assert_eq!(
            params.time("from").unwrap().to_string(),
            "2026-01-01T00:00:00Z"
        );
        assert!(params.finish().is_ok());
    }
}
