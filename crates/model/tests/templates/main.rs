//! Chat templates: against recorded renderings (`data`, which needs files that are not in the repository), and in the small.

mod data;
mod hostile;
mod python;
mod sources;

use serde_json::{Value, json};
use whit_model::ChatTemplate;
use whit_model::template::ChatInput;

/// What `source` renders `variables` to.
fn render(source: &str, variables: Value) -> Result<String, String> {
    let extra = variables.as_object().expect("an object of variables").clone();
    let template = ChatTemplate::new(source, Some("<s>"), Some("</s>")).map_err(|e| e.to_string())?;
    template.render(&ChatInput { extra, ..ChatInput::default() }).map_err(|e| e.to_string())
}

fn messages() -> Vec<Value> {
    vec![json!({"role": "system", "content": "Be brief."}), json!({"role": "user", "content": "Hi 🦙"})]
}
