//! Any bytes are a GGUF file, or are refused in a sentence.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use whit_model::gguf;

fuzz_target!(|data: &[u8]| {
    let header = match gguf::parse(Path::new("fuzz.gguf"), data) {
        Ok(header) => header,
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < 600 && !message.contains(['\n', '\r', '\x1b']), "{message:?}");
            return;
        }
    };
    let mut end = 0;
    for tensor in &header.tensors {
        assert!(end <= tensor.bytes.start, "{tensor:?} begins before {end}");
        end = tensor.bytes.end;
        let bytes = &data[tensor.bytes.clone()];
        let Some((&cols, outer)) = tensor.shape.split_last() else { panic!("{tensor:?} has no dimensions") };
        let row_bytes = tensor.format.row_bytes(cols).unwrap();
        assert_eq!(row_bytes * outer.iter().product::<usize>(), bytes.len(), "{tensor:?}");
        tensor.format.decode(&bytes[..row_bytes], &mut vec![0.0; cols]);
    }
});
