//! Runs models.
#![forbid(unsafe_code)]
