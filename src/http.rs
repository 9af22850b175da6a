//! HTTP: a pure answer to a request, and the server around it.

pub mod access;
pub mod admin;
mod client;
mod conditions;
pub mod limit;
pub mod metrics;
mod negotiation;
mod preview;
pub mod respond;
pub mod server;
mod socket;
pub mod status;
pub mod traffic;
