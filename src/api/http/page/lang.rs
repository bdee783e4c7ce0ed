//! English or Chinese: what the switch says, else what the browser prefers.
use axum::http::{HeaderMap, header};

/// A language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

/// The cookie that the switch sets; it holds `en` or `zh` and nothing about a person.
pub const COOKIE: &str = "lang";
/// Ranges of an Accept-Language that are looked at.
const RANGES_MAX: usize = 32;

impl Lang {
    /// From `en` or `zh`.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "en" => Some(Self::En),
            "zh" => Some(Self::Zh),
            _ => None,
        }
    }

    /// `en` or `zh`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    /// For `<html lang>`: the script decides which glyphs a font gives.
    pub const fn html(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-Hans",
        }
    }

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::En => Self::Zh,
            Self::Zh => Self::En,
        }
    }

    /// Of a request: cookie, then Accept-Language, then English.
    pub fn of(headers: &HeaderMap) -> Self {
        from_cookie(headers)
            .or_else(|| from_preference(headers))
            .unwrap_or_default()
    }
}

fn from_cookie(headers: &HeaderMap) -> Option<Lang> {
    let values = headers.get_all(header::COOKIE).into_iter();
    let mut pairs = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name.trim() == COOKIE)
            .then(|| Lang::from_code(value.trim()))
            .flatten()
    })
}

/// RFC 9110 §12.5.4, as far as two languages need it: the range with the greatest weight, the first
/// among equals.
fn from_preference(headers: &HeaderMap) -> Option<Lang> {
    let accepted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(f32, Lang)> = None;
    for range in accepted.split(',').take(RANGES_MAX) {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim();
        let primary = tag.split('-').next().unwrap_or_default();
        let Some(lang) = Lang::from_code(&primary.to_ascii_lowercase()) else {
            continue;
        };
        let weight = parts
            .find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok())
            .unwrap_or(1.0);
        if weight > 0.0 && best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, lang));
        }
    }
    best.map(|(_, lang)| lang)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn lang(accept: &'static str, cookie: &'static str) -> Lang {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accept));
        headers.insert(header::COOKIE, HeaderValue::from_static(cookie));
        Lang::of(&headers)
    }

    #[test]
    fn the_switch_wins_then_the_browser_decides() {
        for (accept, cookie, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", "", Lang::Zh),
            ("en-GB,en;q=0.9,zh;q=0.8", "", Lang::En),
            ("fr, zh;q=0.3, en;q=0.7", "", Lang::En),
            ("ZH-hans", "", Lang::Zh),
            ("zh;q=0, en;q=0.1", "", Lang::En),
            ("fr", "", Lang::En),
            ("", "", Lang::En),
            (";;;,=,q=", "a=b; lang=", Lang::En),
            ("en", "x=1; lang=zh", Lang::Zh),
            ("zh", "lang=en", Lang::En),
            ("zh", "lang=de", Lang::Zh),
            ("zh", "language=en", Lang::Zh),
        ] {
            assert_eq!(lang(accept, cookie), expected, "{accept} {cookie}");
        }
    }
}
