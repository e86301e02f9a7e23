//! Answers put together, for the tests of the parsers and of the grammars.

use super::Event;

/// An answer as a whole, put together from its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What is not calls.
    pub text: String,
    /// The name and the arguments, as JSON text, of every complete call.
    pub calls: Vec<(String, String)>,
}

impl Extend<Event> for Answer {
    fn extend<T: IntoIterator<Item = Event>>(&mut self, events: T) {
        for event in events {
            match event {
                Event::Text(text) => self.text.push_str(&text),
                Event::CallStart { name, .. } => self.calls.push((name, String::new())),
                Event::Arguments { piece, .. } => {
                    self.calls.last_mut().into_iter().for_each(|call| call.1.push_str(&piece))
                }
                Event::CallEnd { .. } => {}
                Event::CallBroken { source, .. } => {
                    self.calls.pop();
                    self.text.push_str(&source);
                }
            }
        }
    }
}
