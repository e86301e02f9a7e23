//! Text that ends an answer, found as the text grows.

/// Passes text on, holding back what could be the beginning of a stop text.
pub(crate) struct StopTexts {
    stops: Vec<String>,
    held: String,
}

/// What a piece of text led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// Certain text, possibly empty.
    Text(String),
    /// The rest of the text; a stop text followed.
    Stop(String),
}

impl StopTexts {
    /// Empty stop texts never match.
    pub fn new(stops: Vec<String>) -> StopTexts {
        StopTexts { stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(), held: String::new() }
    }

    /// Takes more text.
    pub fn push(&mut self, piece: &str) -> Passed {
        self.held.push_str(piece);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return Passed::Stop(std::mem::take(&mut self.held));
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        Passed::Text(std::mem::replace(&mut self.held, rest))
    }

    /// What was held back, when no more text comes.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
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
            match texts.push(piece) {
                Passed::Text(text) => out += &text,
                Passed::Stop(text) => return (out + &text, true),
            }
        }
        out += &texts.finish();
        (out, false)
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
