//! Arithmetic on packed weights, and the thread team that does it. Knows nothing of models.

pub mod format;

pub use format::Format;
