//! Where templates come from, and what they are given.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use whit_model::template::ChatInput;
use whit_model::{ChatTemplate, Checkpoint};

use super::messages;

/// A folder that opens as a checkpoint, with these files besides.
fn folder(files: &[(&str, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let header = br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let tensors = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
    std::fs::write(folder.path().join("model.safetensors"), tensors).unwrap();
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

fn template(folder: &Path) -> Option<ChatTemplate> {
    let checkpoint = Checkpoint::open(folder).unwrap_or_else(|e| panic!("{e}"));
    ChatTemplate::from_checkpoint(&checkpoint).unwrap_or_else(|e| panic!("{e}"))
}

fn rendered(files: &[(&str, String)], input: &ChatInput) -> String {
    template(folder(files).path()).expect("a template").render(input).unwrap_or_else(|e| panic!("{e}"))
}

fn with_tools() -> ChatInput {
    ChatInput { tools: Some(vec![json!({"type": "function"})]), ..ChatInput::default() }
}

#[test]
fn a_folder_without_a_template_has_none() {
    assert!(template(folder(&[]).path()).is_none());
    assert!(template(folder(&[("tokenizer_config.json", json!({"eos_token": "x"}).to_string())]).path()).is_none());
}

#[test]
fn tokenizer_config_has_one_template_or_several_with_names() {
    let config = |template: Value| {
        [(
            "tokenizer_config.json",
            json!({"chat_template": template, "bos_token": {"content": "<b>"}, "eos_token": "<e>"}).to_string(),
        )]
    };
    let one = config("{{ bos_token }}one{{ eos_token }}{{ tools | length if tools }}".into());
    assert_eq!(rendered(&one, &ChatInput::default()), "<b>one<e>");
    assert_eq!(rendered(&one, &with_tools()), "<b>one<e>1");

    let several = config(json!([
        {"name": "rag", "template": "rag"}, {"name": "default", "template": "default"}, {"name": "tool_use", "template": "tools"}
    ]));
    assert_eq!(rendered(&several, &ChatInput::default()), "default");
    assert_eq!(rendered(&several, &with_tools()), "tools");
    let nameless = config(json!([{"name": "rag", "template": "rag"}]));
    assert_eq!(rendered(&nameless, &ChatInput::default()), "rag");
}

#[test]
fn a_file_of_its_own_wins() {
    let files = [
        ("tokenizer_config.json", json!({"chat_template": "config", "bos_token": "<b>"}).to_string()),
        ("chat_template.jinja", "{{ bos_token }}file".to_owned()),
        ("additional_chat_templates/tool_use.jinja", "tools".to_owned()),
    ];
    assert_eq!(rendered(&files, &ChatInput::default()), "<b>file");
    assert_eq!(rendered(&files, &with_tools()), "tools");
    let files = [("chat_template.json", json!({"chat_template": "json"}).to_string())];
    assert_eq!(rendered(&files, &ChatInput::default()), "json");
}

/// A GGUF file of these strings, and of tokens.
fn gguf(strings: &[(&str, &str)], tokens: &[&str]) -> tempfile::NamedTempFile {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut bytes = [&b"GGUF"[..], &3u32.to_le_bytes(), &0u64.to_le_bytes()].concat();
    bytes.extend((strings.len() as u64 + 1).to_le_bytes());
    for (key, value) in strings {
        bytes.extend([text(key), 8u32.to_le_bytes().to_vec(), text(value)].concat());
    }
    bytes.extend([text("tokenizer.ggml.tokens"), [9u32.to_le_bytes(), 8u32.to_le_bytes()].concat()].concat());
    bytes.extend((tokens.len() as u64).to_le_bytes());
    bytes.extend(tokens.iter().flat_map(|token| text(token)));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[test]
fn a_gguf_file_has_its_template_and_its_tokens() {
    let tokens = ["<unk>", "<bos>", "<eos>"];
    assert!(template(gguf(&[("general.architecture", "llama")], &tokens).path()).is_none());

    let one = ("tokenizer.chat_template", "{{ bos_token }}|{{ eos_token }}");
    let spm = template(gguf(&[("tokenizer.ggml.model", "llama"), one], &tokens).path()).unwrap();
    assert_eq!(spm.render(&ChatInput::default()).unwrap(), "<bos>|<eos>");
    let bpe = template(gguf(&[("tokenizer.ggml.model", "gpt2"), one], &tokens).path()).unwrap();
    assert_eq!(bpe.render(&ChatInput::default()).unwrap(), "|");

    let two = template(gguf(&[one, ("tokenizer.chat_template.tool_use", "tools")], &tokens).path()).unwrap();
    assert_eq!(two.render(&ChatInput::default()).unwrap(), "|");
    assert_eq!(two.render(&with_tools()).unwrap(), "tools");
}

#[test]
fn a_damaged_template_is_named_with_its_file() {
    let folder = folder(&[("chat_template.jinja", "\n{% if %}".to_owned())]);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let message = ChatTemplate::from_checkpoint(&checkpoint).unwrap_err().to_string();
    assert!(message.contains("chat_template.jinja: template: line 2: "), "{message}");
}

#[test]
fn the_conversation_and_further_variables_reach_the_template() {
    let source = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}\
        {% if add_generation_prompt %}[assistant]{% endif %}{% if enable_thinking is defined %}{{ enable_thinking }}{% endif %}";
    let template = ChatTemplate::new(source, None, None).unwrap();
    let mut input = ChatInput { messages: messages(), add_generation_prompt: true, ..ChatInput::default() };
    assert_eq!(template.render(&input).unwrap(), "[system]Be brief.[user]Hi 🦙[assistant]");
    input.extra = Map::from_iter([("enable_thinking".to_owned(), json!(false))]);
    input.add_generation_prompt = false;
    assert_eq!(template.render(&input).unwrap(), "[system]Be brief.[user]Hi 🦙False");
}

#[test]
fn the_time_can_be_held_still() {
    let template = ChatTemplate::new("{{ strftime_now('%d %b %Y, %B %-d, %A %Y-%m-%d %H:%M') }}", None, None).unwrap();
    let still = template.at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_752_105_600));
    assert_eq!(still.render(&ChatInput::default()).unwrap(), "10 Jul 2025, July 10, Thursday 2025-07-10 00:00");
}
