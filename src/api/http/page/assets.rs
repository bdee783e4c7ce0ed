//! Style, script: embedded, under names that change with their content, so that a phone fetches each once.
use super::answer::{self, gzip};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;
use xxhash_rust::xxh3::xxh3_64;

/// A file of `web/`, ready to be sent.
#[derive(Debug)]
pub struct Asset {
    /// `style.0123456789abcdef.css`.
    pub name: String,
    kind: &'static str,
    plain: &'static [u8],
    packed: Vec<u8>,
    etag: String,
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, plain: &'static str) -> Self {
        let hash = xxh3_64(plain.as_bytes());
        Self {
            name: format!("{stem}.{hash:016x}.{extension}"),
            kind,
            plain: plain.as_bytes(),
            packed: gzip(plain.as_bytes()),
            etag: format!("\"{hash:016x}\""),
        }
    }

    /// Bytes on the wire.
    #[cfg(test)]
    pub fn packed_len(&self) -> usize {
        self.packed.len()
    }
}

/// `web/style.css`.
pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../../../../web/style.css");
    Asset::new("style", "css", "text/css; charset=utf-8", text)
});

/// `web/page.js`.
pub static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../../../../web/page.js");
    Asset::new("page", "js", "text/javascript; charset=utf-8", text)
});

/// `/web/{file}`.
pub async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let mut known = [&*STYLE, &*SCRIPT].into_iter();
    let Some(asset) = known.find(|asset| asset.name == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let fixed = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "Accept-Encoding"),
    ];
    let mut response = if answer::has(&headers, &asset.etag) {
        (StatusCode::NOT_MODIFIED, fixed).into_response()
    } else if answer::takes_gzip(&headers) {
        let packed = [(header::CONTENT_ENCODING, "gzip")];
        (fixed, packed, asset.packed.clone()).into_response()
    } else {
        (fixed, asset.plain).into_response()
    };
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}
