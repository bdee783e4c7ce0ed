//! Who was heard and not accepted: by name, with the reason in words and what to do.
use super::layout::section;
use super::live::Sections;
use super::sign;
use super::text::{self, refusal};
use super::view::{View, percent};
use super::words;
use crate::devices::Stranger;
use maud::{Markup, html};

/// Strangers on `/strangers`.
pub const STRANGERS_MAX: usize = 100;
/// Characters of a name; it may be anything.
const NAME_LEN_MAX: usize = 64;
/// Characters of a sentence in a row.
const SENTENCE_LEN_MAX: usize = 140;

/// A list of them.
pub fn rows<'s>(view: &View<'_>, strangers: impl IntoIterator<Item = &'s Stranger>) -> Markup {
    html! {
        ul class="rows" {
            @for stranger in strangers { li { (row(view, stranger)) } }
        }
    }
}

fn row(view: &View<'_>, stranger: &Stranger) -> Markup {
    let body = html! {
        span class="signs" { (sign::sign("refused")) }
        span class="what" {
            b { @if stranger.name.is_empty() { (view.t(text::NAMELESS)) } @else { (words::cut(&stranger.name, NAME_LEN_MAX)) } }
            @if let Some(address) = stranger.address { " " span class="dim" { (address) } }
        }
        span class="say" { (why(view, &stranger.reason, &stranger.sentence)) }
        span class="age dim" { (view.age(stranger.last)) }
    };
    html! {
        @if stranger.name.is_empty() {
            div class="row" { (body) }
        } @else {
            a class="row" href={ "/new?id=" (percent(&stranger.name)) } { (body) }
        }
    }
}

/// The reason in the reader's language; the sentence of the codec, which is English, where there is none.
pub fn why(view: &View<'_>, reason: &str, sentence: &str) -> Markup {
    html! {
        @match refusal::by_code(reason) {
            Some(words) => {
                (view.t(words.what))
                " – " span class="todo" { (view.t(words.advice)) }
            }
            None => span lang="en" { (words::cut(sentence, SENTENCE_LEN_MAX)) }
        }
    }
}

/// `/strangers`.
pub fn sections(view: &View<'_>, strangers: &[Stranger]) -> Sections {
    let body = html! {
        @if strangers.is_empty() { p class="dim" { (view.t(text::NO_STRANGERS)) } }
        @else { (rows(view, strangers)) }
    };
    let mut sections = Sections::default();
    sections.push(
        "strangers",
        section("strangers", view.t(text::STRANGERS), &body),
    );
    sections
}
