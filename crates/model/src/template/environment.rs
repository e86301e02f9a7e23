//! What a chat template finds around it: Jinja's and transformers' functions, filters and tests, and Python's methods.

use std::sync::Arc;

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Kwargs, Rest, ValueKind, ValueOrKwargs};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value};

use super::budget::{self, admit, charge, is_namespace, weigh};
use super::literals::{self, Literals};
use super::operators;
use super::{lists, methods, text};

/// Names that no template can write, of the functions that its instructions call.
pub(super) const WEIGH: &str = " weigh ";
pub(super) const ADMIT: &str = " admit ";
pub(super) const NO_NAMESPACE: &str = " no namespace ";
pub(super) const LOOP_CHANGED: &str = " loop.changed ";

/// Instructions that a rendering may take: a second or two of them. A conversation of a thousand messages needs a tenth.
const FUEL: u64 = 20_000_000;

/// Tells the time to `strftime_now`.
pub(super) type Clock = Arc<dyn Fn() -> jiff::Zoned + Send + Sync>;

/// What a template said with `raise_exception`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Raised(pub String);

/// minijinja's filters that do what Jinja's do, and the functions that pay for their arguments and what they make.
macro_rules! guarded {
    ($($name:literal)*) => { &[$(($name, concat!("|", $name)),)*] };
}
const FILTERS: &[(&str, &str)] = guarded!(
    "abs" "attr" "bool" "capitalize" "dictsort" "escape" "e" "float" "format" "groupby" "indent" "int" "items" "join" "list"
    "lower" "map" "max" "min" "reject" "rejectattr" "replace" "reverse" "round" "safe" "select" "selectattr" "sort"
    "string" "sum" "title" "tojson" "trim" "unique" "upper"
);
/// Not Jinja's, or of no use to a chat template, and made to write much.
const REMOVED_FILTERS: &[&str] = &["batch", "slice", "pprint", "zip", "chain", "lines", "split"];

/// The function that stands for a filter.
pub(super) fn guarded_filter(name: &str) -> Option<&'static str> {
    FILTERS.iter().find(|(filter, _)| *filter == name).map(|&(_, guarded)| guarded)
}

/// The environment of all templates.
pub(super) fn new(literals: Literals, clock: Clock) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(move |out, _, value| {
        let printed = match value.as_str() {
            Some(text) => charge(text.len()).map(|()| out.write_str(text))?,
            None => out.write_str(&literals.print(value)?),
        };
        printed.map_err(Error::from)
    });
    environment.set_unknown_method_callback(move |state, value, method, arguments| {
        methods::call(literals, state, value, method, arguments)
    });
    add_guards(&mut environment, literals);
    add_filters(&mut environment, literals);
    add_tests(&mut environment, literals);
    add_functions(&mut environment, clock);
    environment
}

/// The functions that instructions are exchanged for.
fn add_guards(environment: &mut Environment<'static>, literals: Literals) {
    environment.add_function("+", move |a: Value, b: Value| operators::add(literals, &a, &b));
    environment.add_function("*", |a: Value, b: Value| operators::multiply(&a, &b));
    environment.add_function("~", move |a: Value, b: Value| operators::concatenate(literals, &a, &b));
    environment.add_function(" in ", move |a: Value, b: Value| operators::contains(literals, &b, &a));
    for &(name, compare) in operators::COMPARISONS {
        environment.add_function(name, move |a: Value, b: Value| operators::compare(&a, &b, compare));
    }
    environment.add_function(ADMIT, admit);
    environment.add_function(WEIGH, |value: Value| weigh(&value));
    environment.add_function(NO_NAMESPACE, no_namespace);
    environment.add_function(LOOP_CHANGED, |state: &mut State, arguments: Rest<ValueOrKwargs>| {
        let arguments = values(arguments);
        arguments.iter().try_for_each(weigh)?;
        let (value, arguments) = arguments.split_first().ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
        value.call_method(state, "changed", arguments)
    });
    for &(name, guarded) in FILTERS {
        environment.add_function(guarded, move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
            let arguments = values(arguments);
            arguments.iter().try_for_each(weigh)?;
            admit(state.apply_filter(name, &arguments)?)
        });
    }
}

/// Arguments, the last of which may be the keyword arguments.
fn values(arguments: Rest<ValueOrKwargs>) -> Vec<Value> {
    arguments.0.into_iter().map(ValueOrKwargs::into_value).collect()
}

fn no_namespace(value: Value) -> Result<Value, Error> {
    match is_namespace(&value) {
        true => Err(Error::new(ErrorKind::InvalidOperation, "a namespace cannot be put into another")),
        false => Ok(value),
    }
}

/// Filters that minijinja has otherwise, or lets grow without limit.
fn add_filters(environment: &mut Environment<'static>, literals: Literals) {
    for name in REMOVED_FILTERS {
        environment.remove_filter(name);
    }
    environment.add_filter("tojson", |value: Value, indent: Option<Value>, options: Kwargs| {
        literals::tojson(&value, indent, &options)
    });
    for name in ["escape", "e"] {
        environment.add_filter(name, move |value: &Value| operators::escape(literals, value));
    }
    environment.add_filter("string", move |value: Value| literals.print(&value));
    environment.add_filter("join", move |value: Value, separator: Option<Value>, options: Kwargs| {
        let attribute = options.get::<Option<String>>("attribute")?;
        let separator = match separator {
            Some(separator) => Some(separator),
            None => options.get::<Option<Value>>("d")?,
        };
        options.assert_all_used()?;
        text::join(literals, &value, separator.as_ref(), attribute.as_deref())
    });
    environment.add_filter(
        "replace",
        move |value: Value, old: Value, new: Value, count: Option<i64>, options: Kwargs| {
            let count = count.or(options.get::<Option<i64>>("count")?);
            options.assert_all_used()?;
            text::replace(&literals.print(&value)?, &literals.print(&old)?, &literals.print(&new)?, count)
        },
    );
    environment.add_filter("indent", move |value: Value, arguments: Rest<ValueOrKwargs>| {
        text::indent(&literals.print(&value)?, &values(arguments))
    });
    environment.add_filter("format", |value: &str, arguments: Rest<Value>| {
        text::check_widths(value)?;
        format(FormatStyle::Printf, value, &arguments)
    });
    environment.add_filter("sort", |value: &Value, arguments: Rest<ValueOrKwargs>| {
        lists::sort(value, &named(&["reverse", "case_sensitive", "attribute"], &values(arguments))?)
    });
    environment.add_filter("dictsort", |value: &Value, arguments: Rest<ValueOrKwargs>| {
        minijinja::filters::dictsort(value, named(&["case_sensitive", "by", "reverse"], &values(arguments))?)
    });
    environment.add_filter("int", |value: Value, default: Option<Value>, base: Option<u32>, options: Kwargs| {
        let default = default.or(options.get::<Option<Value>>("default")?);
        let base = base.or(options.get::<Option<u32>>("base")?).unwrap_or(10);
        options.assert_all_used()?;
        Ok::<_, Error>(lists::int(&value, base).or(default).unwrap_or_else(|| Value::from(0)))
    });
    environment.add_filter("float", |value: Value, default: Option<Value>, options: Kwargs| {
        let default = default.or(options.get::<Option<Value>>("default")?);
        options.assert_all_used()?;
        Ok::<_, Error>(lists::float(&value).or(default).unwrap_or_else(|| Value::from(0.0)))
    });
    // These are asked of long lists over and over and look at none of their items, so they are not among the guarded ones.
    for name in ["length", "count"] {
        environment.add_filter(name, text::length);
    }
    for name in ["default", "d"] {
        environment.add_filter(name, |value: Value, default: Option<Value>, boolean: Option<bool>, options: Kwargs| {
            let default = default.or(options.get::<Option<Value>>("default_value")?).unwrap_or_else(|| Value::from(""));
            let boolean = boolean.or(options.get::<Option<bool>>("boolean")?).unwrap_or(false);
            options.assert_all_used()?;
            Ok::<_, Error>(if value.is_undefined() || boolean && !value.is_true() { default } else { value })
        });
    }
}

/// Positional arguments by their names, with the keyword arguments behind them.
fn named(names: &[&str], arguments: &[Value]) -> Result<Kwargs, Error> {
    let (arguments, options): (&[Value], Kwargs) = minijinja::value::from_args(arguments)?;
    if arguments.len() > names.len() {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let mut all: Vec<(String, Value)> =
        names.iter().zip(arguments).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    for name in options.args() {
        all.push((name.to_owned(), options.peek(name)?));
    }
    Ok(all.into_iter().collect())
}

/// Tests that compare, which must pay, and those that Python's types answer otherwise.
fn add_tests(environment: &mut Environment<'static>, literals: Literals) {
    for &(name, compare) in operators::COMPARISONS {
        let others: &[&str] = match name {
            "==" => &["eq", "equalto"],
            "!=" => &["ne"],
            "<" => &["lt", "lessthan"],
            "<=" => &["le"],
            ">" => &["gt", "greaterthan"],
            _ => &["ge"],
        };
        for &name in others.iter().chain([&name]) {
            environment.add_test(name, move |a: Value, b: Value| operators::compare(&a, &b, compare));
        }
    }
    environment.add_test("in", move |a: Value, b: Value| operators::contains(literals, &b, &a));
    environment.add_test("callable", |value: Value| value.kind() == ValueKind::Plain);
    // A sequence is what has a length and items: strings and dictionaries too.
    environment.add_test("sequence", |value: Value| {
        matches!(value.kind(), ValueKind::Seq | ValueKind::String | ValueKind::Map) && !is_namespace(&value)
    });
}

/// Functions of Jinja and of transformers.
fn add_functions(environment: &mut Environment<'static>, clock: Clock) {
    environment.remove_global("debug");
    environment.add_function("raise_exception", |message: Value| -> Result<Value, Error> {
        let message = message.to_string();
        budget::charge(message.len())?;
        Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(Raised(message)))
    });
    environment.add_function("strftime_now", move |format: &str| {
        text::check_widths(format)?;
        jiff::fmt::strtime::format(format, &clock())
            .map_err(|e| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {e}")))
    });
    environment.add_function("namespace", |defaults: Option<ValueOrKwargs>| {
        defaults.iter().try_for_each(|defaults| weigh(defaults))?;
        minijinja::functions::namespace(defaults)
    });
    environment
        .add_function("dict", |value: Option<Value>, update: Kwargs| admit(minijinja::functions::dict(value, update)?));
}
