//! A conversation in the terminal.

use std::path::PathBuf;

use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};
use serde_json::{Value, json};
use whit_engine::EngineError;
use whit_model::ModelError;

use crate::answer::Finish;
use crate::commands::Session;
use crate::say;

const HELP: &str = "\
/clear    forget the conversation
/help     this list
/exit     leave, as does Ctrl-D
\"\"\"       begins and ends a message of several lines
Ctrl-C stops an answer or discards a line; the arrow keys go through what was said before.";

/// Talks until the person leaves. `opening` (the system message) comes before every conversation.
pub fn chat(session: &mut Session, opening: Vec<Value>) -> anyhow::Result<()> {
    let mut input = Input::new()?;
    let mut messages = opening.clone();
    say(&format!("context of {} tokens; /help for help, Ctrl-D to leave", session.context()));
    while let Some(line) = input.message()? {
        match line.trim() {
            "" => continue,
            "/exit" | "/quit" | "/bye" => break,
            "/help" | "/?" => say(HELP),
            "/clear" => messages.clone_from(&opening),
            command if command.starts_with('/') && !command.contains(char::is_whitespace) => {
                say(&format!("there is no {command}; /help lists what there is"));
            }
            _ => {
                messages.push(json!({"role": "user", "content": line}));
                match session.reply(&messages) {
                    Ok(answer) => {
                        match answer.finish {
                            Finish::Interrupted => say("(stopped)"),
                            Finish::Length => say("(cut: --max-tokens or the context is reached; /clear begins anew)"),
                            Finish::Stop => {}
                        }
                        messages.push(json!({"role": "assistant", "content": answer.text}));
                    }
                    // The conversation is too long, or the template refuses it: neither ends the chat.
                    Err(error)
                        if matches!(error.downcast_ref(), Some(EngineError::Request(_)))
                            || error.is::<ModelError>() =>
                    {
                        say(&format!("{error:#}; /clear begins anew"));
                        messages.pop();
                    }
                    Err(error) => return Err(error),
                }
                if !session.has_template() {
                    messages.clone_from(&opening);
                }
            }
        }
    }
    Ok(())
}

/// What the person types, with a history that outlives the chat.
struct Input {
    editor: DefaultEditor,
    history: Option<PathBuf>,
}

impl Input {
    fn new() -> anyhow::Result<Input> {
        let config = Config::builder().auto_add_history(true).history_ignore_space(true).build();
        let mut editor = DefaultEditor::with_config(config)?;
        let history = history_file();
        if let Some(path) = &history {
            // There is none the first time, and a chat does without.
            let _ = editor.load_history(path);
        }
        Ok(Input { editor, history })
    }

    /// The next message; `None` when the person leaves.
    fn message(&mut self) -> anyhow::Result<Option<String>> {
        let Some(first) = self.line(">>> ")? else { return Ok(None) };
        let Some(mut text) = first.trim_start().strip_prefix("\"\"\"").map(str::to_owned) else {
            return Ok(Some(first));
        };
        while !text.trim_end().ends_with("\"\"\"") {
            match self.line("... ")? {
                Some(line) => text = format!("{text}\n{line}"),
                None => return Ok(None),
            }
        }
        Ok(Some(text.trim_end().trim_end_matches("\"\"\"").trim_matches('\n').to_owned()))
    }

    /// The next line. Ctrl-C discards what is there; it leaves nobody in doubt how to leave.
    fn line(&mut self, prompt: &str) -> anyhow::Result<Option<String>> {
        loop {
            match self.editor.readline(prompt) {
                Ok(line) => {
                    if let Some(path) = &self.history {
                        // A history that cannot be written is no reason to stop talking.
                        let _ = self.editor.append_history(path);
                    }
                    return Ok(Some(line));
                }
                Err(ReadlineError::Interrupted) => say("(Ctrl-D leaves)"),
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// `history` in the folder where this system's programs keep a user's data; made if need be.
fn history_file() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = if cfg!(windows) {
        variable("LOCALAPPDATA")?
    } else {
        variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share")))?
    };
    let folder = data.join("whit");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}
