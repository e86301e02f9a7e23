//! From text to the ids a model is prompted with.

use whit_model::{ModelError, Tokenizer};

/// Token ids of a whole prompt: BOS first if the model wants it, written control tokens taken for what they are.
pub fn ids(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, ModelError> {
    let mut ids = tokenizer.encode(text, false, true)?;
    // A chat template may have written BOS itself; a second one would only confuse the model.
    if let Some(bos) = wanted_bos(tokenizer)?
        && ids.first() != Some(&bos)
    {
        ids.insert(0, bos);
    }
    Ok(ids)
}

/// The token every text begins with, if the model was trained with one.
pub fn wanted_bos(tokenizer: &Tokenizer) -> Result<Option<u32>, ModelError> {
    let begins = tokenizer.encode("", true, false)?;
    Ok(tokenizer.bos().filter(|bos| begins.first() == Some(bos)))
}
