//! TOML and JSON as one tree whose nodes know their place in the text.

use std::ops::Range;

use jsonc_parser::{CollectOptions, ParseOptions, ast, common::Ranged as _, parse_to_ast};
use toml::de::{DeTable, DeValue};

use super::{Diagnostic, Format, Source};

/// Deepest nesting that is read.
const DEPTH: usize = 32;

/// A value and its place.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    String(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// A date or a time of TOML.
    Date(String),
    /// Something that no key takes: a float, null.
    Other(&'static str),
}

/// A key with its value.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) name_span: Range<usize>,
    pub(super) node: Node,
}

impl Value {
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Date(_) => "a date",
            Self::Other(kind) => kind,
        }
    }
}

/// Parses the text and finds keys that are there twice; the mistakes of syntax otherwise.
pub(super) fn parse(source: &Source) -> Result<(Node, Vec<Diagnostic>), Vec<Diagnostic>> {
    match source.format {
        Format::Toml => parse_toml(&source.text).map(|node| (node, Vec::new())),
        Format::Json => parse_json(&source.text),
    }
}

fn mistake(code: &'static str, message: String, span: Range<usize>) -> Diagnostic {
    Diagnostic { code, key: String::new(), message, help: String::new(), span }
}

fn parse_toml(text: &str) -> Result<Node, Vec<Diagnostic>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node { span: 0..0, value: toml_table(table.get_ref()) });
    }
    let end = text.len();
    let report = |error: toml::de::Error| {
        mistake("E001", error.message().to_owned(), error.span().unwrap_or(end..end))
    };
    Err(errors.into_iter().map(report).collect())
}

fn toml_table(table: &DeTable<'_>) -> Value {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(name, value)| Entry {
            name: name.get_ref().to_string(),
            name_span: name.span(),
            node: Node { span: value.span(), value: toml_value(value.get_ref()) },
        })
        .collect();
    entries.sort_by_key(|entry| entry.name_span.start);
    Value::Table(entries)
}

fn toml_value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number that is too large"), Value::Integer),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Float(_) => Value::Other("a fraction"),
        DeValue::Datetime(moment) => Value::Date(moment.to_string()),
        DeValue::Array(items) => Value::List(
            items.iter().map(|item| Node { span: item.span(), value: toml_value(item.get_ref()) }).collect(),
        ),
        DeValue::Table(table) => toml_table(table),
    }
}

fn parse_json(text: &str) -> Result<(Node, Vec<Diagnostic>), Vec<Diagnostic>> {
    if deeper_than(text, DEPTH) {
        return Err(vec![mistake("E001", format!("nested deeper than {DEPTH} levels"), 0..0)]);
    }
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict).map_err(|error| {
        let range = error.range();
        vec![mistake("E001", error.kind().to_string(), range.start..range.end)]
    })?;
    let mut duplicates = Vec::new();
    match parsed.value {
        Some(value @ ast::Value::Object(_)) => {
            let node = json_node(&value, &mut duplicates);
            Ok((node, duplicates))
        }
        _ => Err(vec![mistake("E001", "the document is not an object".to_owned(), 0..0)]),
    }
}

/// Whether brackets outside of strings nest deeper than `limit`; asked before parsing, which recurses.
fn deeper_than(text: &str, limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

fn json_node(value: &ast::Value<'_>, duplicates: &mut Vec<Diagnostic>) -> Node {
    let range = value.range();
    let value = match value {
        ast::Value::StringLit(text) => Value::String(text.value.to_string()),
        ast::Value::NumberLit(number) => {
            number.value.parse().map_or(Value::Other("a fraction"), Value::Integer)
        }
        ast::Value::BooleanLit(value) => Value::Boolean(value.value),
        ast::Value::NullKeyword(_) => Value::Other("null"),
        ast::Value::Array(array) => {
            Value::List(array.elements.iter().map(|item| json_node(item, duplicates)).collect())
        }
        ast::Value::Object(object) => json_table(object, duplicates),
    };
    Node { span: range.start..range.end, value }
}

fn json_table(object: &ast::Object<'_>, duplicates: &mut Vec<Diagnostic>) -> Value {
    let mut entries: Vec<Entry> = Vec::new();
    for property in &object.properties {
        let (name, range) = (property.name.as_str().to_owned(), property.name.range());
        let name_span = range.start..range.end;
        let node = json_node(&property.value, duplicates);
        if entries.iter().any(|entry| entry.name == name) {
            let message = format!("the key `{name}` is here twice");
            duplicates.push(mistake("E007", message, name_span));
            continue;
        }
        entries.push(Entry { name, name_span, node });
    }
    Value::Table(entries)
}
