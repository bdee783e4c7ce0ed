//! Readings of one reply: its fields in their order.
mod state;

use super::clock::{self, Clock};
use super::item::{Field, Freeze, Item};
use super::meter::{Meter, What};
use super::piece::{Fate, Piece};
use super::unit::{Quantity, Unit};
use super::value::{Digits, Order, digits, register_digits, scaled, text};
use crate::codecs::dialect::Dialect;
use crate::codecs::frames::hex;
use crate::codecs::{AsSent, Decoded, Fault, Group, Reason, Sample, Sent, SentTime};
use std::borrow::Cow;

type Labels = Vec<(Cow<'static, str>, Cow<'static, str>)>;

/// What the fields of one reply have in common.
struct Reply<'r> {
    meter: Meter,
    item: &'r Item,
    dialect: Dialect,
    order: Order,
    group: u32,
    /// The meter has said when.
    is_dated: bool,
}

/// One value, read and ready for its name.
struct Value {
    what: What,
    number: Digits,
    decimals: u8,
    tens: u8,
    unit: Cow<'static, str>,
    quantity: Option<Quantity>,
    settled: bool,
    bytes: usize,
    unit_first: bool,
}

/// Is there a clock where the layout has one, set or not? Bytes that a maker has put before it are none.
pub(super) fn has_clock(payload: Piece<'_>, item: &Item, dialect: Dialect) -> bool {
    matches!(
        clock_of(payload, item, dialect),
        Some(Clock::At { .. } | Clock::Unset)
    )
}

/// Reads what follows SER, laid out as `item`, into a group of its own, which it returns.
pub(super) fn read(
    payload: Piece<'_>,
    item: &Item,
    meter: Meter,
    dialect: Dialect,
    device: Option<u32>,
    out: &mut Decoded<'_>,
) -> u32 {
    let clock = clock_of(payload, item, dialect);
    let time = match &clock {
        Some(Clock::At { text, .. }) => SentTime::Text(Cow::Owned(text.clone())),
        Some(Clock::Unset | Clock::Invalid) | None => SentTime::Absent,
    };
    let reply = Reply {
        meter,
        item,
        dialect,
        order: Order::of(payload, item, meter, dialect),
        is_dated: time != SentTime::Absent,
        group: out.open(Group {
            device,
            time,
            ..Group::default()
        }),
    };
    let mut rest = payload;
    for field in item.layout {
        let Some((own, behind)) = rest.split(field.bytes()) else {
            break;
        };
        rest = behind;
        match *field {
            Field::Measured {
                what,
                bytes,
                decimals,
                settled,
            } => {
                reply.measured(own, (what, bytes, decimals, settled), out);
            }
            Field::Plain {
                what,
                bytes,
                decimals,
                unit,
            } => {
                reply.plain(own, (what, bytes, decimals, unit), out);
            }
            Field::Clock => show_clock(own, clock.as_ref(), out),
            Field::Status => reply.status(own, out),
        }
    }
    reply.group
}

/// The clock of a reply, before what it dates.
fn clock_of(payload: Piece<'_>, item: &Item, dialect: Dialect) -> Option<Clock> {
    let before = item
        .layout
        .iter()
        .take_while(|field| **field != Field::Clock);
    let at: usize = before.map(|field| field.bytes()).sum();
    let sent = payload.bytes.get(at..at + clock::BYTES)?;
    let has = item.layout.contains(&Field::Clock);
    has.then(|| clock::read(sent, dialect.year_first))
}

fn show_clock(own: Piece<'_>, clock: Option<&Clock>, out: &mut Decoded<'_>) {
    own.show(out, || match clock {
        Some(Clock::At { text, year_first }) => Fate {
            became: format!("time {text}"),
            note: if *year_first {
                "year first".to_owned()
            } else {
                String::new()
            },
            ..Fate::default()
        },
        Some(Clock::Unset) => Fate::refused("time: the clock was never set"),
        Some(Clock::Invalid) | None => Fate::refused("time: no date in either order"),
    });
}

impl Reply<'_> {
    fn measured(&self, own: Piece<'_>, field: (What, usize, u8, bool), out: &mut Decoded<'_>) {
        let (what, bytes, decimals, settled) = field;
        let Some((pair, unit_first)) = self.order.part(own) else {
            return;
        };
        let number = digits(pair.value);
        let unit = pair.unit();
        if unit.is_none() && number != Digits::Absent {
            let byte = pair.unit.bytes.first().copied().unwrap_or_default();
            let sentence = format!(
                "byte {} is {byte:02x}, which is no unit of CJ/T 188",
                pair.unit.at
            );
            self.refuse(own, what, None, Reason::UnknownUnit, sentence, out);
            return;
        }
        let decimals = match (
            unit.is_some_and(Unit::is_litres),
            bytes,
            self.dialect.flow_decimals,
        ) {
            (true, ..) => self.dialect.litre_decimals,
            (false, 3, Some(decimals)) if what == What::Flow => decimals,
            _ => decimals,
        };
        let value = Value {
            what,
            number,
            decimals,
            tens: unit.map_or(0, |unit| unit.tens),
            unit: unit.map_or(Cow::Borrowed(""), |unit| Cow::Borrowed(unit.code)),
            quantity: unit.map(|unit| unit.quantity),
            settled,
            bytes,
            unit_first,
        };
        let as_sent = unit.filter(|unit| unit.tens > 0).map(Unit::as_sent);
        self.push(own, value, as_sent, out);
    }

    fn plain(&self, own: Piece<'_>, field: (What, usize, u8, &'static str), out: &mut Decoded<'_>) {
        let (what, bytes, decimals, unit) = field;
        let unit = if unit.is_empty() {
            self.dialect.pressure_unit
        } else {
            Some(unit)
        };
        let named = self.meter.metric(what, None).is_some();
        let Some(unit) = unit.filter(|_| named || what != What::Pressure) else {
            own.show(out, || {
                let shown = match digits(own) {
                    Digits::Number(number) => text(number, decimals),
                    Digits::Absent | Digits::Bad(..) => hex(own.bytes),
                };
                Fate::refused(format!(
                    "pressure {shown}: its unit is not sent, or nothing is measured so"
                ))
            });
            return;
        };
        let value = Value {
            what,
            number: digits(own),
            decimals,
            tens: 0,
            unit: Cow::Borrowed(unit),
            quantity: None,
            settled: false,
            bytes,
            unit_first: false,
        };
        self.push(own, value, None, out);
    }

    fn push(
        &self,
        own: Piece<'_>,
        value: Value,
        as_sent: Option<Cow<'static, str>>,
        out: &mut Decoded<'_>,
    ) {
        let Some(metric) = self.meter.metric(value.what, value.quantity) else {
            let sentence = format!(
                "type {:02X} is {}: what it counts in {} is not known",
                self.meter.kind,
                self.meter.words(),
                if value.unit.is_empty() {
                    "no unit"
                } else {
                    &value.unit
                },
            );
            self.refuse(
                own,
                value.what,
                Some("register"),
                Reason::UnknownIdentifier,
                sentence,
                out,
            );
            return;
        };
        let sent = match value.number {
            Digits::Number(number) => scaled(number, value.decimals, value.tens),
            Digits::Absent => Sent::Null,
            Digits::Bad(at, byte) => {
                let sentence = format!("byte {at} is {byte:02x}: A to F are no decimal digits");
                self.refuse(
                    own,
                    value.what,
                    Some(metric),
                    Reason::InvalidBcd,
                    sentence,
                    out,
                );
                return;
            }
        };
        let origin = match (as_sent, value.number) {
            (Some(unit), Digits::Number(number)) => {
                let text = Cow::Owned(text(number, value.decimals));
                Some(AsSent { text, unit })
            }
            _ => None,
        };
        let register = matches!(
            value.what,
            What::Register | What::Heat | What::Cooling | What::Volume
        );
        let sample = Sample {
            group: self.group,
            item: None,
            metric: Cow::Borrowed(metric),
            value: sent,
            unit: value.unit,
            labels: self.labels(value.settled),
            origin,
            digits: register.then(|| register_digits(value.bytes, value.decimals, value.tens)),
        };
        let at = out.samples.len();
        own.show(out, || Fate {
            became: metric.to_owned(),
            sample: Some(at),
            note: said(&sample, value.unit_first),
        });
        out.samples.push(sample);
    }

    /// A bad part: the other values of the frame stay.
    fn refuse(
        &self,
        own: Piece<'_>,
        what: What,
        name: Option<&str>,
        reason: Reason,
        sentence: String,
        out: &mut Decoded<'_>,
    ) {
        let name = name
            .or_else(|| self.meter.metric(what, None))
            .unwrap_or("register");
        let part = out.place_of(self.group, name, None);
        own.show(out, || Fate::refused(format!("{name}: {sentence}")));
        out.faults.push(Fault::part(reason, part, sentence));
    }

    /// What was kept is told apart from what is. Where the meter says when it kept it, that is the time, and
    /// how long ago it was adds nothing.
    fn labels(&self, settled: bool) -> Labels {
        let label = |name, value| (Cow::Borrowed(name), value);
        match self.item.freeze {
            Some(Freeze { kind, ago }) => {
                let kind = label("freeze", Cow::Borrowed(kind));
                let ago = (!self.is_dated).then(|| label("storage", Cow::Owned(ago.to_string())));
                [Some(kind), ago].into_iter().flatten().collect()
            }
            // The clock beside it is of now. D120 is the same value: one series.
            None if settled => vec![
                label("freeze", Cow::Borrowed("settlement")),
                label("storage", Cow::Borrowed("1")),
            ],
            None => Labels::new(),
        }
    }
}

/// A value for a person: "0.19 m3, freeze settlement, unit first".
fn said(sample: &Sample<'_>, unit_first: bool) -> String {
    let shown = match (&sample.value, &sample.origin) {
        (_, Some(sent)) => format!("{} {}", sent.text, sent.unit),
        (Sent::Number(_, text), None) => format!("{text} {}", sample.unit),
        _ => "not available".to_owned(),
    };
    let labels = sample.labels.iter();
    let labels = labels.map(|(name, value)| format!("{name} {value}"));
    let order = unit_first.then(|| "unit first".to_owned());
    let parts: Vec<String> = std::iter::once(shown).chain(labels).chain(order).collect();
    parts.join(", ")
}
