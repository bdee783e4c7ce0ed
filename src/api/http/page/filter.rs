//! Which devices a list shows, as a link says it.
use super::view::percent;
use crate::devices::{Level, Query, State};

/// Devices on a page of a list: a refresh has to hold them.
pub const PAGE: usize = 20;
/// Characters of a search.
pub const SEARCH_LEN_MAX: usize = 80;

/// The query of `/`. Empty: the first page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of an id or alias.
    pub q: String,
    /// Only in this state.
    pub state: Option<State>,
    /// Only of this health.
    pub health: Option<Level>,
    /// Only those heard and not accepted.
    pub heard: bool,
    /// Only of this kind, by prefix.
    pub kind: String,
    /// Only those that this device carries.
    pub parent: String,
    /// All devices, where nothing else is said.
    pub all: bool,
    /// Behind this place.
    pub after: Option<u32>,
}

impl Filter {
    /// Reads name and value of each parameter; what it does not know is ignored, as browsers and
    /// scanners of codes add their own.
    pub fn read(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut filter = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "q" => filter.q = value.trim().chars().take(SEARCH_LEN_MAX).collect(),
                "state" => filter.state = State::ALL.iter().copied().find(|s| s.word() == value),
                "health" => filter.health = Level::ALL.iter().copied().find(|l| l.word() == value),
                "heard" => filter.heard = true,
                "kind" => filter.kind = value.chars().take(SEARCH_LEN_MAX).collect(),
                "parent" => filter.parent = value.chars().take(SEARCH_LEN_MAX).collect(),
                "all" => filter.all = true,
                "after" => filter.after = value.parse().ok(),
                _ => {}
            }
        }
        filter
    }

    /// Does it ask for a list at all?
    pub fn is_list(&self) -> bool {
        *self != Self::default()
    }

    /// The path that asks for this.
    pub fn href(&self) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        if !self.q.is_empty() {
            pairs.push(("q", percent(&self.q)));
        }
        pairs.extend(self.state.map(|state| ("state", state.word().to_owned())));
        pairs.extend(self.health.map(|level| ("health", level.word().to_owned())));
        if self.heard {
            pairs.push(("heard", "1".to_owned()));
        }
        if !self.kind.is_empty() {
            pairs.push(("kind", percent(&self.kind)));
        }
        if !self.parent.is_empty() {
            pairs.push(("parent", percent(&self.parent)));
        }
        if self.all {
            pairs.push(("all", "1".to_owned()));
        }
        pairs.extend(self.after.map(|after| ("after", after.to_string())));
        let mut href = "/".to_owned();
        for (at, (name, value)) in pairs.iter().enumerate() {
            href.extend([if at == 0 { "?" } else { "&" }, name, "=", value]);
        }
        href
    }

    /// What to ask the registry.
    pub fn query(&self) -> Query {
        let one = |text: &String| (!text.is_empty()).then(|| text.as_str().into());
        Query {
            kinds: one(&self.kind).into_iter().collect(),
            states: self.state.into_iter().collect(),
            healths: self.health.into_iter().collect(),
            search: self.q.as_str().into(),
            heard_not_accepted: self.heard,
            parent: self.parent.as_str().into(),
            limit: PAGE,
            after: self.after,
            ..Query::default()
        }
    }

    /// This filter from its first page, after a change.
    pub fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut other = Self {
            after: None,
            all: false,
            ..self.clone()
        };
        change(&mut other);
        other
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_link_says_what_it_was_made_of() {
        let filter = Filter {
            q: "a b&c".to_owned(),
            state: Some(State::Late),
            health: Some(Level::Fault),
            heard: true,
            kind: "meter".to_owned(),
            parent: "hub-1".to_owned(),
            all: false,
            after: Some(7),
        };
        let href = filter.href();
        assert_eq!(
            href,
            "/?q=a%20b%26c&state=late&health=fault&heard=1&kind=meter&parent=hub-1&after=7"
        );
        let uri: axum::http::Uri = href.parse().unwrap();
        let axum::extract::Query(pairs) =
            axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).unwrap();
        assert_eq!(Filter::read(pairs), filter);
        assert_eq!(Filter::default().href(), "/");
        let unknown = [("state", "x"), ("utm", "y"), ("after", "-1")];
        let unknown = unknown.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert!(!Filter::read(unknown).is_list());
    }
}
