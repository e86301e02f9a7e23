//! Two small trained models say what they are known to say.

mod common;

use common::{exact, folder, generate, load};
use whit_engine::{KvFormat, Options, Request};

#[test]
#[ignore = "needs trained models that are not in the repository: WHIT_WEIGHTS, default ../shared/data/weights"]
fn trained_models_say_what_an_independent_forward_pass_says() {
    let weights = folder("WHIT_WEIGHTS", "../shared/data/weights");
    let goldens = std::fs::read(weights.join("goldens.json")).expect("goldens.json: set WHIT_WEIGHTS");
    let goldens: serde_json::Value = serde_json::from_slice(&goldens).unwrap();
    for (key, file) in [("stories260K", "stories260K.gguf"), ("tok105_model5000", "babyllama.gguf")] {
        let golden: Vec<u32> = goldens["greedy_ids_fp64"][key]
            .as_array()
            .unwrap_or_else(|| panic!("goldens.json has no {key}"))
            .iter()
            .map(|id| id.as_u64().unwrap() as u32)
            .collect();
        for kv_format in [KvFormat::F32, KvFormat::F16] {
            let mut engine = load(&weights.join(file), Options { kv_format, ..exact(golden.len()) }).unwrap();
            let ids = generate(&mut engine, Request::new(golden[..1].to_vec()));
            assert_eq!(ids, golden[1..], "{file} with {kv_format:?}");
            println!("{file}: {} greedy ids agree ({kv_format:?} cache)", ids.len());
        }
    }
}
