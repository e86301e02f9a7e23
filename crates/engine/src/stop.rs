//! Text that ends an answer, found as the text grows.

/// Passes text on, holding back what could be the beginning of a stop text.
pub(crate) struct StopTexts {
    stops: Vec<String>,
    /// What was passed on last, then what is held back.
    text: String,
    passed: usize,
}

/// What a piece of text led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Passed<'a> {
    /// Certain text, possibly empty.
    Text(&'a str),
    /// The rest of the text; a stop text followed.
    Stop(&'a str),
}

impl StopTexts {
    /// Empty stop texts never match.
    pub fn new(stops: Vec<String>) -> StopTexts {
        let stops: Vec<String> = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
        let longest = stops.iter().map(String::len).max().unwrap_or(0);
        // Room for the longest token there is likely to be: then no step has to grow it.
        StopTexts { stops, text: String::with_capacity(longest + 1024), passed: 0 }
    }

    /// Takes the text that `more` appends.
    pub fn push(&mut self, more: impl FnOnce(&mut String)) -> Passed<'_> {
        self.text.drain(..self.passed);
        more(&mut self.text);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.text.find(stop.as_str())).min() {
            self.text.truncate(at);
            self.passed = at;
            return Passed::Stop(&self.text);
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.text, stop)).max().unwrap_or(0);
        self.passed = self.text.len() - keep;
        Passed::Text(&self.text[..self.passed])
    }

    /// As [`StopTexts::push`], when no more text comes: nothing is held back.
    pub fn finish(&mut self, more: impl FnOnce(&mut String)) -> Passed<'_> {
        match self.push(more) {
            Passed::Stop(_) => Passed::Stop(&self.text),
            Passed::Text(_) => Passed::Text(&self.text),
        }
    }
}

/// Bytes at the end of `text` that begin `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    stop.char_indices().map(|(at, c)| at + c.len_utf8()).rev().find(|&n| text.ends_with(&stop[..n])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut texts = StopTexts::new(stops.iter().map(|s| s.to_string()).collect());
        let mut out = String::new();
        for piece in pieces {
            match texts.push(|text| text.push_str(piece)) {
                Passed::Text(text) => out += text,
                Passed::Stop(text) => return (out + text, true),
            }
        }
        match texts.finish(|_| {}) {
            Passed::Text(text) => (out + text, false),
            Passed::Stop(text) => (out + text, true),
        }
    }

    #[test]
    fn the_answer_ends_before_the_first_stop_text_wherever_it_is_cut() {
        let text = "one two\n\nthree";
        for cut in 1..text.len() {
            assert_eq!(run(&["\n\n", "three"], &[&text[..cut], &text[cut..]]), ("one two".into(), true));
        }
        assert_eq!(run(&["wo", "one t"], &[text]), ("".into(), true));
    }

    #[test]
    fn text_that_only_looks_like_a_stop_comes_through() {
        assert_eq!(run(&["<end>"], &["a <", "en", "d ", "<e"]), ("a <end <e".into(), false));
        assert_eq!(run(&["äöü"], &["ä", "ö", "x"]), ("äöx".into(), false));
        assert_eq!(run(&[""], &["abc"]), ("abc".into(), false));
    }
}
