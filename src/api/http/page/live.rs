//! Live refresh: a page is a list of sections, and a refresh sends those that changed.
//!
//! ```text
//! browser: If-None-Match "2.counts-1a2b3c4d.list-5e6f7a8b"    what it has, and whose turn it is
//! gateway: 304, or the changed sections within 2 kB, under the `ETag` of what the browser then has
//! ```
//! The `ETag` says section by section what the reader has, so the server keeps nothing about readers.
//! What does not fit waits for the next refresh; the round goes on behind the last one sent, so no
//! section starves. Rejected: a whole page per refresh (10 kB on one bar of signal), a socket (a
//! phone that sleeps and roams is away more often than it is there).
use super::answer::gzip;
use maud::{Markup, PreEscaped, html};
use xxhash_rust::xxh3::xxh3_64;

/// Compressed bytes of a refresh, which with its head are at most 2 kB on the wire. A section that is
/// larger goes alone; the tests see to it that none is but a chart.
pub const REFRESH_BYTES_MAX: usize = 1400;
/// Sections that an `ETag` names; a page has fewer.
const SECTIONS_MAX: usize = 64;

/// A part of a page that is refreshed as a whole.
#[derive(Debug)]
pub struct Section {
    id: String,
    hash: u32,
    html: String,
    /// Sent only where it is asked for: a chart is larger than a refresh.
    still: bool,
    /// Beside the others on a wide screen, behind them on a phone.
    aside: bool,
}

impl Section {
    /// The id is `[a-z0-9]+`, unique in its page, and that of the one element in `html`.
    pub fn new(id: impl Into<String>, html: Markup) -> Self {
        let html = html.into_string();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "half of the hash is enough"
        )]
        let hash = xxh3_64(html.as_bytes()) as u32;
        Self {
            id: id.into(),
            hash,
            html,
            still: false,
            aside: false,
        }
    }
}

impl Section {
    /// The `ETag` of somebody who has it, where it stands alone.
    pub fn etag(&self) -> String {
        etag(0, std::iter::once((self.id.as_str(), self.hash)))
    }
}

/// The sections of one page, in order.
#[derive(Debug, Default)]
pub struct Sections(pub Vec<Section>);

impl Sections {
    /// Adds one at the end.
    pub fn push(&mut self, id: impl Into<String>, html: Markup) {
        self.0.push(Section::new(id, html));
    }

    /// Adds one that no refresh sends unless it is asked for.
    pub fn push_still(&mut self, id: impl Into<String>, html: Markup) {
        let section = Section::new(id, html);
        self.0.push(Section {
            still: true,
            ..section
        });
    }

    /// Keeps what the reader has of this section, which was not made this time.
    pub fn keep(&mut self, id: impl Into<String>) {
        self.push_still(id, html! {});
    }

    /// What is pushed from here on stands beside the others on a wide screen.
    pub fn aside_from(&mut self, first: usize) {
        for section in self.0.iter_mut().skip(first) {
            section.aside = true;
        }
    }

    /// All of them, for the whole page.
    pub fn markup(&self) -> Markup {
        let first = self.0.iter().position(|section| section.aside);
        let (main, aside) = self.0.split_at(first.unwrap_or(self.0.len()));
        let all = |sections: &[Section]| {
            html! { @for section in sections { (PreEscaped(&section.html)) } }
        };
        html! {
            @if aside.is_empty() { (all(main)) }
            @else { div class="two" { div { (all(main)) } div { (all(aside)) } } }
        }
    }

    /// The `ETag` of somebody who has them all.
    pub fn etag(&self) -> String {
        let had = self
            .0
            .iter()
            .map(|section| (section.id.as_str(), section.hash));
        etag(0, had)
    }

    /// Compressed size of each section.
    #[cfg(test)]
    pub fn sizes(&self) -> impl Iterator<Item = (&str, usize)> {
        let size = |section: &Section| gzip(section.html.as_bytes()).len();
        self.0
            .iter()
            .map(move |section| (section.id.as_str(), size(section)))
    }

    /// What somebody lacks who has `etag`, and the `ETag` that he has then. Empty: nothing changed.
    /// The section `wanted` comes first, whatever its size.
    pub fn changes(&self, etag_had: &str, wanted: Option<&str>) -> (String, String) {
        let (mut start, had) = parse(etag_had);
        let is_wanted = |section: &Section| Some(section.id.as_str()) == wanted;
        if let Some(at) = self.0.iter().position(is_wanted) {
            start = at;
        }
        let hash_had = |id: &str| {
            had.iter()
                .find(|(known, _)| *known == id)
                .map(|(_, hash)| *hash)
        };
        let mut out = String::new();
        let mut next = start;
        let mut has: Vec<Option<u32>> = Vec::with_capacity(self.0.len());
        has.extend(self.0.iter().map(|section| hash_had(&section.id)));
        let count = self.0.len();
        for at in (0..count).map(|step| (start + step) % count.max(1)) {
            let (Some(section), Some(known)) = (self.0.get(at), has.get_mut(at)) else {
                continue;
            };
            let waits = section.still && known.is_some() && !is_wanted(section);
            let waits = waits || section.html.is_empty();
            if *known == Some(section.hash) || waits {
                continue;
            }
            let mut more = out.clone();
            if known.is_none() {
                let before = at.checked_sub(1).and_then(|at| self.0.get(at));
                let before = before.map_or("", |section| &section.id);
                more.extend(["<i data-after=\"", before, "\"></i>"]);
            }
            more.push_str(&section.html);
            if !out.is_empty() && gzip(more.as_bytes()).len() > REFRESH_BYTES_MAX {
                continue;
            }
            out = more;
            *known = Some(section.hash);
            next = at + 1;
        }
        for (gone, _) in &had {
            if !self.0.iter().any(|section| section.id == *gone) {
                out.extend(["<i data-gone=\"", gone, "\"></i>"]);
            }
        }
        let has = self.0.iter().zip(has);
        let has = has.filter_map(|(section, hash)| Some((section.id.as_str(), hash?)));
        (out, etag(next, has))
    }
}

fn etag<'a>(next: usize, had: impl Iterator<Item = (&'a str, u32)>) -> String {
    let mut text = next.to_string();
    for (id, hash) in had {
        text.extend([".", id, "-", &format!("{hash:08x}")]);
    }
    text
}

/// The section that comes first, and what the reader has. Of a foreign `ETag`: nothing, so that all is sent.
fn parse(etag: &str) -> (usize, Vec<(&str, u32)>) {
    let etag = etag.trim().trim_start_matches("W/").trim_matches('"');
    let mut parts = etag.split('.');
    let next = parts.next().and_then(|next| next.parse().ok());
    let had = parts.take(SECTIONS_MAX).filter_map(|part| {
        let (id, hash) = part.split_once('-')?;
        let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
        plain.then_some((id, u32::from_str_radix(hash, 16).ok()?))
    });
    (next.unwrap_or(0).min(SECTIONS_MAX), had.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(texts: &[(&str, &str)]) -> Sections {
        let mut sections = Sections::default();
        for (id, text) in texts {
            sections.push(*id, html! { section id=(id) { (text) } });
        }
        sections
    }

    #[test]
    fn only_what_changed_is_sent() {
        let before = sections(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let (none, same) = before.changes(&before.etag(), None);
        assert_eq!((none.as_str(), same), ("", before.etag()));
        let after = sections(&[("a", "1"), ("b", "x"), ("d", "new")]);
        let (html, etag) = after.changes(&format!("W/\"{}\"", before.etag()), None);
        assert_eq!(
            html,
            "<section id=\"b\">x</section><i data-after=\"b\"></i><section id=\"d\">new</section><i data-gone=\"c\"></i>"
        );
        assert!(after.changes(&etag, None).0.is_empty());
        let (all, _) = after.changes("", None);
        assert_eq!(all.matches("<section").count(), 3);
        let (all, _) = after.changes("\"99999999999999999999.a-zz.<i>-00\"", None);
        assert_eq!(all.matches("<section").count(), 3);
    }

    #[test]
    fn what_stands_still_is_sent_when_asked_for() {
        let with_chart = |text: &str| {
            let mut sections = sections(&[("a", "1")]);
            sections.push_still("chart", html! { section id="chart" { (text) } });
            sections
        };
        let etag = with_chart("24 h").etag();
        let later = with_chart("7 d");
        assert!(later.changes(&etag, None).0.is_empty());
        let (html, etag) = later.changes(&etag, Some("chart"));
        assert_eq!(html, "<section id=\"chart\">7 d</section>");
        assert!(later.changes(&etag, Some("chart")).0.is_empty());
        let mut unmade = sections(&[("a", "2")]);
        unmade.keep("chart");
        let (html, kept) = unmade.changes(&etag, None);
        assert_eq!(html, "<section id=\"a\">2</section>");
        let chart = |etag: &str| {
            etag.split('.')
                .find(|part| part.starts_with("chart"))
                .map(str::to_owned)
        };
        assert_eq!(chart(&kept), chart(&etag));
        assert_eq!(
            unmade.changes("", None).0,
            "<i data-after=\"\"></i><section id=\"a\">2</section>"
        );
    }

    #[test]
    fn a_refresh_is_bounded_and_nothing_starves() {
        // Texts that do not compress well, so that about two fit.
        let noise = |seed: u64| -> String {
            let hashes = (0..50u64).map(|at| xxh3_64(&(seed * 1000 + at).to_le_bytes()));
            hashes
                .map(|hash| format!("{hash:016x}"))
                .collect::<Vec<_>>()
                .concat()
        };
        let ids = ["a", "b", "c", "d", "e", "f"];
        let texts = |round: u64| -> Vec<(&str, String)> {
            (1..)
                .zip(ids)
                .map(|(at, id)| (id, noise(round * 10 + at)))
                .collect()
        };
        let first = texts(0);
        let borrowed: Vec<_> = first
            .iter()
            .map(|(id, text)| (*id, text.as_str()))
            .collect();
        let mut etag = sections(&borrowed).etag();
        let mut sent = [0; 6];
        for round in 1..12 {
            let texts = texts(round);
            let borrowed: Vec<_> = texts
                .iter()
                .map(|(id, text)| (*id, text.as_str()))
                .collect();
            let (html, next) = sections(&borrowed).changes(&etag, None);
            assert!(gzip(html.as_bytes()).len() <= REFRESH_BYTES_MAX);
            for (sent, id) in sent.iter_mut().zip(ids) {
                *sent += html.matches(&format!("id=\"{id}\"")).count();
            }
            etag = next;
        }
        assert!(sent.iter().all(|sent| *sent >= 2), "{sent:?}");
    }
}
