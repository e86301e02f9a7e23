//! Whether a server's answers depend on what else it does.

use serde::Serialize;

use crate::{Measured, Prompts, Target};

/// Characters of an answer that are shown around the first difference.
const SHOWN: usize = 40;

/// Answers under load beside those to the same prompts alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alone {
    /// The server that was asked alone.
    pub url: String,
    /// Answers under load that were held against another.
    pub compared: usize,
    /// Of these, those that are other bytes, or were not given again.
    pub different: usize,
    /// A sentence about the first of them.
    pub first_difference: Option<String>,
}

/// Asks everything that was answered under load once more, one after the other, and compares the texts. `target` may be
/// another server of the same model: one that has nothing of the load in its caches. `progress` hears after every answer
/// how many there are.
pub fn compare(target: &Target, prompts: &Prompts, measured: &Measured, progress: &mut dyn FnMut(usize)) -> Alone {
    let mut alone = Alone { url: target.url().to_owned(), compared: 0, different: 0, first_difference: None };
    for (index, exchange) in measured.exchanges.iter().enumerate() {
        let Ok(answer) = &exchange.result else { continue };
        let prompt = prompts.prompt(index, exchange.arrival.prompt_tokens);
        let again = target.complete(&prompt, exchange.arrival.output_tokens);
        alone.compared += 1;
        let difference = match &again {
            Ok(again) => difference(&answer.text, &again.text),
            Err(error) => Some(format!("is not answered alone: {error}")),
        };
        if let Some(difference) = difference {
            alone.different += 1;
            alone.first_difference.get_or_insert_with(|| format!("request {} {difference}", index + 1));
        }
        progress(alone.compared);
    }
    alone
}

fn difference(loaded: &str, alone: &str) -> Option<String> {
    if loaded == alone {
        return None;
    }
    let same = loaded.char_indices().zip(alone.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    let at = same.unwrap_or(loaded.len().min(alone.len()));
    let shown = |text: &str| text[at..].chars().take(SHOWN).collect::<String>();
    Some(format!("differs from byte {at} on: {:?} under load, {:?} alone", shown(loaded), shown(alone)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_from_its_first_byte() {
        assert_eq!(difference("a whale", "a whale"), None);
        assert_eq!(
            difference("blå hval", "blå dag").unwrap(),
            "differs from byte 5 on: \"hval\" under load, \"dag\" alone"
        );
        assert_eq!(difference("ab", "abc").unwrap(), "differs from byte 2 on: \"\" under load, \"c\" alone");
    }
}
