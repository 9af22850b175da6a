//! The suite: what feedmill does, through its front doors. One binary, so that it links once.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod authors;
mod bad_input;
mod command_line;
mod config;
mod digests;
mod feeds;
mod floors;
mod fuzzing;
mod harness;
mod hostile;
mod http;
mod identity;
mod operators;
mod pages;
mod properties;
mod publishing;
mod rebuilding;
mod shapes;
mod sites;
mod watching;
