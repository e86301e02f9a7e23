//! Any bytes are a brick's archive or a brick's card, or are refused in a sentence.
#![no_main]

use std::collections::HashSet;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use whit_model::ModelError;
use whit_model::brick::{self, Card};

fn check_sentence(error: &ModelError) {
    let message = error.to_string();
    assert!(message.len() < 600 && !message.contains(['\n', '\r', '\x1b']), "{message:?}");
}

fn check_card(bytes: &[u8]) {
    match Card::parse(Path::new("fuzz/brick.toml"), bytes) {
        Ok(card) => {
            assert!(card.quality.iter().all(|quality| quality.low <= quality.value && quality.value <= quality.high));
            assert!(card.confidence.is_none_or(|confidence| confidence.temperature.is_finite()));
            assert!(!card.name.contains(['/', '.', '\0']));
        }
        Err(error) => check_sentence(&error),
    }
}

fuzz_target!(|data: &[u8]| {
    check_card(data);
    let members = match brick::parse_archive(Path::new("fuzz.brick"), data) {
        Ok(members) => members,
        Err(error) => return check_sentence(&error),
    };
    let (mut end, mut names) = (0, HashSet::new());
    for member in &members {
        assert!(end + 512 <= member.bytes.start && member.bytes.start % 512 == 0, "{member:?} begins before {end}");
        end = member.bytes.end;
        let parts = || member.name.split('/');
        assert!(parts().all(|part| !part.is_empty() && !part.starts_with('.')), "{member:?}");
        assert!(names.insert(member.name.to_lowercase()), "{member:?} is there twice");
        if member.name == brick::CARD {
            check_card(&data[member.bytes.clone()]);
        }
    }
    assert!(end <= data.len());
});
