//! HTTP: a pure answer to a request, and the server around it.

mod conditions;
mod negotiation;
pub mod respond;
pub mod server;
