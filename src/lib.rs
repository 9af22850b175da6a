//! feedmill turns a folder of dated Markdown digests into feeds, and serves them.
//!
//! Everything the program makes is one value, [`site::Site`]. The modules stand on floors, told in ARCHITECTURE.md:
//! each imports only from floors below it, and a test reads the `use` lines to keep it so.

pub mod cli;
pub mod commands;
pub mod config;
pub mod daemon;
pub mod deliver;
pub mod digest;
pub mod feed;
pub mod finding;
pub mod http;
pub mod ledger;
pub mod library;
pub mod pulse;
pub mod readership;
pub mod site;
pub mod spool;
