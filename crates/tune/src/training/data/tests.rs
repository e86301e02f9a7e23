use std::io::Write as _;

use super::split::normalised;
use super::*;

fn read(lines: &[String]) -> Result<DataSet, TuneError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(lines.join("\n").as_bytes()).unwrap();
    DataSet::read(&[Source { path: file.path(), split: None }])
}

fn pairs(n: usize) -> Vec<String> {
    const WORDS: [&str; 6] = ["red", "green", "blue", "black", "white", "grey"];
    let word = |at: usize| WORDS[at % 6];
    let line = |at: usize| {
        let text = format!("{} {} {} {}", word(at), word(at / 6), word(at / 36), word(at / 216));
        json!({"input": text, "output": word(at)}).to_string()
    };
    (0..n).map(line).collect()
}

#[test]
fn near_duplicates_are_in_one_split() {
    let mut lines = Vec::new();
    for at in 0..200 {
        let words = ["tea", "oats", "rice", "beans", "soup"][at % 5];
        let place = (b'a' + (at / 5 % 26) as u8) as char;
        for text in [
            format!("set a timer for {at} minutes for {words} {place}"),
            format!("Set a timer for {} minutes, for {words} {place}!", at + 7),
        ] {
            lines.push(json!({"input": text, "output": format!("{at} x {text}")}).to_string());
        }
    }
    let set = read(&lines).unwrap();
    let mut splits: HashMap<String, Split> = HashMap::new();
    for example in &set.examples {
        let key = normalised(&example.input.text());
        assert_eq!(*splits.entry(key).or_insert(example.split), example.split);
    }
    assert!(set.of(Split::HeldOut).count() > 5 && set.of(Split::Validation).count() > 5);
}

#[test]
fn what_differs_in_case_digits_and_punctuation_is_the_same() {
    assert_eq!(normalised("  Wake me at 7:30, please! "), "wake me at 0 0 please");
    assert_eq!(normalised("wake ME at 11.05 please"), "wake me at 0 0 please");
    assert_ne!(normalised("wake me"), normalised("wake him"));
}

#[test]
fn a_file_that_says_its_splits_has_them() {
    let lines: Vec<String> = ["train", "train", "validation", "test"]
        .iter()
        .enumerate()
        .map(|(at, split)| {
            let word = ["one", "two", "three", "four"][at];
            json!({"text": word, "label": "number", "split": split}).to_string()
        })
        .collect();
    let splits: Vec<Split> = read(&lines).unwrap().examples.iter().map(|example| example.split).collect();
    assert_eq!(splits, [Split::Train, Split::Train, Split::Validation, Split::HeldOut]);
}

#[test]
fn openai_conversations_are_calls_or_texts() {
    let call = json!({"messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "twenty minutes"},
        {"role": "assistant", "tool_calls": [
            {"type": "function", "function": {"name": "set_timer", "arguments": "{\"duration\": \"PT20M\"}"}}]},
    ]});
    let (input, output, _) = example(&call.to_string(), &mut Vec::new()).unwrap();
    assert_eq!(input.text(), "twenty minutes");
    assert_eq!(output.to_string(), r#"{"name":"set_timer","arguments":{"duration":"PT20M"}}"#);
    assert!(is_call(&output));
}

#[test]
fn kinds_are_found_out() {
    assert_eq!(read(&pairs(300)).unwrap().kind().unwrap(), Kind::Labels);
    let calls = |line: usize| match line % 3 {
        0 => Value::Null,
        _ => json!({"name": "f", "arguments": {"x": line}}),
    };
    let lines: Vec<String> = pairs(300)
        .iter()
        .enumerate()
        .map(|(at, line)| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            value["output"] = calls(at);
            value.to_string()
        })
        .collect();
    assert_eq!(read(&lines).unwrap().kind().unwrap(), Kind::Calls);
}

#[test]
fn data_that_nothing_can_be_learned_from_is_refused_in_a_sentence() {
    let of = |lines: &[String]| read(lines).unwrap_err().to_string();
    assert!(of(&[]).contains("there is no example in it"));
    assert!(of(&vec!["{\"input\": \"a\", \"output\": \"b\"}".to_owned(); 50]).contains("each needs some"));
    assert!(of(&["nonsense".into()]).contains("line 1: it is not JSON"));
    assert!(of(&["{\"prompt\": \"a\"}".into()]).contains("it has \"prompt\" and no input"));
    assert!(of(&["{\"input\": \" \", \"output\": \"b\"}".into()]).contains("its input is empty"));
    assert!(of(&["{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}".into()]).contains("not the assistant's"));
    let mut lines = pairs(60);
    lines.push(json!({"input": "other words", "output": {"a": 1}}).to_string());
    assert!(read(&lines).unwrap().kind().unwrap_err().to_string().contains("one kind of answer"));
}

#[test]
fn duplicates_count_once_and_contradictions_are_told() {
    let mut lines = pairs(300);
    lines.extend(pairs(300));
    lines.push(json!({"input": "red red red red", "output": "green"}).to_string());
    let set = read(&lines).unwrap();
    assert_eq!(set.examples.len(), 301);
    assert_eq!(set.remarks.len(), 2, "{:?}", set.remarks);
    assert!(!set.remarks.iter().any(|remark| remark.contains("held-out")), "its own splits keep them together");
}

#[test]
fn a_label_that_is_seen_once_is_for_learning() {
    for at in 0..26 {
        let mut lines = pairs(300);
        let word = format!("letter {}", (b'a' + at) as char);
        lines.push(json!({"input": word, "output": "letter"}).to_string());
        let set = read(&lines).unwrap();
        assert_eq!(set.examples.last().unwrap().split, Split::Train);
        assert!(set.remarks[0].contains("seen once only"), "{:?}", set.remarks);
    }
}

#[test]
fn what_is_given_to_measure_with_and_is_learned_too_is_told() {
    let line = |text: &str, split: &str| json!({"input": text, "output": "x", "split": split}).to_string();
    let set = read(&[
        line("wake me at 7", "train"),
        line("wake me at nine", "validation"),
        line("Wake me at 11!", "held-out"),
        line("wake him", "held-out"),
    ])
    .unwrap();
    assert!(set.remarks.iter().any(|remark| remark.starts_with("1 of 2 held-out examples")), "{:?}", set.remarks);
}

#[test]
fn conversations_with_one_system_are_texts_after_it() {
    let line = |messages: &[(&str, &str)]| {
        let messages: Vec<Value> =
            messages.iter().map(|(role, content)| json!({"role": role, "content": content})).collect();
        example(&json!({ "messages": messages }).to_string(), &mut Vec::new()).unwrap()
    };
    let set = |lines: &[&[(&str, &str)]]| {
        let examples = lines.iter().map(|messages| {
            let (input, output, _) = line(messages);
            Example { input, output, split: Split::Train }
        });
        DataSet { examples: examples.collect(), ..DataSet::default() }
    };
    let brief: &[(&str, &str)] = &[("system", "Be brief."), ("user", "hi"), ("assistant", "Hello!")];
    let other: &[(&str, &str)] = &[("system", "Be long."), ("user", "hi"), ("assistant", "Hello!")];
    let turns: &[(&str, &str)] = &[("user", "hi"), ("assistant", "Hello!"), ("user", "bye"), ("assistant", "Bye!")];
    let mut same = set(&[brief, brief]);
    assert_eq!(same.with_one_system().as_deref(), Some("Be brief."));
    assert!(same.examples.iter().all(|example| example.input == Input::Text("hi".into())));
    for lines in [&[brief, other][..], &[turns]] {
        let mut set = set(lines);
        assert_eq!(set.with_one_system(), None);
        assert!(set.examples.iter().all(|example| matches!(example.input, Input::Messages(_))));
    }
}
