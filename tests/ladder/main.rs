//! The ladder and the checker: which line fails for which program, what the checker does with servers that are broken in any way,
//! and whether the guide shows what is really printed.

#![forbid(unsafe_code)]

mod broken;
mod broken_server;
mod checker;
mod frames;
mod guide;
mod matrix;
mod others;
mod program;
