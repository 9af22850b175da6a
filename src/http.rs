//! HTTP: a pure answer to a request, and the server around it.

mod client;
mod conditions;
pub mod limit;
mod negotiation;
mod preview;
pub mod respond;
pub mod server;
