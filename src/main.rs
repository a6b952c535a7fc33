//! The program. Not the place for any behaviour.
fn main() {}
