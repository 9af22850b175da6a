//! HTTP: a pure answer to a request, and the server around it.

mod negotiation;
pub mod respond;
pub mod server;
