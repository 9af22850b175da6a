//! What may not happen, whatever feedmill is given to read.

pub mod judges;
