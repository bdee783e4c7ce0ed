//! What meters keep: settlements, and the freezes of 2018.
use super::{EIGHT, Link, Quantity, SIX};
use crate::sim::meters::Clock;

/// Of the last settlement; those before it follow.
const SETTLED: u16 = 0xd120;
/// Settlements that a meter keeps.
const SETTLEMENTS: u8 = 12;
/// Freezes at agreed times, the last one first, and by command.
const TIMED: u16 = 0xd300;
const INSTANT: u16 = 0xd400;

/// The register at one of the last settlements: D120 to D12B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Who answers.
    pub link: Link,
    /// Sequence number of the request.
    pub ser: u8,
    /// How many settlements ago, 1 to 12; beyond, the nearest of them.
    pub back: u8,
    /// The register then.
    pub quantity: Quantity,
}

impl Settlement {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let link = self.link;
        let back = self.back.clamp(1, SETTLEMENTS) - 1;
        let mut data = link.data(SETTLED + u16::from(back), self.ser);
        link.quantity(self.quantity, EIGHT, &mut data);
        link.frame(0x81, &data, out);
    }
}

/// A freeze of a meter of water or gas, 2018: D300 to D3FF, D400 to D4FF. Known from one public decoder
/// (shiyuecamus/ng-gateway), not from the standard's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Who answers.
    pub link: Link,
    /// Sequence number of the request.
    pub ser: u8,
    /// By command, rather than at an agreed time.
    pub instant: bool,
    /// How many freezes before the last one.
    pub back: u8,
    /// When.
    pub clock: Clock,
    /// The register then.
    pub register: Quantity,
    /// Four digits behind the point.
    pub flow: Quantity,
    /// In 0.01 Cel, 6 digits.
    pub temperature: Option<i64>,
    /// Two digits behind the point, in a unit that is not sent; 6 digits.
    pub pressure: Option<i64>,
}

impl Frozen {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let link = self.link;
        let first = if self.instant { INSTANT } else { TIMED };
        let mut data = link.data(first + u16::from(self.back), self.ser);
        link.clock(self.clock, &mut data);
        link.quantity(self.register, EIGHT, &mut data);
        link.quantity(self.flow, EIGHT, &mut data);
        SIX.put(&mut data, self.temperature);
        SIX.put(&mut data, self.pressure);
        link.frame(0x81, &data, out);
    }
}
