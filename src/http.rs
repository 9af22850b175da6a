//! HTTP: a pure answer to a request, and the server around it.

pub mod respond;
pub mod server;
