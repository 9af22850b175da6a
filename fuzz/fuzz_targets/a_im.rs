#![no_main]
//! See the judge of this name.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| feedmill_fuzz::judges::a_im(bytes));
