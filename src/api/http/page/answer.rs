//! A page on its way out: compressed, with an `ETag` and the policy that lets its own files in.
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use xxhash_rust::xxh3::xxh3_64;

/// No inline script or style, nothing from elsewhere; `data:` is the icon in the tab.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Below this size a gzip header costs more than it saves.
const GZIP_MIN: usize = 256;

const FIXED: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    // With none at all a browser says `Origin: null` when a form of ours is sent.
    (header::REFERRER_POLICY, "same-origin"),
    // Kept, and asked for each time: the ETag then saves the body.
    (header::CACHE_CONTROL, "no-cache"),
    (header::VARY, "Accept-Encoding, Accept-Language, Cookie"),
];

/// The answer with a whole page: 304 where the browser has it.
pub fn page(headers: &HeaderMap, status: StatusCode, html: &str) -> Response {
    // Weak: the bytes differ with the encoding.
    let etag = format!("W/\"{:016x}\"", xxh3_64(html.as_bytes()));
    if status == StatusCode::OK && has(headers, &etag) {
        return with_etag((StatusCode::NOT_MODIFIED, FIXED).into_response(), &etag);
    }
    with_etag(body(headers, status, html), &etag)
}

/// The answer with a part of a page, under an `ETag` of the caller's.
pub fn part(headers: &HeaderMap, html: &str, etag: &str) -> Response {
    let etag = format!("W/\"{etag}\"");
    // A part is what changed for one reader: nobody else may be given it, so nothing varies. The head
    // is short, and the policy that everything gets by itself the strictest.
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    let response = if html.is_empty() {
        StatusCode::NOT_MODIFIED.into_response()
    } else if takes_gzip(headers) {
        let packed = [(header::CONTENT_ENCODING, "gzip")];
        (kind, packed, gzip(html.as_bytes())).into_response()
    } else {
        (kind, html.to_owned()).into_response()
    };
    with_etag(response, &etag)
}

fn body(headers: &HeaderMap, status: StatusCode, html: &str) -> Response {
    if html.len() >= GZIP_MIN && takes_gzip(headers) {
        let packed = [(header::CONTENT_ENCODING, "gzip")];
        return (status, FIXED, packed, gzip(html.as_bytes())).into_response();
    }
    (status, FIXED, html.to_owned()).into_response()
}

fn with_etag(mut response: Response, etag: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// Does If-None-Match name this `ETag`? RFC 9110 §13.1.2: compared weakly.
pub fn has(headers: &HeaderMap, etag: &str) -> bool {
    let opaque = |etag: &str| etag.trim().trim_start_matches("W/").to_owned();
    let wanted = opaque(etag);
    headers
        .get_all(header::IF_NONE_MATCH)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim() == "*" || opaque(one) == wanted)
}

/// May the body be gzip? RFC 9110 §12.5.3.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut parts = coding.split(';');
            let name = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok());
            name.eq_ignore_ascii_case("gzip") && weight.is_none_or(|weight| weight > 0.0)
        })
}

/// Compresses for the wire.
pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 3), Compression::best());
    encoder
        .write_all(plain)
        .and_then(|()| encoder.finish())
        .expect("writing to a Vec cannot fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_only_where_it_is_wanted() {
        for (value, taken) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(
                takes_gzip(&headers(header::ACCEPT_ENCODING, value)),
                taken,
                "{value}"
            );
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_known_page_is_not_sent_again() {
        let page_of = |headers: &HeaderMap| page(headers, StatusCode::OK, "<p>x");
        let first = page_of(&HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        let etag = first.headers()[header::ETAG].clone();
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, etag)]);
        assert_eq!(page_of(&known).status(), StatusCode::NOT_MODIFIED);
        let other = headers(header::IF_NONE_MATCH, "W/\"x\", \"y\"");
        assert_eq!(page_of(&other).status(), StatusCode::OK);
        let missing = page(&known, StatusCode::NOT_FOUND, "<p>x");
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    }
}
