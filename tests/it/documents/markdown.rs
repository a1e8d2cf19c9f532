//! The few things of Markdown that the documents use.

use std::path::{Path, PathBuf};

/// One of the product's documents.
pub(crate) struct Document {
    /// Its path, from the root of the repository.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block {
    /// Document and line, for messages.
    pub(crate) place: String,
    /// The words after the fence: a language and what the tests shall do with it.
    pub(crate) info: Vec<String>,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown file of the root folder and of `docs/`.
pub(crate) fn documents() -> Vec<Document> {
    let mut documents = Vec::new();
    for folder in ["", "docs"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                let text = std::fs::read_to_string(&path).unwrap();
                documents.push(Document { name, text });
            }
        }
    }
    documents.sort_by(|one, other| one.name.cmp(&other.name));
    documents
}

pub(crate) fn document(name: &str) -> Document {
    let text = std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    Document { name: name.to_owned(), text }
}

impl Document {
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut open = false;
        for (index, line) in self.text.lines().enumerate() {
            match (line.strip_prefix("```"), open) {
                (Some(info), false) => {
                    open = true;
                    blocks.push(Block {
                        place: format!("{}:{}", self.name, index + 1),
                        info: info.split_whitespace().map(str::to_owned).collect(),
                        text: String::new(),
                    });
                }
                (Some(_), true) => open = false,
                (None, true) => {
                    let block = blocks.last_mut().unwrap();
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, false) => {}
            }
        }
        assert!(!open, "{}: a fence is not closed", self.name);
        blocks
    }

    /// Lines outside of blocks, with their numbers.
    pub(crate) fn prose(&self) -> Vec<(usize, &str)> {
        let mut open = false;
        let mut lines = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            if line.starts_with("```") {
                open = !open;
            } else if !open {
                lines.push((index + 1, line));
            }
        }
        lines
    }

    /// Everything between backticks, outside of blocks, with the line that it is on.
    pub(crate) fn code_spans(&self) -> Vec<(usize, String)> {
        let mut spans = Vec::new();
        for (number, line) in self.prose() {
            spans.extend(code_spans(line).into_iter().map(|span| (number, span)));
        }
        spans
    }

    /// The lines below a heading of this text, up to the next heading of any level.
    pub(crate) fn section(&self, heading: &str) -> Vec<&str> {
        let prose = self.prose();
        let is_heading = |line: &str| line.starts_with('#');
        let mut rest = prose
            .iter()
            .map(|(_, line)| *line)
            .skip_while(|line| !is_heading(line) || line.trim_start_matches('#').trim() != heading);
        assert!(rest.next().is_some(), "{} has no heading `{heading}`", self.name);
        rest.take_while(|line| !is_heading(line)).collect()
    }

    /// The anchors of the headings, as code hosts make them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let headings = self.prose().into_iter().filter(|(_, line)| line.starts_with('#'));
        headings.map(|(_, line)| anchor(line.trim_start_matches('#').trim())).collect()
    }

    /// Targets of `[text](target)`, with their lines.
    pub(crate) fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (number, line) in self.prose() {
            let plain: String = line.split('`').step_by(2).collect();
            for rest in plain.split("](").skip(1) {
                let target = rest.split(')').next().unwrap_or_default();
                links.push((number, target.to_owned()));
            }
        }
        links
    }
}

impl Block {
    pub(crate) fn language(&self) -> &str {
        self.info.first().map_or("", String::as_str)
    }

    pub(crate) fn is(&self, word: &str) -> bool {
        self.info.iter().any(|found| found == word)
    }

    /// The words of `name=a,b`.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        let value = self.info.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.map_or_else(Vec::new, |value| value.split(',').map(str::to_owned).collect())
    }
}

pub(crate) fn code_spans(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The cells of the rows of a table, without its head.
pub(crate) fn rows<'a>(lines: &[&'a str]) -> Vec<Vec<&'a str>> {
    let table = lines.iter().filter(|line| line.starts_with('|'));
    let cells = table.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect());
    cells.skip(2).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_')).collect()
}

/// The text of every file below `folders` whose name ends in one of `extensions`.
pub(crate) fn sources(folders: &[&str], extensions: &[&str]) -> String {
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut text = String::new();
    let wanted = |path: &Path| {
        path.extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| extensions.contains(&extension))
    };
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Cargo's own directory has a tag; a module may be called `target`.
            let built = path.ends_with("node_modules") || path.join("CACHEDIR.TAG").exists();
            if path.is_dir() && !built {
                folders.push(path);
            } else if wanted(&path) {
                text.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    text
}
