//! What the meters of the fleet counted, and what befell some of them.
use super::fleet::{Meter, Model};
use crate::sim::Rng;
use std::ops::Range;

/// The last day, counted from 0: 31 whole days pass, so that thirty and some minutes surely do.
pub const LAST_DAY: usize = 31;
/// Registers of one meter: the total, then four tariffs.
pub const REGISTERS: usize = 5;
/// How much a rollback takes away, in hundredths.
pub const BACK: i64 = 5_000;
/// How much a jump adds: no household counts that in a day.
pub const JUMP: i64 = 40_000_000;

/// What the simulation makes of one meter, beside reading it every day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Its register passes its last digit.
    RollsOver,
    /// The same, of a register with fewer digits than its frames have.
    RollsOverEarly,
    /// It is taken out and another one put in its place, under the same id and address.
    Exchanged,
    /// The same, and the new one has an id of its own.
    Replaced,
    /// Its uplinks of four days come days later, and not in their order.
    BackFilled,
    /// Its register falls by a little, and goes on from there.
    RollsBack,
    /// Nobody draws anything.
    Still,
    /// It says once what cannot be.
    Jumps,
    /// It says two values for one time.
    Contradicts,
    /// One of its frames is damaged on the way.
    Damaged,
    /// A digit of its register is none.
    BadDigit,
    /// It says something that no standard knows.
    Unknown,
    /// It complains, twice on one day.
    Alarms,
    /// It answers that it has no such data.
    Refuses,
}

/// What one meter does in the 31 days.
#[derive(Clone, Debug)]
pub struct Course {
    /// What befalls it, and the day on which that begins.
    pub role: Option<(Role, usize)>,
    /// Days on which it says nothing.
    pub silence: Range<usize>,
    /// Its registers without their moduli, at each midnight, of one that is read hourly at each hour.
    registers: Vec<[i64; REGISTERS]>,
}

impl Course {
    /// The course of one meter.
    pub fn new(
        meter: &Meter,
        role: Option<(Role, usize)>,
        silence: Range<usize>,
        rng: &mut Rng,
    ) -> Self {
        let hours = if meter.model == Model::Hourly { 24 } else { 1 };
        let mut registers = Vec::new();
        let mut now = first(rng);
        for step in 0..=LAST_DAY * hours {
            match role {
                Some((Role::Exchanged | Role::Replaced, day)) if step == day => {
                    now = [10, 4, 3, 2, 1];
                }
                Some((Role::RollsBack, day)) if step == day => now[0] -= BACK,
                _ => {}
            }
            registers.push(now);
            if !matches!(role, Some((Role::Still, _))) {
                draw(meter, rng, &mut now);
            }
        }
        if let Some((Role::RollsOver | Role::RollsOverEarly, day)) = role {
            roll_over(&mut registers, day, meter.modulus());
        }
        Self {
            role,
            silence,
            registers,
        }
    }

    /// The registers at a step, without their moduli.
    pub fn at(&self, step: usize) -> [i64; REGISTERS] {
        self.registers.get(step).copied().unwrap_or_default()
    }
}

fn first(rng: &mut Rng) -> [i64; REGISTERS] {
    let mut now = [0; REGISTERS];
    for register in now.iter_mut().skip(1) {
        *register = 200_000 + below(rng, 300_000);
    }
    now[0] = now.iter().sum();
    now
}

/// One day, or one hour, of consumption.
fn draw(meter: &Meter, rng: &mut Rng, now: &mut [i64; REGISTERS]) {
    // In hundredths and of one tariff: at most 24 kW.h a day, 2 m3 of water or gas, 12 kW.h of heat.
    let most = match meter.model {
        Model::Hourly => 25,
        Model::Water { .. } | Model::Gas { .. } => 50,
        Model::Heat { .. } => 300,
        _ => 600,
    };
    for tariff in 1..REGISTERS {
        let drawn = 1 + below(rng, most);
        for register in [0, tariff] {
            if let Some(register) = now.get_mut(register) {
                *register += drawn;
            }
        }
    }
}

/// Sets the total so that it shows its last number on the day before.
fn roll_over(registers: &mut [[i64; REGISTERS]], day: usize, modulus: i64) {
    let before = registers.get(day.saturating_sub(1)).map_or(0, |all| all[0]);
    for all in registers {
        all[0] += modulus - 1 - before;
    }
}

fn below(rng: &mut Rng, most: u64) -> i64 {
    i64::try_from(rng.below(most)).unwrap_or(0)
}
