//! Pieces of Jinja render as Python's Jinja renders them, set up as transformers does it. What is expected here was printed by
//! Jinja 3.1.6.

use serde_json::json;

use super::render;

#[track_caller]
fn check(source: &str, expected: &str) {
    let variables = json!({
        "tool": {"name": "f", "args": {"b": 1, "a": [true, null, 1.5, "x'y", "é\n"]}, "empty": {}, "none": []},
        "words": ["banana", "Apple", "cherry"],
        "messages": [{"role": "user", "content": " a "}, {"role": "assistant", "content": "b"}],
    });
    assert_eq!(render(source, variables).as_deref(), Ok(expected), "{source}");
}

#[test]
fn values_print_as_python_prints_them() {
    check(
        "{{ true }} {{ False }} {{ none }} {{ nothing }} {{ 1.0 }} {{ 7 // 2 }} {{ 7 / 2 }}",
        "True False None  1.0 3 3.5",
    );
    check("{{ tool.args }}", r#"{'b': 1, 'a': [True, None, 1.5, "x'y", 'é\n']}"#);
    check("{{ (1, 'a') }} {{ (1,) }} {{ [] }} {{ {} }}", "(1, 'a') (1,) [] {}");
    check("{{ 'a' ~ 1 ~ true ~ none }} {{ words | join(', ') }}", "a1TrueNone banana, Apple, cherry");
    check("{{ [1, 'a', none] | join('|') }} {{ tool.none | string }}", "1|a|None []");
}

#[test]
fn tojson_is_json_dumps() {
    check("{{ tool.args | tojson }}", r#"{"b": 1, "a": [true, null, 1.5, "x'y", "é\n"]}"#);
    check(
        "{{ tool.args | tojson(sort_keys=true, ensure_ascii=true) }}",
        r#"{"a": [true, null, 1.5, "x'y", "\u00e9\n"], "b": 1}"#,
    );
    check("{{ tool.args | tojson(separators=(',', ':')) }}", r#"{"b":1,"a":[true,null,1.5,"x'y","é\n"]}"#);
    check(
        "{{ {'k': [1, {'z': 2}], 'e': {}, 'l': []} | tojson(indent=2) }}",
        "{\n  \"k\": [\n    1,\n    {\n      \"z\": 2\n    }\n  ],\n  \"e\": {},\n  \"l\": []\n}",
    );
    check("{{ {1: 2, none: 3} | tojson }}", r#"{"1": 2, "null": 3}"#);
    check(
        r#"{{ '<a href="x">&\'/\\' | tojson }} {{ '🦙' | tojson(ensure_ascii=true) }}"#,
        r#""<a href=\"x\">&'/\\" "\ud83e\udd99""#,
    );
    check("{{ [1e16, 1e-7, 1.0, 100000.0, -0.0] | tojson }}", "[1e+16, 1e-07, 1.0, 100000.0, -0.0]");
}

#[test]
fn strings_have_pythons_methods() {
    check("{{ ' a b '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'a '.rstrip() }}|{{ ' a'.lstrip() }}", "a b|a|a|a");
    check(
        "{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a b c'.split(' ', 1) }}",
        "['a', 'b', '', 'c'] ['a', 'b'] ['a', 'b c']",
    );
    check(
        "{{ 'a b c'.rsplit(' ', 1) }} {{ ' a b  c '.rsplit(none, 1) }} {{ 'a-b-c'.rsplit('-') }}",
        "['a b', 'c'] [' a b', 'c'] ['a', 'b', 'c']",
    );
    check(
        "{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'a'.partition('=') }}",
        "('a', '=', 'b=c') ('a=b', '=', 'c') ('a', '', '')",
    );
    check("{{ 'x.y'.removeprefix('x') }} {{ 'x.y'.removesuffix('.y') }} {{ 'aXa'.replace('a', 'b', 1) }}", ".y x bXa");
    check(
        "{{ 'ab'.startswith('a') }} {{ 'ab'.endswith(('x', 'b')) }} {{ 'hello world'.title() }} {{ 'ab'.upper() }}",
        "True True Hello World AB",
    );
    check(
        "{{ '{}-{}'.format(1, 'x') }} {{ '%s %05.2f' | format('a', 1.5) }} {{ ', '.join(words) }}",
        "1-x a 01.50 banana, Apple, cherry",
    );
    check(
        "{{ 'abcabc'.find('c') }} {{ 'aab'.count('a') }} {{ '12'.isdigit() }} {{ 'a\nb'.splitlines() }}",
        "2 2 True ['a', 'b']",
    );
    check(
        "{{ 'abcdef'[1:3] }} {{ 'abc'[::-1] }} {{ 'abc'[-1] }} {{ words[::-1] }} {{ words[-2:] }}",
        "bc cba c ['cherry', 'Apple', 'banana'] ['Apple', 'cherry']",
    );
}

#[test]
fn dictionaries_and_lists_keep_their_order_and_have_methods() {
    check(
        "{% for k, v in tool.args.items() %}{{ k }},{% endfor %}{{ tool.keys() | list }}",
        "b,a,['name', 'args', 'empty', 'none']",
    );
    check(
        "{{ tool.get('name') }} {{ tool.get('x') is none }} {{ tool.get('x', 'd') }} {{ 'name' in tool }}",
        "f True d True",
    );
    check("{% for k, v in tool.args | dictsort %}{{ k }}{% endfor %} {{ tool.args | length }}", "ab 2");
    check(
        "{{ words | sort }} {{ words | sort(reverse=true) }} {{ [3, true, 2] | sort }}",
        "['Apple', 'banana', 'cherry'] ['cherry', 'banana', 'Apple'] [True, 2, 3]",
    );
    check(
        "{{ words.index('Apple') }} {{ ['a'] + words }} {{ [0] * 3 }} {{ '-' * 4 }}",
        "1 ['a', 'banana', 'Apple', 'cherry'] [0, 0, 0] ----",
    );
    check(
        "{{ messages | map(attribute='role') | list }} {{ messages | selectattr('role', 'eq', 'user') | list | length }}",
        "['user', 'assistant'] 1",
    );
    check(
        "{{ messages | rejectattr('role', 'in', ['user']) | map(attribute='content') | first }} {{ [1, 2, 1] | unique | list }}",
        "b [1, 2]",
    );
    check(
        "{{ '1' | int + 1 }} {{ 'x' | int }} {{ 'x' | float }} {{ '1.5' | float }} {{ '0x' | int(7) }} {{ 3.9 | int }}",
        "2 0 0.0 1.5 7 3",
    );
}

#[test]
fn tests_know_pythons_types() {
    check(
        "{{ 'a' is string }} {{ 'a' is sequence }} {{ {} is mapping }} {{ [] is iterable }} {{ {} is sequence }} {{ 1 is sequence }}",
        "True True True True True False",
    );
    check(
        "{{ x is defined }} {{ none is none }} {{ true is boolean }} {{ 1 is integer }} {{ 1.5 is number }} {{ 1 in [true] }}",
        "False True True True True True",
    );
    check(
        "{{ messages is not string }} {{ 1 == 1.0 }} {{ 'a' < 'b' }} {{ 1 < 2 < 3 }} {{ 3 not in [1] }}",
        "True True True True True",
    );
}

#[test]
fn blocks_loops_and_namespaces_work() {
    check(
        "{% for m in messages %}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.previtem is defined }}{{ loop.nextitem.role if not loop.last }} {% endfor %}",
        "0TrueFalseFalseassistant 1FalseTrueTrue ",
    );
    check(
        "{% set ns = namespace(n=0) %}{% for i in range(4) %}{% if i == 2 %}{% continue %}{% endif %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
        "4",
    );
    check("{% macro f(a, b='x') %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(1, b=2) }}", "1x12");
    check("{% set x %}a{{ 1 }}{% endset %}{{ x }}{% filter upper %}b{% endfilter %}", "a1B");
    check("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% else %}none{% endfor %}", "01");
    check("{% generation %}{{ 1 }}{% endgeneration %}", "1");
    check("{%- for k, v in [(1, 2)] recursive %}{{ k }}{{ v }}{% endfor -%}", "12");
    check("{{ 'a' if false else 'b' }}{{ 'c' if false }}{{ 'x' 'y' }}", "bxy");
    check("{{ bos_token }}{{ eos_token }}{{ tools is none }}{{ documents is none }}", "<s></s>TrueTrue");
}

#[test]
fn white_space_around_blocks_goes_as_transformers_has_it() {
    check("a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc");
    check("a {%- if true %} b {% endif -%} \n c", "a b c");
    check("{# comment #}\nx\n  {#- c -#}\n  y", "xy");
}

#[test]
fn text_beside_a_safe_string_is_escaped() {
    check("{{ 'a'|safe + '<\"' }} {{ '<' + '&' }} {{ '<' | e }} {{ ('<' | e) ~ '>' }}", "a&lt;&#34; <& &lt; &lt;>");
}
