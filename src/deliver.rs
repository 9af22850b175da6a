//! Hands a finished site on to somewhere else than HTTP.

pub mod folder;
