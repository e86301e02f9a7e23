//! Which syntax a model writes, by its chat template.

use std::{fs, path::PathBuf};

use serde_json::Value;
use whit_server::tools::Syntax;

/// Real templates by the name of their model or file, and the syntax that each writes. Those that are not here have
/// another syntax, or none.
const WRITTEN: [(&str, &str); 25] = [
    ("Mistral-Small-3.2-24B-Instruct-2506.jinja", "mistral-call-id"),
    ("unsloth-mistral-Devstral-Small-2507.jinja", "mistral-args"),
    ("mistralai-Mistral-Nemo-Instruct-2407.jinja", "mistral"),
    ("mistralai/Mistral-Nemo-Instruct-2407", "mistral"),
    ("mistralai/Mistral-7B-Instruct-v0.3 (JSON Schema)", "mistral"),
    ("CISCai/Mistral-7B-Instruct-v0.3-SOTA-GGUF", "mistral"),
    ("NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja", "hermes"),
    ("NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja", "hermes"),
    ("NousResearch/Hermes-2-Pro-Llama-3-8B (JSON Schema)", "hermes"),
    ("Qwen-QwQ-32B.jinja", "hermes"),
    ("Qwen-Qwen2.5-7B-Instruct.jinja", "hermes"),
    ("Qwen-Qwen3-0.6B.jinja", "hermes"),
    ("Qwen/Qwen2.5-7B-Instruct", "hermes"),
    ("Qwen/Qwen3-0.6B", "hermes"),
    ("HuggingFaceTB/SmolLM3-3B", "hermes"),
    ("meta-llama-Llama-3.1-8B-Instruct.jinja", "llama3"),
    ("meta-llama-Llama-3.2-3B-Instruct.jinja", "llama3"),
    ("meta-llama-Llama-3.3-70B-Instruct.jinja", "llama3"),
    ("meta-llama_Meta-Llama-3.1-8B-Instruct", "llama3"),
    ("llama-cpp-lfm2.jinja", "lfm2"),
    ("LiquidAI/LFM2.5-VL-450M", "lfm2"),
    ("ibm-granite-granite-3.3-2B-Instruct.jinja", "granite"),
    ("meta-llama/Llama-3.1-8B-Instruct", "llama3"),
    ("meta-llama/Llama-3.2-11B-Vision-Instruct", "llama3"),
    ("fireworks-ai-llama-3-firefunction-v2.jinja", "functools"),
];

fn templates() -> Vec<(String, String)> {
    let folder = std::env::var("WHIT_TEMPLATES").map(PathBuf::from);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/chat-templates");
    let folder = folder.unwrap_or_else(|_| PathBuf::from(root));
    let read = |path: PathBuf| fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    let list = |folder: PathBuf| fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut templates = Vec::new();
    for line in read(folder.join("huggingface.js-jinja/e2e_cases.jsonl")).lines() {
        let case: Value = serde_json::from_str(line).expect("a JSON object");
        templates.push((case["name"].as_str().expect("a name").to_owned(), case["chat_template"].clone()));
    }
    let is_template = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "jinja");
    for path in list(folder.join("llamacpp-templates")).filter(is_template) {
        templates.push((name(&path), Value::from(read(path))));
    }
    for path in list(folder.join("tokenizer_configs")) {
        let config: Value = serde_json::from_str(&read(path.join("tokenizer_config.json"))).expect("a JSON object");
        templates.push((name(&path), config["chat_template"].clone()));
    }
    let texts = templates.into_iter().filter_map(|(name, template)| Some((name, template.as_str()?.to_owned())));
    texts.collect()
}

#[test]
#[ignore = "needs chat templates: WHIT_TEMPLATES, ../shared/data/chat-templates by default"]
fn real_templates_tell_their_syntax() {
    let templates = templates();
    for (name, template) in &templates {
        let syntax = WRITTEN.iter().find(|(written, _)| written == name).map_or("generic", |(_, syntax)| *syntax);
        assert_eq!(Syntax::of(template, "").name(), syntax, "{name}");
    }
    for (name, _) in WRITTEN {
        assert!(templates.iter().any(|(other, _)| other == name), "{name}");
    }
}

#[test]
fn marks_of_templates() {
    let cases = [
        ("{% if tools %}<|tool|>{{ tools }}<|/tool|>{% endif %}", "phi3", "phi4-mini"),
        ("<|start_of_role|>available_tools<|end_of_role|>{{ tools }}", "granite", "granite"),
        ("<|start_of_role|>tools {{ tools }}", "granitehybrid", "granite"),
        ("<|start_of_role|><tool_call>\n{\"arguments\": {}}\n</tool_call>", "granite", "hermes"),
        ("{{ tools }}", "lfm2", "lfm2"),
        ("{{ tools }}", "llama", "generic"),
        ("{{ messages }}", "granite", "generic"),
        ("Respond in the format [func_name1(a=1), func_name2(...)]", "llama", "pythonic"),
        ("<tool_call>\n<function=name>\n<parameter=a>\n1\n</parameter>", "qwen3", "generic"),
        ("", "", "generic"),
    ];
    for (template, architecture, syntax) in cases {
        assert_eq!(Syntax::of(template, architecture).name(), syntax, "{template}");
    }
}
