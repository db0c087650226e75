//! The command line: reads it, reads the config, and wires the parts together.

fn main() {}
