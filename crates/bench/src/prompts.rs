//! Prompts of a wanted number of tokens, for a server whose tokenizer is not known.
//!
//! All that OpenAI's API says about tokens is how many a prompt has (`usage.prompt_tokens`). That is enough: what each of
//! a few words costs is asked once, and prompts are put together from words of known cost. The same words go to every
//! server, so servers of the same model read the same prompts.

use crate::{BenchError, RequestError, Target};

/// Every prompt begins with it; the others are counted after it.
const BEGINNING: &str = "A";
/// Where a vocabulary has words, each is one token. The last ones are short, for those that have only letters.
const WORDS: [&str; 32] = [
    " time", " people", " way", " water", " day", " man", " house", " year", " work", " world", " life", " hand",
    " part", " city", " place", " night", " point", " home", " room", " side", " money", " story", " fact", " month",
    " light", " name", " line", " end", " the", " of", " in", " a",
];
/// What is left to fill where no word is short enough.
const LAST: &str = ".";
/// Words in front that tell the prompts of a load from each other, so that no beginning is found in a cache.
const NUMBER: u32 = 3;

/// Makes prompts.
#[derive(Clone, Debug)]
pub struct Prompts {
    seed: u64,
    /// Tokens of the beginning with all that the server puts around it.
    beginning: usize,
    /// Tokens of each word.
    costs: [usize; WORDS.len()],
    /// Tokens of [`LAST`] after a word.
    last: usize,
}

impl Prompts {
    /// Asks what words cost. `seed` chooses among all prompts; those of one seed are always the same.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn measure(target: &Target, seed: u64) -> Result<Prompts, BenchError> {
        let costs = Prompts::ask(target, seed);
        costs.map_err(|source| BenchError::Server { url: target.url().to_owned(), source })
    }

    fn ask(target: &Target, seed: u64) -> Result<Prompts, RequestError> {
        let words = Prompts { seed, beginning: 1, costs: [1; WORDS.len()], last: 1 };
        let Some(beginning) = target.count(BEGINNING)? else {
            // It does not count: most words are one token for most models.
            return Ok(words);
        };
        let cost = |text: &str| -> Result<usize, RequestError> {
            let counted = target.count(&format!("{BEGINNING}{text}"))?;
            Ok(counted.unwrap_or(beginning).saturating_sub(beginning))
        };
        let mut prompts = Prompts { beginning, ..words };
        // Mostly every word is one token, and that is one question instead of one for each.
        if cost(&WORDS.concat())? != WORDS.len() {
            for (word, known) in WORDS.iter().zip(&mut prompts.costs) {
                *known = cost(word)?.max(1);
            }
        }
        prompts.last = cost(&format!("{}{LAST}", WORDS[0]))?.saturating_sub(prompts.costs[0]).max(1);
        Ok(prompts)
    }

    /// Prompt number `index`, of `tokens` tokens with all that the server puts around it; of more if that is more.
    pub fn prompt(&self, index: usize, tokens: usize) -> String {
        let mut text = BEGINNING.to_owned();
        let mut left = tokens.saturating_sub(self.beginning);
        let mut random = Random(self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ index as u64);
        for position in 0.. {
            let word = match position < NUMBER {
                true => (index / WORDS.len().pow(position) + self.seed as usize) % WORDS.len(),
                false => random.next() as usize % WORDS.len(),
            };
            // The next one that fits.
            let fits = |&word: &usize| self.costs[word] <= left;
            let Some(word) = (word..word + WORDS.len()).map(|word| word % WORDS.len()).find(fits) else { break };
            text += WORDS[word];
            left -= self.costs[word];
        }
        if left >= self.last {
            text += LAST;
        }
        text
    }
}

/// SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompts(costs: [usize; WORDS.len()]) -> Prompts {
        Prompts { seed: 7, beginning: 3, costs, last: 1 }
    }

    /// One token for each byte, as far as the words are concerned.
    fn of_letters() -> Prompts {
        prompts(WORDS.map(str::len))
    }

    #[test]
    fn a_prompt_has_as_many_tokens_as_wanted() {
        for tokens in 4..200 {
            let text = prompts([1; WORDS.len()]).prompt(tokens, tokens);
            assert_eq!(3 + text.matches(' ').count(), tokens, "{text}");
            let text = of_letters().prompt(tokens, tokens);
            assert_eq!(3 + text.len() - BEGINNING.len(), tokens, "{text}");
        }
        assert_eq!(of_letters().prompt(0, 2), BEGINNING);
    }

    #[test]
    fn prompts_are_always_the_same_and_all_begin_differently() {
        let prompts = of_letters();
        let texts: Vec<String> = (0..2000).map(|index| prompts.prompt(index, 60)).collect();
        assert_eq!(texts[17], of_letters().prompt(17, 60));
        let beginnings: std::collections::HashSet<String> =
            texts.iter().map(|text| text.split(' ').take(1 + NUMBER as usize).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(beginnings.len(), texts.len());
        assert_ne!(texts[17], Prompts { seed: 8, ..prompts }.prompt(17, 60));
    }
}
