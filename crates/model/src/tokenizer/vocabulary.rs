//! The written forms of all ids, both ways, in one piece of memory: a vocabulary of 150,000 tokens would otherwise be
//! as many small allocations, which is what made loading slow.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Ids to written forms and back. Ids may have gaps.
#[derive(Default)]
pub(super) struct Vocabulary {
    text: String,
    /// Where each id's written form lies in `text`; `None` is a gap.
    places: Vec<Option<(u32, u32)>>,
    /// Ids by the hash of their written form.
    ids: HashTable<u32>,
    hasher: ahash::RandomState,
    longest: usize,
}

impl Vocabulary {
    /// A vocabulary with `tokens` as ids 0, 1, 2, ...
    pub(super) fn from_tokens(tokens: &[String]) -> Result<Vocabulary, String> {
        let mut vocabulary = Vocabulary::default();
        vocabulary.text.reserve(tokens.iter().map(String::len).sum());
        vocabulary.places.reserve(tokens.len());
        vocabulary.ids.reserve(tokens.len(), |_| 0);
        for (id, token) in tokens.iter().enumerate() {
            vocabulary.insert(u32::try_from(id).map_err(|_| "has more than 2^32 tokens".to_owned())?, token)?;
        }
        Ok(vocabulary)
    }

    /// A vocabulary of pairs in any order.
    pub(super) fn from_pairs<'a>(pairs: impl ExactSizeIterator<Item = (&'a str, u32)>) -> Result<Vocabulary, String> {
        let mut vocabulary = Vocabulary::default();
        vocabulary.ids.reserve(pairs.len(), |_| 0);
        for (token, id) in pairs {
            vocabulary.insert(id, token)?;
        }
        Ok(vocabulary)
    }

    /// Gives `id` the written form `token`. If several ids share one, the last inserted is the one found by it.
    pub(super) fn insert(&mut self, id: u32, token: &str) -> Result<(), String> {
        /// Gaps cost memory, so a lone id far beyond all others (a damaged file) is not believed.
        const LARGEST_GAP: usize = 1 << 20;
        let index = id as usize;
        if index > self.ids.len() + LARGEST_GAP {
            return Err(format!("token {} has the id {id}, far beyond the others", crate::error::shorten(token)));
        }
        if index >= self.places.len() {
            self.places.resize(index + 1, None);
        }
        let start = u32::try_from(self.text.len()).map_err(|_| "has more than 4 GiB of tokens".to_owned())?;
        let length = u32::try_from(token.len()).map_err(|_| "has a token of more than 4 GiB".to_owned())?;
        self.text.push_str(token);
        self.places[index] = Some((start, length));
        self.longest = self.longest.max(token.len());

        let (text, places, hasher) = (&self.text, &self.places, &self.hasher);
        let written = |id: &u32| slice(text, places, *id).unwrap_or_default();
        let entry =
            self.ids.entry(hasher.hash_one(token), |id| written(id) == token, |id| hasher.hash_one(written(id)));
        match entry {
            Entry::Occupied(mut entry) => *entry.get_mut() = id,
            Entry::Vacant(entry) => {
                entry.insert(id);
            }
        }
        Ok(())
    }

    /// One more than the largest id.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Bytes of the longest written form.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The written form of `id`.
    pub(super) fn token(&self, id: u32) -> Option<&str> {
        slice(&self.text, &self.places, id)
    }

    /// The id written `token`.
    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.ids.find(self.hasher.hash_one(token), |&id| self.token(id) == Some(token)).copied()
    }
}

fn slice<'a>(text: &'a str, places: &[Option<(u32, u32)>], id: u32) -> Option<&'a str> {
    let (start, length) = (*places.get(id as usize)?)?;
    text.get(start as usize..start as usize + length as usize)
}
