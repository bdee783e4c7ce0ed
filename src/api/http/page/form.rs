//! Forms of the pages, as browsers send them: `application/x-www-form-urlencoded`.
use axum::extract::Query;
use axum::http::Uri;

/// The pairs of a query or a form.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let uri = Uri::builder().path_and_query(format!("/?{query}")).build();
    let pairs = uri.ok().and_then(|uri| Query::try_from_uri(&uri).ok());
    pairs.map(|Query(pairs)| pairs).unwrap_or_default()
}

/// The first value of this name, without blanks around it.
pub fn value<'p>(pairs: &'p [(String, String)], name: &str) -> Option<&'p str> {
    let pair = pairs.iter().find(|(key, _)| key == name)?;
    Some(pair.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_a_query_is() {
        let found = pairs("lang=zh&code=+a%2Bb%20");
        assert_eq!(value(&found, "code"), Some("a+b"));
        assert_eq!(value(&pairs("\u{7535}"), "code"), None);
        assert!(pairs("").iter().all(|(name, _)| name.is_empty()));
    }
}
