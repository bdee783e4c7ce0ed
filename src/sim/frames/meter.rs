//! One meter that answers in frames.
use super::electricity::{Grid, Registers};
use super::{Device, Line, Look, Sent, steps};
use crate::sim::Rng;
use crate::sim::kind::Kind;
use crate::sim::meters::cjt188::{Heat, Link, Other, Quantity, Volume, status, unit};
use crate::sim::meters::dlt645::{self, Energy, Item, Measured};
use crate::sim::meters::dlt698::{self, Data};
use crate::sim::meters::{Clock, Phase};
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The city's clocks, as its load curves.
const ZONE: Offset = Offset::constant(8);
/// Messages that are missing when a meter falls silent.
const SILENT_MESSAGES: u32 = 6;
/// Of no standard.
const UNKNOWN_DI: u32 = 0x0f0f_0f0f;

/// What it is and speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Model {
    /// DL/T 645, three phases, four tariffs.
    ThreePhase,
    /// DL/T 645, one phase.
    SinglePhase,
    /// DL/T 698.45, three phases, reports by itself.
    Objects,
    /// CJ/T 188, cold water.
    Water,
    /// CJ/T 188, hot water.
    HotWater,
    /// CJ/T 188, gas.
    Gas,
    /// CJ/T 188, heat.
    Heat,
}

impl Model {
    /// The model of a city's meter with this number among those of its kind; `None`: no meter.
    pub(in crate::sim) const fn of(kind: Kind, number: usize) -> Option<Self> {
        Some(match (kind, number % 3) {
            (Kind::Electricity, 0) => Self::ThreePhase,
            (Kind::Electricity, 1) => Self::Objects,
            (Kind::Electricity, _) => Self::SinglePhase,
            (Kind::Gas, _) => Self::Gas,
            (Kind::Water, 2) => Self::HotWater,
            (Kind::Water, _) => Self::Water,
            (Kind::Heat, _) => Self::Heat,
            _ => return None,
        })
    }

    /// What it measures.
    pub(in crate::sim) const fn kind(self) -> Kind {
        match self {
            Self::ThreePhase | Self::SinglePhase | Self::Objects => Kind::Electricity,
            Self::Water | Self::HotWater => Kind::Water,
            Self::Gas => Kind::Gas,
            Self::Heat => Kind::Heat,
        }
    }

    /// The gateway's profile for its frames.
    pub(in crate::sim) const fn profile(self) -> &'static str {
        match self {
            Self::ThreePhase | Self::SinglePhase => "dlt645",
            Self::Objects => "dlt698",
            _ => "cjt188",
        }
    }

    /// Type byte of CJ/T 188.
    const fn type_byte(self) -> u8 {
        match self {
            Self::HotWater => 0x11,
            Self::Gas => 0x30,
            Self::Heat => 0x20,
            _ => 0x10,
        }
    }
}

/// A meter with its address and its consumption.
#[derive(Debug)]
pub(in crate::sim) struct Meter {
    model: Model,
    address: u64,
    device: Device,
    rng: Rng,
    registers: Registers,
    settled: Option<f64>,
    weak: bool,
    silent_for: u32,
}

impl Meter {
    /// `number` is its own among all meters that speak frames: it becomes the address.
    pub(in crate::sim) fn new(model: Model, number: u64, rng: Rng, weak: bool) -> Self {
        let mut line = rng.clone();
        let line = Rng::stream(line.next_u64(), number);
        // The first digits say where: Jinan.
        let first = if model.profile() == "cjt188" {
            37_010_000_000_000
        } else {
            370_100_000_000
        };
        Self {
            model,
            address: first + number,
            device: Device::new(model.kind(), rng, weak),
            rng: line,
            registers: Registers::default(),
            settled: None,
            weak,
            silent_for: 0,
        }
    }

    pub(in crate::sim) const fn model(&self) -> Model {
        self.model
    }

    /// The alias of its address in an inventory.
    pub(in crate::sim) fn alias(&self) -> String {
        let (profile, address) = (self.model.profile(), self.address);
        match self.model.profile() {
            "cjt188" => format!("{profile}:{:02x}:{address:014}", self.model.type_byte()),
            _ => format!("{profile}:{address:012}"),
        }
    }

    /// What it sends by itself at `at_ms` (Unix time); goes wrong with probability `faults`.
    pub(in crate::sim) fn send(&mut self, at_ms: i64, faults: f64) -> Sent {
        let fault = Line::draw(&mut self.rng, faults);
        if fault == Some(Line::Silent) {
            self.silent_for = SILENT_MESSAGES;
        }
        self.silent_for = self.silent_for.saturating_sub(1);
        let frames = self.frames(at_ms, fault);
        let payload = if self.silent_for > 0 {
            Vec::new()
        } else {
            Line::join(fault, frames, &mut self.rng)
        };
        Sent {
            twice: fault == Some(Line::Repeated) && !payload.is_empty(),
            payload,
            faulty: fault.is_some(),
        }
    }

    /// Its frames of one round of reading.
    pub(super) fn frames(&mut self, at_ms: i64, fault: Option<Line>) -> Vec<Vec<u8>> {
        let look = self.device.look(at_ms);
        let settled = *self.settled.get_or_insert(look.register);
        let mut frames = match self.model {
            Model::ThreePhase => self.three_phase(&look),
            Model::SinglePhase => self.single_phase(&look),
            Model::Objects => self.objects(&look),
            _ => {
                let clock = match (fault, local(at_ms)) {
                    (Some(Line::Clock), _) | (_, None) => Clock::Unset,
                    (_, Some(at)) => Clock::Set(at),
                };
                self.public_utility(&look, settled, clock)
            }
        };
        if fault == Some(Line::Unknown) {
            frames.push(self.unknown());
        }
        frames
    }

    fn three_phase(&mut self, look: &Look) -> Vec<Vec<u8>> {
        let grid = Grid::new(look, &mut self.rng, 3);
        let registers = self.registers.at(look);
        self.answers([
            Item::energies(Energy::Import, 0, &registers.map(Some)),
            Item::energy(Energy::Export, None, (0, 0), Some(0)),
            Item::measured_all(Measured::Voltage, &grid.volts.map(Some)),
            Item::measured_all(Measured::Current, &grid.amperes.map(Some)),
            Item::measured_all(Measured::ActivePower, &grid.watts.map(Some)),
            Item::measured_all(Measured::PowerFactor, &grid.factors.map(Some)),
            Item::frequency(Some(grid.hertz)),
        ])
    }

    /// With the phases that it does not have absent, as meters of one phase answer for a block.
    fn single_phase(&mut self, look: &Look) -> Vec<Vec<u8>> {
        let grid = Grid::new(look, &mut self.rng, 1);
        let ([total, ..], [volts, ..]) = (self.registers.at(look), grid.volts);
        let ([amperes, ..], [watts, ..]) = (grid.amperes, grid.watts);
        self.answers([
            Item::energy(Energy::Import, None, (0, 0), Some(total)),
            Item::measured_all(Measured::Voltage, &[Some(volts), None, None]),
            Item::measured(Measured::Current, Some(Phase::A), Some(amperes)),
            Item::measured(Measured::ActivePower, None, Some(watts)),
            Item::frequency(Some(grid.hertz)),
        ])
    }

    fn answers<const N: usize>(&self, items: [Item; N]) -> Vec<Vec<u8>> {
        let link = dlt645::Link {
            address: self.address,
            preamble: 4,
        };
        let frames = items.map(|item| dlt645::Reply::of(link, item).frames());
        frames.concat()
    }

    fn objects(&mut self, look: &Look) -> Vec<Vec<u8>> {
        let grid = Grid::new(look, &mut self.rng, 3);
        let registers = self.registers.at(look);
        let array = |items: Vec<Data>| Ok(Data::Array(items));
        let short = |number: i64| i16::try_from(number).unwrap_or(i16::MAX);
        let long = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
        let wide = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let word = |number: i64| u16::try_from(number).unwrap_or(u16::MAX);
        let mut out = Vec::new();
        dlt698::List {
            link: dlt698::Link::of(self.address),
            report: true,
            piid: 0,
            answers: vec![
                (
                    0x0010_0200,
                    array(registers.map(|of| Data::U32(wide(of))).into()),
                ),
                (
                    0x2000_0200,
                    array(grid.volts.map(|of| Data::U16(word(of))).into()),
                ),
                (
                    0x2001_0200,
                    array(grid.amperes.map(|of| Data::I32(long(of))).into()),
                ),
                (
                    0x2004_0200,
                    array(grid.watts.map(|of| Data::I32(long(of))).into()),
                ),
                (
                    0x200a_0200,
                    array(grid.factors.map(|of| Data::I16(short(of))).into()),
                ),
                (0x200f_0200, Ok(Data::U16(word(grid.hertz)))),
            ],
        }
        .encode(&mut out);
        vec![out]
    }

    fn link(&self) -> Link {
        Link {
            preamble: 3,
            ..Link::of(self.model.type_byte(), self.address)
        }
    }

    /// Water, gas or heat.
    fn public_utility(&mut self, look: &Look, settled: f64, clock: Clock) -> Vec<Vec<u8>> {
        let [mut low, high] = status::OPEN;
        low |= if self.weak { status::BATTERY_LOW } else { 0 };
        let (link, status) = (self.link(), [low, high]);
        let hundredths = |value, unit| Quantity::of(steps(value, 100.0), unit);
        let mut out = Vec::new();
        if self.model == Model::Heat {
            let supply = 42.0 + 22.0 * look.now.heat().min(1.5) + 0.5 * self.rng.noise();
            let returned = supply - 8.0 - 8.0 * look.now.heat().min(1.5);
            Heat {
                link,
                ser: 0,
                settlement: hundredths(settled, unit::KWH),
                current: hundredths(look.register, unit::KWH),
                power: hundredths(look.load, unit::KW),
                // 20 kelvin carry 23 kW.h per cubic metre.
                flow: Quantity::of(steps(look.load / 23.0, 10_000.0), unit::M3_H),
                volume: hundredths(look.second_register, unit::M3),
                supply: Some(steps(supply, 100.0)),
                returned: Some(steps(returned, 100.0)),
                hours: Some(steps(look.register / 6.0, 1.0)),
                clock,
                status,
            }
            .encode(&mut out);
        } else {
            Volume {
                link,
                ser: 0,
                current: hundredths(look.register, unit::M3),
                settlement: hundredths(settled, unit::M3),
                clock,
                status,
            }
            .encode(&mut out);
        }
        vec![out]
    }

    /// An answer of which no standard says what it means.
    fn unknown(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self.model.profile() {
            "dlt645" => {
                let link = dlt645::Link::of(self.address);
                dlt645::Reply::of(link, Item::raw(UNKNOWN_DI, &[1, 2, 3], 3)).encode(&mut out);
            }
            "dlt698" => dlt698::Normal {
                link: dlt698::Link::of(self.address),
                piid: 0,
                oad: UNKNOWN_DI,
                answer: Ok(Data::U8(1)),
            }
            .encode(&mut out),
            _ => Other {
                link: self.link(),
                control: 0x81,
                di: 0x0f0f,
                ser: 0,
                data: vec![1, 2, 3],
            }
            .encode(&mut out),
        }
        out
    }
}

/// The city's wall time, to the second.
fn local(at_ms: i64) -> Option<DateTime> {
    let at = jiff::Timestamp::from_second(at_ms.div_euclid(1000)).ok()?;
    Some(ZONE.to_datetime(at))
}
