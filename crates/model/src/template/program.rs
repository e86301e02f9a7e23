//! A template's source to instructions that pay for what they do.
//!
//! minijinja parses and compiles; then the instructions that could cost more than their fuel (operators, literals of lists,
//! filters, emitted text) are exchanged for calls of functions that ask the [budget](super::budget) first.

use std::borrow::Cow;
use std::collections::BTreeMap;

use minijinja::machinery::{CodeGenerator, Instruction, Instructions, Token, parse, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Error, ErrorKind, Value};

use super::environment;

/// The largest known templates have 30 kB.
const MAX_SOURCE_BYTES: usize = 256 << 10;
/// Tokens between `{{` and `}}`, or `{%` and `%}`: an expression of that many operators is as deep a tree.
const MAX_TAG_TOKENS: usize = 1500;
/// Each is a level deeper in the tree of its `if`.
const MAX_ELIFS: usize = 500;
/// Bytes that repeated literals (`"=" * 80`), which are worked out while compiling, may come to.
const MAX_REPEATED_BYTES: usize = 1 << 20;

/// A compiled template.
pub(super) struct Program<'source> {
    pub main: Instructions<'source>,
    pub blocks: BTreeMap<&'source str, Instructions<'source>>,
}

/// How transformers sets up Jinja.
fn syntax() -> Result<SyntaxConfig, Error> {
    SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()
}

/// Compiles `source`, which [`plain_source`] has been through.
pub(super) fn compile(source: &str) -> Result<Program<'_>, Error> {
    const NAME: &str = "chat template";
    check(source)?;
    let tree = parse(source, NAME, syntax()?)?;
    let mut generator = CodeGenerator::new(NAME, source);
    generator.compile_stmt(&tree);
    let (main, blocks) = generator.finish();
    let blocks = blocks.into_iter().map(|(name, block)| (name, with_guards(&block))).collect();
    Ok(Program { main: with_guards(&main), blocks })
}

/// `{% generation %}` marks what the assistant said, for training on it; the text in it is text.
pub(super) fn plain_source(source: &str) -> Cow<'_, str> {
    if !source.contains("generation") {
        return source.into();
    }
    let mut plain = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        plain.push_str(before);
        let inside = &tag[2..];
        let word = inside.trim_start_matches(['-', '+']).trim_start();
        let opening = &inside[..inside.len() - word.len()];
        let found = [("endgeneration", "endif"), ("generation", "if true")].into_iter().find_map(|(name, instead)| {
            let after = word.strip_prefix(name)?;
            after.trim_start().trim_start_matches(['-', '+']).starts_with("%}").then_some((after, instead))
        });
        plain.push_str("{%");
        match found {
            Some((after, instead)) => {
                plain.push_str(opening);
                plain.push_str(instead);
                rest = after;
            }
            None => rest = inside,
        }
    }
    plain.push_str(rest);
    plain.into()
}

/// Refuses what would overflow the stack or fill the memory while it is compiled.
fn check(source: &str) -> Result<(), Error> {
    let refuse = |what: String| Err(Error::new(ErrorKind::SyntaxError, what));
    if source.len() > MAX_SOURCE_BYTES {
        return refuse(format!("has {} bytes, and a chat template may have {MAX_SOURCE_BYTES}", source.len()));
    }
    let (mut tokens, mut elifs, mut repeated) = (0, 0, 0usize);
    // A literal is repeated at most by the product of the numbers in its tag.
    let (mut literal_bytes, mut product, mut multiplies) = (0usize, 1usize, false);
    for token in tokenize(source, false, syntax()?) {
        let (token, span) = token?;
        tokens += 1;
        match token {
            Token::BlockStart | Token::VariableStart => {
                (tokens, literal_bytes, product, multiplies) = (0, 0, 1, false);
            }
            Token::BlockEnd | Token::VariableEnd if multiplies => {
                repeated = repeated.saturating_add((literal_bytes + tokens).saturating_mul(product));
            }
            Token::Ident("elif") if tokens == 1 => elifs += 1,
            Token::Str(text) => literal_bytes += text.len(),
            Token::String(text) => literal_bytes += text.len(),
            Token::Mul => multiplies = true,
            Token::Int(number) => {
                product = product.saturating_mul(usize::try_from(number).unwrap_or(usize::MAX).saturating_add(1));
            }
            Token::Int128(_) | Token::Pow => product = usize::MAX,
            _ => {}
        }
        if tokens > MAX_TAG_TOKENS {
            return refuse(format!("line {}: a tag has more than {MAX_TAG_TOKENS} words", span.start_line));
        }
    }
    if elifs > MAX_ELIFS {
        return refuse(format!("has {elifs} elif branches, and a chat template may have {MAX_ELIFS}"));
    }
    if repeated > MAX_REPEATED_BYTES {
        return refuse(format!("repeats literals to more than {MAX_REPEATED_BYTES} bytes"));
    }
    Ok(())
}

/// The same instructions, but for those that must pay.
fn with_guards<'source>(old: &Instructions<'source>) -> Instructions<'source> {
    let all = || (0..).map_while(|index| old.get(index).map(|instruction| (index, instruction)));
    // Where each instruction begins now.
    let mut places = Vec::new();
    let mut place = 0;
    for (_, instruction) in all() {
        places.push(place);
        guarded(instruction, |_| place += 1);
    }
    // A jump may lead behind the last one.
    places.push(place);
    let moved = |target: u32| places.get(target as usize).copied().unwrap_or(place);

    let mut new = Instructions::new(old.name(), old.source());
    for (index, instruction) in all() {
        guarded(instruction, |instruction| {
            let instruction = match instruction {
                Instruction::Iterate(target) => Instruction::Iterate(moved(target)),
                Instruction::Jump(target) => Instruction::Jump(moved(target)),
                Instruction::JumpIfFalse(target) => Instruction::JumpIfFalse(moved(target)),
                Instruction::JumpIfFalseOrPop(target) => Instruction::JumpIfFalseOrPop(moved(target)),
                Instruction::JumpIfTrueOrPop(target) => Instruction::JumpIfTrueOrPop(moved(target)),
                Instruction::BuildMacro(name, target, flags) => Instruction::BuildMacro(name, moved(target), flags),
                other => other,
            };
            match old.get_line(index) {
                Some(line) => new.add_with_line(instruction, u16::try_from(line).unwrap_or(u16::MAX)),
                None => new.add(instruction),
            };
        });
    }
    new
}

/// What stands for `instruction`, one after the other.
fn guarded<'source>(instruction: &Instruction<'source>, mut add: impl FnMut(Instruction<'source>)) {
    let call = |name, arguments| Instruction::CallFunction(name, Some(arguments));
    match instruction {
        Instruction::EmitRaw(text) => {
            add(Instruction::LoadConst(Value::from(*text)));
            add(Instruction::Emit);
        }
        Instruction::Add => add(call("+", 2)),
        Instruction::Mul => add(call("*", 2)),
        Instruction::StringConcat => add(call("~", 2)),
        Instruction::Eq => add(call("==", 2)),
        Instruction::Ne => add(call("!=", 2)),
        Instruction::Lt => add(call("<", 2)),
        Instruction::Lte => add(call("<=", 2)),
        Instruction::Gt => add(call(">", 2)),
        Instruction::Gte => add(call(">=", 2)),
        Instruction::In => add(call(" in ", 2)),
        Instruction::CompareAndPreserve(_) => {
            add(Instruction::DupTop);
            add(call(environment::WEIGH, 1));
            add(Instruction::DiscardTop);
            add(instruction.clone());
        }
        Instruction::SetAttr(_) => {
            add(Instruction::Swap);
            add(call(environment::NO_NAMESPACE, 1));
            add(Instruction::Swap);
            add(instruction.clone());
        }
        Instruction::Slice
        | Instruction::BuildList(_)
        | Instruction::BuildTuple(_)
        | Instruction::BuildMap(_)
        | Instruction::CallObject(_) => {
            add(instruction.clone());
            add(call(environment::ADMIT, 1));
        }
        Instruction::CallMethod("changed", arguments) => {
            add(Instruction::CallFunction(environment::LOOP_CHANGED, *arguments));
        }
        Instruction::CallMethod(..) => {
            add(instruction.clone());
            add(call(environment::ADMIT, 1));
        }
        Instruction::ApplyFilter(name, arguments, _) => match environment::guarded_filter(name) {
            Some(guarded) => add(Instruction::CallFunction(guarded, *arguments)),
            None => add(instruction.clone()),
        },
        other => add(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_tags_become_ordinary_ones_of_the_same_white_space() {
        let plain = |source| plain_source(source).into_owned();
        assert_eq!(plain("a{% generation %}b{% endgeneration %}c"), "a{% if true %}b{% endif %}c");
        assert_eq!(plain("{%- generation -%}\n{%-endgeneration-%}"), "{%- if true -%}\n{%-endif-%}");
        assert_eq!(plain("{% if add_generation_prompt %}x{% endif %}"), "{% if add_generation_prompt %}x{% endif %}");
        assert_eq!(plain("{% generation_x %}{% generation"), "{% generation_x %}{% generation");
        assert_eq!(plain("no tags"), "no tags");
    }

    #[test]
    fn what_would_exhaust_the_compiler_is_refused() {
        let refused = |source: String| match compile(&source) {
            Ok(_) => panic!("{}... compiles", &source[..40]),
            Err(error) => error.to_string(),
        };
        assert!(refused(" ".repeat(300_000)).contains("a chat template may have 262144"));
        for step in ["+x", " and x", "|d", ".a", "~1", " if 1 else x", " == x", "[0]", "()"] {
            let chain = format!("{{{{ x{} }}}}", step.repeat(10_000));
            assert!(refused(chain).contains("more than 1500 words"), "{step}");
        }
        let branches = format!("{{% if x %}}{}{{% endif %}}", "{% elif x %}".repeat(10_000));
        assert!(refused(branches).contains("10000 elif"));
        assert!(refused(format!("{{{{ {}x{} }}}}", "(".repeat(700), ")".repeat(700))).contains("recursion"));
        assert!(refused("{{ 'a' * 100000000 }}".to_owned()).contains("repeats literals"));
        assert!(refused("{{ ('a' * 9999) * 9999 }}".to_owned()).contains("repeats literals"));
        assert!(refused("{{ 'a' * 10 ** 8 }}".to_owned()).contains("repeats literals"));
        assert!(refused("{{ [0] * 5000 * 5000 }}".to_owned()).contains("repeats literals"));
        assert!(refused("{{ 'a' * 99999 }}".repeat(1000)).contains("repeats literals"));
        assert!(compile("{{ '=' * 80 }}{{ 'ab' * 40 ~ '\n' }}").is_ok());
    }

    #[test]
    fn the_longest_chain_that_compiles_does_not_overflow_the_stack() {
        let compiled = super::super::on_large_stack(|| {
            let chain = format!("{{{{ x{} }}}}", "+x".repeat(MAX_TAG_TOKENS / 2 - 1));
            compile(&chain)?;
            let branches = format!("{{% if x %}}{}{{% endif %}}", "{% elif x %}".repeat(MAX_ELIFS));
            compile(&branches).map(|_| ())
        });
        assert_eq!(compiled, Ok(()));
    }
}
