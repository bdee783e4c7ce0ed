//! The committed contract.
