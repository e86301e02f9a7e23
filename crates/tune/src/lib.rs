//! Makes bricks: packs a folder into one file, and measures what a brick gets right. Nothing here is needed to serve one.
#![forbid(unsafe_code)]

mod calibrate;
mod check;
mod error;
mod pack;

pub use calibrate::calibrate;
pub use check::{Answered, Example, Measure, Share, answer_all, calibration_error, read_examples};
pub use error::TuneError;
pub use pack::{Packed, pack};
