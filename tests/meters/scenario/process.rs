//! Through a real gateway.
