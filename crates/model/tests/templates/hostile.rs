//! A template comes with the model: whatever it does, it costs bounded time and memory, and what is wrong is said in a sentence.

use std::time::{Duration, Instant};

use serde_json::json;
use whit_model::ChatTemplate;
use whit_model::template::ChatInput;

use super::render;

/// Time that a template may take before it is stopped, here where other tests run beside it.
const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn refused(source: &str) -> String {
    let start = Instant::now();
    let result = render(source, json!({"text": "x", "list": [1, 2, 3], "table": {"a": 1}}));
    let took = start.elapsed();
    assert!(took < PATIENCE, "{source} took {took:?}");
    match result {
        Ok(text) => panic!("{source} gives {} bytes", text.len()),
        Err(message) => {
            assert!(!message.contains('\n') && message.len() < 500, "{message}");
            message
        }
    }
}

#[test]
fn endless_work_runs_out_of_fuel() {
    let loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% set x = 1 %}{% endfor %}{% endfor %}";
    assert!(refused(loops).contains("more time than a chat template may"), "{}", refused(loops));
    assert!(refused("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").contains("recursion limit"));
    assert!(refused("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}").contains("recursion limit"));
    assert!(
        refused("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}")
            .contains("template may")
    );
}

#[test]
fn strings_do_not_grow_without_limit() {
    for doubling in [
        "{% set ns.x = ns.x + ns.x %}",
        "{% set ns.x = ns.x ~ ns.x %}",
        "{% set ns.x = ns.x * 2 %}",
        "{% set ns.x = ns.x | replace('x', 'xx') %}",
        "{% set ns.x = ns.x.replace('x', 'xx') %}",
        "{% set ns.x = [ns.x, ns.x] | join %}",
        "{% set ns.x = ''.join([ns.x, ns.x]) %}",
        "{% set ns.x = '%s%s' | format(ns.x, ns.x) %}",
        "{% set ns.x = '{}{}'.format(ns.x, ns.x) %}",
        "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}",
        "{% set ns.x = {'a': ns.x, 'b': ns.x} | tojson %}",
        "{% set ns.x = [ns.x, ns.x] | string %}",
    ] {
        let source = format!(
            "{{% set ns = namespace(x='x') %}}{{% for i in range(99) %}}{doubling}{{% endfor %}}{{{{ ns.x | length }}}}"
        );
        assert!(refused(&source).contains("time or memory"), "{doubling}: {}", refused(&source));
    }
    for at_once in [
        "{{ 'x' * 999999999999 }}",
        "{{ text * 999999999 }}",
        "{{ list * 999999999 }}",
        "{{ text | indent(999999999) }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ list | tojson(indent='x' * 99999) }}",
        "{{ strftime_now('%999999999d') }}",
        "{{ range(999999999) | list }}",
        "{% for i in range(99999) %}{% for j in range(999) %}a text of many bytes, over and over{% endfor %}{% endfor %}",
        "{% set x %}{% for i in range(99999) %}{% for j in range(999) %}a text, over and over{% endfor %}{% endfor %}{% endset %}",
    ] {
        refused(at_once);
    }
}

#[test]
fn lists_do_not_grow_without_limit() {
    for doubling in [
        "{% set ns.x = ns.x + ns.x %}",
        "{% set ns.x = [ns.x, ns.x] %}",
        "{% set ns.x = (ns.x, ns.x) %}",
        "{% set ns.x = {'a': ns.x, 'b': ns.x} %}",
        "{% set ns.x = dict(a=ns.x, b=ns.x) %}",
        "{% set ns.x = [ns.x] %}",
        "{% set ns.x = [ns.x] | list %}",
        "{% set ns.x = {'a': ns.x}.items() %}",
        "{% set ns.x = {'a': ns.x} | dictsort %}",
        "{% set ns.x = ns.x | groupby(0) %}{% set ns.x = [ns.x, ns.x] %}",
        "{% set ns.x = [ns.x, ns.x] | sort %}",
        "{% set ns.x = [ns.x, ns.x] | unique | list + [ns.x] %}",
        "{% set ns.x = [ns.x, [ns.x]] | reverse %}",
        "{% set ns.x = [ns.x, [ns.x]][0:] %}",
        "{% set ns.x = {'a': [ns.x, ns.x]}.values() | list %}",
    ] {
        let source = format!(
            "{{% set ns = namespace(x=['x']) %}}{{% for i in range(99999) %}}{doubling}{{% endfor %}}{{{{ ns.x == ns.x }}}}"
        );
        let message = refused(&source);
        assert!(
            message.contains("time or memory") || message.contains("nested too deeply") || message.contains("line 1"),
            "{message}"
        );
    }
}

#[test]
fn laziness_does_not_pile_up() {
    for step in
        ["ns.x[0:]", "ns.x | reverse", "ns.x | map('string')", "ns.x | select", "ns.x[::-1]", "ns.x + []", "ns.x * 1"]
    {
        let source = format!(
            "{{% set ns = namespace(x=[1, 2]) %}}{{% for i in range(99999) %}}{{% set ns.x = {step} %}}{{% endfor %}}{{{{ ns.x | length }}}}"
        );
        assert_eq!(render(&source, json!({})).as_deref(), Ok("2"), "{step}");
    }
}

#[test]
fn namespaces_do_not_hold_each_other() {
    for source in [
        "{% set ns = namespace() %}{% set ns.self = ns %}{{ ns }}",
        "{% set ns = namespace() %}{% set ns.list = [ns] %}{{ ns }}",
        "{% set ns = namespace() %}{% set x = {'a': ns} %}",
        "{% set ns = namespace() %}{% set x = namespace(a=ns) %}",
        "{% set ns = namespace() %}{% set x = dict(a=ns) %}",
    ] {
        assert!(refused(source).contains("namespace cannot be put"), "{source}: {}", refused(source));
    }
}

#[test]
fn comparing_and_searching_pay_for_what_they_walk_through() {
    let setup = "{% set ns = namespace() %}{% set ns.x = 'x' * 99999 %}{% set ns.l = range(9999) | list %}{% for i in range(99999) %}{% for j in range(99999) %}";
    for work in [
        "{% if ns.x == ns.x ~ '' %}{% endif %}",
        "{% if 'y' in ns.x %}{% endif %}",
        "{% if ns.x.startswith('y') %}{% endif %}",
        "{% if ns.x.find('y') %}{% endif %}",
        "{% if ns.x | length %}{% endif %}",
        "{% if ns.l == ns.l[0:] %}{% endif %}",
        "{% if -1 in ns.l %}{% endif %}",
        "{% if ns.l is eq(ns.l) %}{% endif %}",
        "{% if 1 < ns.l < 2 %}{% endif %}",
        "{% if ns.l | sort %}{% endif %}",
        "{% if ns.l | min %}{% endif %}",
        "{% if loop.changed(ns.l) %}{% endif %}",
        "{% if loop.cycle(ns.l) %}{% endif %}",
        "{% if ns.l.index(9998) %}{% endif %}",
        "{% if ns.x.split('x') %}{% endif %}",
    ] {
        let source = format!("{setup}{work}{{% endfor %}}{{% endfor %}}");
        assert!(refused(&source).contains("a chat template may"), "{work}: {}", refused(&source));
    }
}

#[test]
fn a_template_that_is_none_says_where() {
    for (source, line, problem) in [
        ("a\n{% if %}", "line 2", "unexpected end of block"),
        ("{{ x", "line 1", "unexpected end of input"),
        ("\n\n{% nonsense %}", "line 3", "unknown statement nonsense"),
        ("{% for x in y %}", "line 1", "unexpected end of input"),
        ("{{ 'a' | nonsense }}", "line 1", "filter nonsense is unknown"),
        ("\n{{ nonsense() }}", "line 2", "nonsense is unknown"),
        ("\n{{ a.b.c }}", "line 2", "undefined"),
        ("{{ 'a' + 1 }}", "line 1", "tried to use + on string and number"),
        ("{% include 'x' %}", "line 1", "x"),
        ("{% extends 'x' %}", "line 1", "x"),
    ] {
        let message = refused(source);
        assert!(message.contains(line) && message.contains(problem), "{source}: {message}");
    }
}

#[test]
fn what_a_template_raises_is_passed_on() {
    let message = refused("{% macro f() %}{{ raise_exception('Roles must alternate') }}{% endmacro %}{{ f() }}");
    assert_eq!(message, "chat template: template: it does not take this conversation: Roles must alternate");
}

#[test]
fn a_long_conversation_is_no_hostile_one() {
    let messages: Vec<_> = (0..600)
        .map(|i| json!({"role": if i % 2 == 0 { "user" } else { "assistant" }, "content": "A message of some length. ".repeat(20)}))
        .collect();
    let source = "{% set ns = namespace(text='', messages=[]) %}{% for m in messages %}\
        {% if loop.index0 == messages | length - 1 %}{% endif %}{% set ns.messages = ns.messages + [m] %}\
        {% set ns.text = ns.text + '<' + m['role'] + '>' + m.content.strip() %}{{ m | tojson }}{% endfor %}{{ ns.text }}";
    let template = ChatTemplate::new(source, None, None).unwrap();
    let start = Instant::now();
    let text = template.render(&ChatInput { messages, ..ChatInput::default() }).unwrap();
    assert!(text.len() > 600_000);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}
