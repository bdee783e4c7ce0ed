//! `/new`: was a device that was just installed heard, decoded, accepted; and if not, why, and what to do?
use super::live::Sections;
use super::row;
use super::sign;
use super::text::{self, Text};
use super::view::{View, device_path, percent};
use super::words;
use crate::codecs::Reason;
use crate::devices::{Device, Stranger};
use maud::{Markup, html};

/// Characters of what is typed; ids have at most 64.
pub const ID_LEN_MAX: usize = 80;

/// Why its last uplink was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Code.
    pub reason: String,
    /// The codec's sentence.
    pub sentence: String,
    /// The part; empty: the whole.
    pub part: String,
}

/// A name that was meant, perhaps.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// As it was heard.
    pub name: String,
    /// Of a device; else of somebody who is not accepted.
    pub is_device: bool,
}

/// What is known of the name.
#[derive(Clone, Debug, Default)]
pub struct Installed {
    /// As typed.
    pub id: String,
    /// The device, if anything of it was accepted or the inventory names it.
    pub device: Option<Device>,
    /// The same name among those heard and not accepted.
    pub stranger: Option<Stranger>,
    /// Its last refused uplink.
    pub refused: Option<Refused>,
    /// Names like it.
    pub near: Vec<Near>,
}

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Done,
    Failed,
    Waits,
}

/// Steps of this device: heard, decoded, accepted.
fn steps(known: &Installed) -> [Step; 3] {
    let device = known.device.as_ref();
    let heard = known.stranger.is_some() || device.is_some_and(|d| !super::list::is_unheard(d));
    if !heard {
        return [Step::Waits; 3];
    }
    let accepted = device.is_some_and(|d| d.last_report.is_some() && !d.heard_not_accepted);
    if accepted {
        return [Step::Done; 3];
    }
    let reason = known
        .refused
        .as_ref()
        .map(|refused| refused.reason.as_str());
    let reason = reason.or(known.stranger.as_ref().map(|stranger| &*stranger.reason));
    match reason {
        // Who it is was asked before what it says.
        Some(code) if before_decoding(code) => [Step::Done, Step::Waits, Step::Failed],
        Some(_) => [Step::Done, Step::Failed, Step::Failed],
        None => [Step::Done, Step::Waits, Step::Waits],
    }
}

fn before_decoding(code: &str) -> bool {
    [
        Reason::UnknownDevice,
        Reason::NoRoute,
        Reason::InvalidDeviceId,
        Reason::TooLarge,
    ]
    .iter()
    .any(|reason| reason.as_str() == code)
}

/// The field; it stands above the sections.
pub fn form(view: &View<'_>, id: &str) -> Markup {
    html! {
        h1 { (view.t(text::JUST_INSTALLED)) }
        p class="lead dim" { (view.t(text::NEW_LEAD)) }
        form class="search" action="/new" method="get" {
            label for="id" { (view.t(text::NEW_LABEL)) }
            div {
                input id="id" name="id" value=(id) required autocomplete="off" autocapitalize="none"
                    spellcheck="false" enterkeyhint="go" maxlength="80" autofocus[id.is_empty()];
                button { (view.t(text::CHECK)) }
            }
        }
        p { a href="/decode" { (view.t(text::DECODE_TITLE)) } }
    }
}

/// What is refreshed; nothing before an id is typed.
pub fn sections(view: &View<'_>, known: &Installed) -> Sections {
    let mut sections = Sections::default();
    if !known.id.is_empty() {
        sections.push("steps", checklist(view, known));
        let row = row::section(view, known.device.as_ref(), known.stranger.as_ref());
        if let Some(row) = row {
            sections.push("row", row);
        }
        if !known.near.is_empty() {
            sections.push("near", near(view, known));
        }
        sections.push("again", again(view, known));
    }
    sections
}

fn checklist(view: &View<'_>, known: &Installed) -> Markup {
    let [heard, decoded, accepted] = steps(known);
    html! {
        section id="steps" class="steps" aria-live="polite" {
            h2 { (words::cut(&known.id, ID_LEN_MAX)) }
            ol {
                (step(view, heard, text::STEP_HEARD, &heard_words(view, known, heard)))
                (step(view, decoded, text::STEP_DECODED, &decoded_words(view, known, decoded)))
                (step(view, accepted, text::STEP_ACCEPTED, &accepted_words(view, known, accepted)))
            }
            @if accepted == Step::Done {
                p class="all-done" { (sign::sign("done")) b { (view.t(text::ALL_THREE)) } }
            }
        }
    }
}

fn step(view: &View<'_>, step: Step, name: Text, words: &Markup) -> Markup {
    let (shape, class) = match step {
        Step::Done => ("done", "done"),
        Step::Failed => ("offline", "failed"),
        Step::Waits => ("never", "waits"),
    };
    html! {
        li class=(class) {
            (sign::sign(shape))
            h3 { (view.t(name)) }
            div { (words) }
        }
    }
}

fn heard_words(view: &View<'_>, known: &Installed, step: Step) -> Markup {
    let device = known
        .device
        .as_ref()
        .filter(|device| !super::list::is_unheard(device));
    let seen = device.map(|device| (device.last_seen, device.address, device.source));
    let stranger = known
        .stranger
        .as_ref()
        .map(|stranger| (stranger.last, stranger.address, None));
    // The later of both: a name may be known and refused.
    let last = [seen, stranger]
        .into_iter()
        .flatten()
        .max_by_key(|(at, ..)| *at);
    html! {
        @match last {
            Some((at, address, source)) if step == Step::Done => {
                (view.age(at)) ", " (words::full(at, view.zone))
                @if let Some(address) = address { " · " (address) }
                @if let Some(source) = source { " · " (source.name().to_uppercase()) }
                @if let Some(stranger) = &known.stranger { @if !stranger.topic.is_empty() {
                    " · " code { (words::cut(&stranger.topic, 80)) }
                } }
            }
            _ => {
                b { (view.t(text::NOT_HEARD)) } " " (view.t(text::NOT_HEARD_TODO))
            }
        }
    }
}

fn decoded_words(view: &View<'_>, known: &Installed, step: Step) -> Markup {
    let profile = known.device.as_ref().map_or("", |device| &device.profile);
    html! {
        @match step {
            Step::Done => { @if !profile.is_empty() { (view.t(text::PROFILE)) ": " code { (profile) } } }
            Step::Failed => (why(view, known)),
            Step::Waits => span class="dim" { (view.t(text::WAITS_FOR_FIRST)) },
        }
    }
}

fn accepted_words(view: &View<'_>, known: &Installed, step: Step) -> Markup {
    let [_, decoded, _] = steps(known);
    html! {
        @match (step, &known.device) {
            (Step::Done, Some(device)) => {
                @if let Some(at) = device.last_report { (view.age(at)) ", " }
                (view.t(text::REPORTS)) " " (device.reports) ". " a href=(device_path(&device.id)) { (view.t(text::TO_DEVICE)) }
                @if let Some(refused) = &known.refused {
                    div class="refusal" {
                        p { b { (view.t(text::ACCEPTED_BUT)) } @if !refused.part.is_empty() { " " code { (words::cut(&refused.part, 40)) } } }
                        (why(view, known))
                    }
                }
            }
            (Step::Failed, _) if decoded != Step::Failed => (why(view, known)),
            (Step::Failed, _) => (view.t(text::REFUSED_LAST)),
            _ => span class="dim" { (view.t(text::WAITS_FOR_FIRST)) },
        }
    }
}

/// Reason and advice, and the codec's sentence.
fn why(view: &View<'_>, known: &Installed) -> Markup {
    let refused = known
        .refused
        .as_ref()
        .map(|refused| (&*refused.reason, &*refused.sentence));
    let stranger = known
        .stranger
        .as_ref()
        .map(|stranger| (&*stranger.reason, &*stranger.sentence));
    html! {
        @if let Some((reason, sentence)) = refused.or(stranger) {
            @match text::refusal::by_code(reason) {
                Some(words) => {
                    p { b { (view.t(words.what)) } }
                    p { (view.t(text::WHAT_TO_DO)) ": " (view.t(words.advice)) }
                    p class="dim" { (view.t(text::TECHNICAL)) ": " span lang="en" { (words::cut(sentence, 300)) } }
                }
                None => p lang="en" { (words::cut(sentence, 300)) }
            }
        }
    }
}

fn near(view: &View<'_>, known: &Installed) -> Markup {
    html! {
        section id="near" {
            h2 { (view.t(text::HEARD_AS)) }
            ul class="rows" { @for near in &known.near {
                li { a class="row" href={ "/new?id=" (percent(&near.name)) } {
                    span class="signs" { (sign::sign(if near.is_device { "online" } else { "refused" })) }
                    span class="what" { b { (words::cut(&near.name, ID_LEN_MAX)) } }
                    @if !near.is_device { span class="say" { (view.t(text::HEARD_NOT_ACCEPTED)) } }
                } }
            } }
        }
    }
}

fn again(view: &View<'_>, known: &Installed) -> Markup {
    html! {
        section id="again" {
            p { a class="button" href={ "/new?id=" (percent(&known.id)) } { (view.t(text::CHECK_AGAIN)) } }
            p class="dim with-script" hidden { (view.t(text::WATCHING)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn stranger(reason: &str) -> Installed {
        Installed {
            id: "meter-7".to_owned(),
            stranger: Some(Stranger {
                name: "meter-7".into(),
                address: None,
                topic: "city/meter-7".into(),
                profile: "".into(),
                first: Timestamp::EPOCH,
                last: Timestamp::EPOCH,
                rejects: 1,
                reason: reason.into(),
                sentence: "".into(),
                sequence: 1,
                known: false,
                device: None,
            }),
            ..Installed::default()
        }
    }

    #[test]
    fn the_step_that_failed_is_named() {
        assert_eq!(steps(&Installed::default()), [Step::Waits; 3]);
        assert_eq!(
            steps(&stranger("malformed")),
            [Step::Done, Step::Failed, Step::Failed]
        );
        assert_eq!(
            steps(&stranger("unknown_device")),
            [Step::Done, Step::Waits, Step::Failed]
        );
    }
}
