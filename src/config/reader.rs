//! Reading tables: each key is asked for by name, and what nobody asked for is a mistake.

use std::{cell::RefCell, ops::Range};

use super::{
    Diagnostic, suggest,
    tree::{Entry, Node, Value},
};

/// Mistakes and warnings found so far.
pub(super) struct Findings(RefCell<Vec<Diagnostic>>);

impl Findings {
    pub(super) fn add(
        &self,
        code: &'static str,
        place: &Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let (key, span) = (place.key.clone(), place.span.clone());
        self.0.borrow_mut().push(Diagnostic { code, key, message: message.into(), help: help.into(), span });
    }

    pub(super) fn into_sorted(self) -> Vec<Diagnostic> {
        let mut found = self.0.into_inner();
        found.sort_by_key(|diagnostic| diagnostic.span.start);
        found
    }
}

impl From<Vec<Diagnostic>> for Findings {
    fn from(found: Vec<Diagnostic>) -> Self {
        Self(RefCell::new(found))
    }
}

/// Where something stands: its key path and its bytes.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: String,
    pub(super) span: Range<usize>,
}

/// A text with its place.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) place: Place,
}

/// A table being read.
pub(super) struct Section<'a> {
    pub(super) place: Place,
    pub(super) findings: &'a Findings,
    entries: &'a [Entry],
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// Reads `node` as a table; reports another type.
    pub(super) fn new(place: Place, node: &'a Node, findings: &'a Findings) -> Option<Self> {
        match &node.value {
            Value::Table(entries) => Some(Self { place, findings, entries, asked: Vec::new() }),
            other => {
                findings.add("E003", &place, format!("a table is needed here, found {}", other.kind()), "");
                None
            }
        }
    }

    /// The value of a key that has several names; more than one of them is a contradiction.
    pub(super) fn take(&mut self, names: &[&'static str]) -> Option<(Place, &'a Node)> {
        self.asked.extend(names);
        let mut found = self.entries.iter().filter(|entry| names.contains(&entry.name.as_str()));
        let first = found.next()?;
        if let Some(second) = found.next() {
            let message = format!("`{}` and `{}` mean the same", first.name, second.name);
            self.findings.add("E008", &self.at(second), message, "keep one of them");
        }
        Some((self.at(first), &first.node))
    }

    fn at(&self, entry: &Entry) -> Place {
        let key = if self.place.key.is_empty() {
            entry.name.clone()
        } else {
            format!("{}.{}", self.place.key, entry.name)
        };
        Place {
            key,
            span: if entry.node.span.is_empty() { entry.name_span.clone() } else { entry.node.span.clone() },
        }
    }

    /// Whether none of these keys is there, well-formed or not.
    pub(super) fn lacks(&self, names: &[&str]) -> bool {
        !self.entries.iter().any(|entry| names.contains(&entry.name.as_str()))
    }

    /// Whether this key is there with exactly this text; it still has to be read.
    pub(super) fn says(&self, name: &str, text: &str) -> bool {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        entry.is_some_and(|entry| matches!(&entry.node.value, Value::String(found) if found == text))
    }

    /// Whether this key holds a list with nothing in it.
    pub(super) fn is_empty_list(&self, name: &str) -> bool {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        entry.is_some_and(|entry| matches!(&entry.node.value, Value::List(items) if items.is_empty()))
    }

    /// Where this key stands; the whole table when it is not there.
    pub(super) fn place_of(&self, name: &str) -> Place {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        entry.map_or_else(|| self.place.clone(), |entry| self.at(entry))
    }

    /// All entries, for a table whose keys are names that people choose.
    pub(super) fn all(&self) -> Vec<(Place, &'a Entry)> {
        self.entries
            .iter()
            .map(|entry| (Place { span: entry.name_span.clone(), ..self.at(entry) }, entry))
            .collect()
    }

    pub(super) fn text(&mut self, names: &[&'static str]) -> Option<Text> {
        let (place, node) = self.take(names)?;
        self.as_text(place, node)
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, names: &[&'static str], help: &str) -> Option<Text> {
        if let Some((place, node)) = self.take(names) {
            return self.as_text(place, node);
        }
        self.missing(names[0], help);
        None
    }

    pub(super) fn missing(&self, name: &str, help: &str) {
        self.findings.add("E004", &self.place, format!("`{name}` is missing"), help);
    }

    fn as_text(&self, place: Place, node: &Node) -> Option<Text> {
        match &node.value {
            Value::String(text) => Some(Text { text: text.clone(), place }),
            other => {
                self.findings.add(
                    "E003",
                    &place,
                    format!("a text is needed here, found {}", other.kind()),
                    "",
                );
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, name: &'static str, default: bool) -> bool {
        match self.take(&[name]) {
            None => default,
            Some((_, Node { value: Value::Boolean(value), .. })) => *value,
            Some((place, node)) => {
                self.findings.add(
                    "E003",
                    &place,
                    format!("true or false is needed here, found {}", node.value.kind()),
                    "",
                );
                default
            }
        }
    }

    pub(super) fn integer(&mut self, name: &'static str) -> Option<(i64, Place)> {
        match self.take(&[name])? {
            (place, Node { value: Value::Integer(value), .. }) => Some((*value, place)),
            (place, node) => {
                self.findings.add(
                    "E003",
                    &place,
                    format!("a number is needed here, found {}", node.value.kind()),
                    "",
                );
                None
            }
        }
    }

    /// A list of texts. `None` when the key is not there.
    pub(super) fn texts(&mut self, names: &[&'static str]) -> Option<(Place, Vec<Text>)> {
        let (place, node) = self.take(names)?;
        let items = self.items(&place, node)?;
        let texts = items.into_iter().filter_map(|(place, item)| self.as_text(place, item)).collect();
        Some((place, texts))
    }

    /// The tables of a list, to be read one by one. None when the key is not there.
    pub(super) fn tables(&mut self, names: &[&'static str]) -> Vec<Section<'a>> {
        let findings = self.findings;
        let items = self.take(names).and_then(|(place, node)| self.items(&place, node));
        let tables = items.into_iter().flatten();
        tables.filter_map(|(place, item)| Section::new(place, item, findings)).collect()
    }

    /// The items of a list, each with its place.
    pub(super) fn items(&self, place: &Place, node: &'a Node) -> Option<Vec<(Place, &'a Node)>> {
        match &node.value {
            Value::List(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| {
                        (Place { key: format!("{}[{index}]", place.key), span: item.span.clone() }, item)
                    })
                    .collect(),
            ),
            other => {
                self.findings.add(
                    "E003",
                    place,
                    format!("a list is needed here, found {}", other.kind()),
                    "put it in brackets: […]",
                );
                None
            }
        }
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        for entry in self.entries.iter().filter(|entry| !self.asked.contains(&entry.name.as_str())) {
            let place = Place { span: entry.name_span.clone(), ..self.at(entry) };
            self.findings.add(
                "E002",
                &place,
                format!("there is no key `{}` here", entry.name),
                suggest::help(&entry.name, &self.asked),
            );
        }
    }
}
