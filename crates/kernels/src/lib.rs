//! Arithmetic on packed weights, and the thread team that does it. Knows nothing of models.

mod activations;
pub mod format;
mod isa;
mod math;
mod matmul;
mod matrix;
mod memory;
pub mod probe;
pub mod program;
mod simd;
mod team;
pub mod topology;

pub use format::Format;
pub use isa::{Isa, IsaError};
pub use math::Activation;
pub use matmul::Activations;
pub use matrix::{LAYOUT_VERSION, PackError, PackedMatrix, Stored};
pub use memory::{ALIGNMENT, AlignedBytes, SharedBytes, share_heaps, trim_heaps};
pub use team::{Team, TeamError, Worker};
