//! History
mod chunk;
mod groups;
mod key;
mod merge;
mod open;
mod point;
mod progress;
