//! Words as directives with blocks, snippets put where they are imported.

use std::collections::HashMap;

use super::lexer::{self, Word};
use crate::draft::Unreadable;

/// How deep blocks may be.
const DEPTH_MAX: usize = 24;
/// Directives of one file, after all imports.
const DIRECTIVES_MAX: usize = 50_000;

/// A directive or a line of an option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Directive {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    pub(super) block: Vec<Directive>,
    pub(super) line: usize,
}

impl Directive {
    /// The argument at this place, or nothing.
    pub(super) fn argument(&self, at: usize) -> &str {
        self.arguments.get(at).map_or("", String::as_str)
    }

    /// Name and arguments, as they would be written.
    pub(super) fn words(&self) -> String {
        let mut words = self.name.clone();
        for argument in &self.arguments {
            words.push(' ');
            words.push_str(argument);
        }
        words
    }
}

/// A site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Site {
    pub(super) addresses: Vec<String>,
    pub(super) body: Vec<Directive>,
    pub(super) line: usize,
}

/// A file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct File {
    pub(super) options: Vec<Directive>,
    pub(super) sites: Vec<Site>,
    /// Imports outside of sites that are no snippets of this file.
    pub(super) unknown: Vec<Directive>,
}

/// Reads a file.
pub(super) fn file(text: &str) -> Result<File, Unreadable> {
    let lines = lexer::lines(text)?;
    let mut parser = Parser { lines, at: 0, snippets: HashMap::new(), made: 0 };
    let mut file = File::default();
    let mut first = true;
    while let Some(line) = parser.lines.get(parser.at).cloned() {
        parser.top(&line, std::mem::take(&mut first), &mut file)?;
    }
    Ok(file)
}

struct Parser {
    lines: Vec<Vec<Word>>,
    at: usize,
    snippets: HashMap<String, Vec<Directive>>,
    made: usize,
}

fn is(word: Option<&Word>, text: &str) -> bool {
    word.is_some_and(|word| !word.quoted && word.text == text)
}

fn wrong<T>(line: usize, problem: impl Into<String>) -> Result<T, Unreadable> {
    Err(Unreadable { line, problem: problem.into() })
}

impl Parser {
    fn top(&mut self, line: &[Word], first: bool, file: &mut File) -> Result<(), Unreadable> {
        let number = line.first().map_or(0, |word| word.line);
        if is(line.first(), "{") && line.len() == 1 {
            if !first {
                return wrong(number, "a block without a name; only the first one holds global options");
            }
            self.at += 1;
            file.options = self.block(1)?;
            return Ok(());
        }
        if is(line.first(), "import") {
            self.at += 1;
            let import = directive(line);
            file.unknown.push(import);
            return Ok(());
        }
        let addresses = self.addresses(number)?;
        let snippet = match addresses.as_slice() {
            [name] => name.strip_prefix('(').and_then(|name| name.strip_suffix(')')).map(str::to_owned),
            _ => None,
        };
        let body = self.block(1)?;
        if let Some(name) = snippet {
            self.snippets.insert(name, body);
        } else {
            file.sites.push(Site { addresses, body, line: number });
        }
        Ok(())
    }

    /// Addresses up to the brace that opens the site; they may be in several lines, after commas.
    fn addresses(&mut self, number: usize) -> Result<Vec<String>, Unreadable> {
        let mut addresses = Vec::new();
        while let Some(line) = self.lines.get(self.at) {
            self.at += 1;
            let opens = is(line.last(), "{");
            let words = if opens { line.get(..line.len() - 1).unwrap_or_default() } else { line.as_slice() };
            let parts = words.iter().flat_map(|word| word.text.split(','));
            addresses.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
            if opens && !addresses.is_empty() {
                return Ok(addresses);
            }
            if opens || !line.last().is_some_and(|word| word.text.ends_with(',')) {
                // A file with one site may leave the braces out; which lines are its directives is guesswork.
                return wrong(number, "a site without braces: write ADDRESS { … } around its directives");
            }
        }
        wrong(number, "a site without a block")
    }

    /// The directives up to the brace that closes this block.
    fn block(&mut self, depth: usize) -> Result<Vec<Directive>, Unreadable> {
        let before = self.at.checked_sub(1).and_then(|at| self.lines.get(at));
        let start = before.and_then(|line| line.first()).map_or(0, |word| word.line);
        if depth > DEPTH_MAX {
            return wrong(start, format!("blocks are deeper than {DEPTH_MAX}"));
        }
        let mut found = Vec::new();
        while let Some(line) = self.lines.get(self.at).cloned() {
            let number = line.first().map_or(0, |word| word.line);
            self.at += 1;
            if is(line.first(), "}") {
                if line.len() > 1 {
                    return wrong(number, "something stands after a brace that closes a block");
                }
                return Ok(found);
            }
            self.made += 1;
            if self.made > DIRECTIVES_MAX {
                return wrong(number, format!("there are more than {DIRECTIVES_MAX} directives"));
            }
            if is(line.last(), "{") && line.len() > 1 {
                let mut one = directive(line.get(..line.len() - 1).unwrap_or_default());
                one.block = self.block(depth + 1)?;
                found.push(one);
            } else if line.iter().any(|word| !word.quoted && (word.text == "{" || word.text == "}")) {
                return wrong(number, "a brace stands where none can be");
            } else if is(line.first(), "import") {
                self.import(directive(&line), &mut found)?;
            } else {
                found.push(directive(&line));
            }
        }
        wrong(start, "a block begins here and never ends")
    }

    /// A snippet's directives in place of the import. What is no snippet of this file stays: it is not understood.
    fn import(&mut self, import: Directive, found: &mut Vec<Directive>) -> Result<(), Unreadable> {
        let Some(snippet) = self.snippets.get(import.argument(0)) else {
            found.push(import);
            return Ok(());
        };
        let arguments = import.arguments.get(1..).unwrap_or_default();
        let filled: Vec<Directive> = snippet.iter().map(|one| fill(one, arguments, import.line)).collect();
        self.made += filled.iter().map(size).sum::<usize>();
        if self.made > DIRECTIVES_MAX {
            return wrong(import.line, format!("there are more than {DIRECTIVES_MAX} directives"));
        }
        found.extend(filled);
        Ok(())
    }
}

fn directive(line: &[Word]) -> Directive {
    let mut words = line.iter();
    let first = words.next();
    Directive {
        name: first.map(|word| word.text.clone()).unwrap_or_default(),
        arguments: words.map(|word| word.text.clone()).collect(),
        block: Vec::new(),
        line: first.map_or(0, |word| word.line),
    }
}

fn size(directive: &Directive) -> usize {
    1 + directive.block.iter().map(size).sum::<usize>()
}

/// A snippet's directive with the arguments of its import. It is named by the line of the import, where a reader
/// looks for it.
fn fill(directive: &Directive, arguments: &[String], line: usize) -> Directive {
    let all = |text: &String| {
        let mut text = text.clone();
        for (number, argument) in arguments.iter().enumerate() {
            for name in [format!("{{args[{number}]}}"), format!("{{args.{number}}}")] {
                if text.contains(&name) && text.len() < 4096 {
                    text = text.replace(&name, argument);
                }
            }
        }
        text
    };
    Directive {
        name: all(&directive.name),
        arguments: directive.arguments.iter().map(all).collect(),
        block: directive.block.iter().map(|one| fill(one, arguments, line)).collect(),
        line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_options_and_snippets() {
        let text = "{\n\temail a@b\n}\n(up) {\n\treverse_proxy {args[0]}\n}\na.test,\nb.test {\n\timport up localhost:1\n\thandle /x {\n\t\timport other\n\t}\n}\n";
        let file = file(text).unwrap();
        assert_eq!(file.options[0].words(), "email a@b");
        assert_eq!(file.sites[0].addresses, ["a.test", "b.test"]);
        assert_eq!(file.sites[0].body[0].words(), "reverse_proxy localhost:1");
        assert_eq!(file.sites[0].body[0].line, 9);
        assert_eq!(file.sites[0].body[1].block[0].words(), "import other");
    }

    #[test]
    fn what_is_no_caddyfile_is_said_with_its_line() {
        for (text, line) in [
            ("a {\n\tb {\n", 2),
            ("a {\n}\n{\n}\n", 3),
            ("a\nreverse_proxy b\n", 1),
            ("a {\n\tb } c\n}\n", 2),
            ("a {\n} b {\n}", 2),
            ("{", 1),
            ("}", 1),
        ] {
            assert_eq!(file(text).unwrap_err().line, line, "{text:?}");
        }
        let deep = format!("a {{\n{}", "b {\n".repeat(30));
        assert!(file(&deep).unwrap_err().problem.contains("deeper"));
    }

    /// Snippets in snippets, each twice: what is written in ten lines would be a million directives.
    #[test]
    fn imports_have_an_end() {
        let mut text = "(s0) {\n\ta\n\tb\n}\n".to_owned();
        for number in 1..24 {
            let before = format!("\timport s{}\n", number - 1);
            let twice = before.repeat(2);
            text = format!("{text}(s{number}) {{\n{twice}}}\n");
        }
        text += "x {\n\timport s23\n}\n";
        assert!(file(&text).unwrap_err().problem.contains("directives"));
    }
}
