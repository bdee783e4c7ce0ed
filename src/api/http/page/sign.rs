//! Signs of states and health: each has a shape of its own, so that colour is never needed to tell them apart.
use super::text;
use super::view::View;
use crate::devices::{Level, State};
use maud::{Markup, PreEscaped, html};

/// Once per page; the signs refer to it. Shapes fill a square of 16.
pub const SPRITE: PreEscaped<&str> = PreEscaped(concat!(
    r#"<svg class="sprite" aria-hidden="true" focusable="false">"#,
    // A filled circle.
    r#"<symbol id="s-online" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6"/></symbol>"#,
    // A crescent.
    r#"<symbol id="s-sleeping" viewBox="0 0 16 16"><path d="M10 1.6A6.5 6.5 0 1 0 14.4 10 5.4 5.4 0 0 1 10 1.6z"/></symbol>"#,
    // A clock.
    r#"<symbol id="s-late" viewBox="0 0 16 16"><path fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" d="M8 4.5V8l2.5 1.8M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2z"/></symbol>"#,
    // A cross.
    r#"<symbol id="s-offline" viewBox="0 0 16 16"><path fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" d="M3.5 3.5l9 9m0-9l-9 9"/></symbol>"#,
    // A broken ring.
    r#"<symbol id="s-never" viewBox="0 0 16 16"><circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3.2 2.56"/></symbol>"#,
    // A bar.
    r#"<symbol id="s-retired" viewBox="0 0 16 16"><rect x="2" y="6.5" width="12" height="3" rx="1.5"/></symbol>"#,
    // A small hollow square: nothing is said.
    r#"<symbol id="s-ok" viewBox="0 0 16 16"><rect x="4" y="4" width="8" height="8" rx="1.5" fill="none" stroke="currentColor" stroke-width="1.8"/></symbol>"#,
    // A triangle with a mark.
    r#"<symbol id="s-attention" viewBox="0 0 16 16"><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round" d="M8 1.9L15 14H1z"/><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" d="M8 6.4v3.2m0 2.1v.1"/></symbol>"#,
    // A filled octagon with a mark.
    r#"<symbol id="s-fault" viewBox="0 0 16 16"><path fill-rule="evenodd" d="M5 1h6l4 4v6l-4 4H5l-4-4V5zm2 3v5h2V4zm0 6.5v2h2v-2z"/></symbol>"#,
    // A check mark.
    r#"<symbol id="s-done" viewBox="0 0 16 16"><path fill="none" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round" d="M2.5 8.5l3.8 3.8L13.5 4"/></symbol>"#,
    // An arrow into a tray.
    r#"<symbol id="s-uplink" viewBox="0 0 16 16"><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" d="M8 2v7.5M4.8 6.8L8 10l3.2-3.2M2 11v2.5h12V11"/></symbol>"#,
    // A speech bubble with a bar through it: heard, not accepted.
    r#"<symbol id="s-refused" viewBox="0 0 16 16"><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round" stroke-linecap="round" d="M2 2.5h12v8H8L5 14v-3.5H2zM4.5 8.8l7-4.6"/></symbol>"#,
    "</svg>"
));

/// A sign by its name; the words beside it say the same.
pub fn sign(name: &str) -> Markup {
    html! {
        svg class={ "sign is-" (name) } aria-hidden="true" focusable="false" {
            use href={ "#s-" (name) } {}
        }
    }
}

/// A state: its sign and its name.
pub fn state(view: &View<'_>, state: State) -> Markup {
    html! { span class="mark" { (sign(state.word())) (view.t(text::names::state(state))) } }
}

/// A level of health: its sign and its name.
pub fn level(view: &View<'_>, level: Level) -> Markup {
    html! { span class="mark" { (sign(level.word())) (view.t(text::names::level(level))) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_level_has_a_shape() {
        let words = State::ALL.iter().map(|state| state.word());
        let words = words.chain(Level::ALL.iter().map(|level| level.word()));
        for word in words {
            let symbol = format!("id=\"s-{word}\"");
            assert_eq!(SPRITE.0.matches(&symbol).count(), 1, "{word}");
        }
    }
}
