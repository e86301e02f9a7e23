//! Makes bricks: trains a small decoder or adapts a larger one, measures and calibrates what came of it, packs a folder into one file.
//! Nothing here is needed to serve one.
#![forbid(unsafe_code)]

mod base;
mod calibrate;
mod check;
mod error;
mod pack;
#[cfg(feature = "train")]
pub mod training;

pub use base::base_hash;
pub use calibrate::calibrate;
pub use check::{Answered, Example, Measure, Share, answer_all, calibration_error, claim, read_examples, shares};
pub use error::TuneError;
pub use pack::{Packed, pack};

/// In hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
