//! Any bytes are a safetensors file, or are refused in a sentence.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use whit_model::safetensors;

fuzz_target!(|data: &[u8]| {
    let tensors = match safetensors::parse(Path::new("fuzz.safetensors"), data) {
        Ok(tensors) => tensors,
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < 600 && !message.contains(['\n', '\r', '\x1b']), "{message:?}");
            return;
        }
    };
    let mut end = None;
    for tensor in &tensors {
        assert!(end.is_none_or(|end| end == tensor.bytes.start), "{tensor:?} does not begin at {end:?}");
        end = Some(tensor.bytes.end);
        let bytes = &data[tensor.bytes.clone()];
        if let Some(format) = tensor.format() {
            let mut values = vec![0.0; tensor.shape.iter().product()];
            format.decode(bytes, &mut values);
        }
    }
    assert!(end.is_none_or(|end| end == data.len()));
});
