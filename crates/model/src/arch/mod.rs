//! Architectures: one file each, from a checkpoint's configuration to a [`DecoderSpec`].

use crate::{Checkpoint, DecoderSpec, ModelError};

impl DecoderSpec {
    /// Reads the configuration of `checkpoint` and names its tensors.
    ///
    /// # Errors
    /// [`ModelError`] if the architecture is unknown, a key is missing or out of range, or a tensor is missing or of another shape.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<DecoderSpec, ModelError> {
        todo!("{:?}", checkpoint.path)
    }
}
