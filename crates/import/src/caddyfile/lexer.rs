//! A Caddyfile as words.

use crate::draft::Unreadable;

/// Largest file that is read, in bytes.
pub(super) const SIZE_MAX: usize = 1 << 20;
/// Words of one file.
const WORDS_MAX: usize = 100_000;

/// A word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    /// Its line, from 1.
    pub(super) line: usize,
    /// Whether it was written in quotes: `"{"` opens no block.
    pub(super) quoted: bool,
}

/// Words in lines. A line ends at a line break that neither a quote, a heredoc nor a backslash holds together.
pub(super) fn lines(text: &str) -> Result<Vec<Vec<Word>>, Unreadable> {
    if text.len() > SIZE_MAX {
        return Err(Unreadable { line: 0, problem: format!("it is larger than {SIZE_MAX} bytes") });
    }
    let mut lexer = Lexer { letters: text.chars().peekable(), line: 1, words: 0 };
    let mut lines = Vec::new();
    let mut current = Vec::new();
    loop {
        match lexer.next()? {
            Step::Word(word) => current.push(word),
            Step::Break => lines.push(std::mem::take(&mut current)),
            Step::End => break,
        }
    }
    lines.push(current);
    lines.retain(|line| !line.is_empty());
    Ok(lines)
}

enum Step {
    Word(Word),
    Break,
    End,
}

struct Lexer<'a> {
    letters: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    words: usize,
}

impl Lexer<'_> {
    fn take(&mut self) -> Option<char> {
        let letter = self.letters.next();
        if letter == Some('\n') {
            self.line += 1;
        }
        letter
    }

    fn next(&mut self) -> Result<Step, Unreadable> {
        loop {
            match self.letters.peek() {
                None => return Ok(Step::End),
                Some('\n') => {
                    self.take();
                    return Ok(Step::Break);
                }
                Some('#') => while self.letters.next_if(|letter| *letter != '\n').is_some() {},
                Some('\\') => {
                    self.take();
                    self.letters.next_if_eq(&'\r');
                    if self.letters.peek() != Some(&'\n') {
                        return self.word("\\".to_owned()).map(Step::Word);
                    }
                    self.take();
                }
                Some('"') => return self.quoted('"').map(Step::Word),
                Some('`') => return self.quoted('`').map(Step::Word),
                Some(letter) if letter.is_whitespace() || *letter == '\u{feff}' => {
                    self.take();
                }
                Some(_) => return self.word(String::new()).map(Step::Word),
            }
        }
    }

    fn made(&mut self, text: String, line: usize, quoted: bool) -> Result<Word, Unreadable> {
        self.words += 1;
        if self.words > WORDS_MAX {
            return Err(Unreadable { line, problem: format!("it has more than {WORDS_MAX} words") });
        }
        Ok(Word { text, line, quoted })
    }

    fn quoted(&mut self, end: char) -> Result<Word, Unreadable> {
        let line = self.line;
        self.take();
        let mut text = String::new();
        loop {
            match self.take() {
                None => {
                    return Err(Unreadable {
                        line,
                        problem: "a quote begins here and never ends".to_owned(),
                    });
                }
                Some(letter) if letter == end => return self.made(text, line, true),
                Some('\\') if end == '"' => match self.take() {
                    Some(letter @ ('"' | '\\')) => text.push(letter),
                    other => {
                        text.push('\\');
                        text.extend(other);
                    }
                },
                Some(letter) => text.push(letter),
            }
        }
    }

    fn word(&mut self, mut text: String) -> Result<Word, Unreadable> {
        let line = self.line;
        while let Some(letter) = self.letters.next_if(|letter| !letter.is_whitespace()) {
            text.push(letter);
        }
        match text.strip_prefix("<<") {
            Some(mark) if is_mark(mark) && self.letters.peek() == Some(&'\n') => {
                let mark = mark.to_owned();
                self.heredoc(&mark, line)
            }
            _ => self.made(text, line, false),
        }
    }

    fn heredoc(&mut self, mark: &str, line: usize) -> Result<Word, Unreadable> {
        self.take();
        let mut text = String::new();
        loop {
            let mut read = String::new();
            while let Some(letter) = self.letters.next_if(|letter| *letter != '\n') {
                read.push(letter);
            }
            if read.trim() == mark {
                return self.made(text, line, true);
            }
            if self.take().is_none() {
                let problem = format!("the text that ends with {mark} never ends");
                return Err(Unreadable { line, problem });
            }
            text.push_str(read.trim_start());
            text.push('\n');
        }
    }
}

fn is_mark(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        let lines = lines(text).unwrap();
        lines.into_iter().map(|line| line.into_iter().map(|word| word.text).collect()).collect()
    }

    #[test]
    fn words_quotes_comments_heredocs() {
        assert_eq!(
            words("a b # c\n\n  d#e \"f \\\"g\" `h \"i`\r\n"),
            [vec!["a", "b"], vec!["d#e", "f \"g", "h \"i"]]
        );
        assert_eq!(words("a \\\n b\nc"), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(
            words("respond <<END\n  one { \n  END\nnext"),
            [vec!["respond", "one { \n"], vec!["next"]]
        );
        let found = lines("a \"{\" {").unwrap();
        assert_eq!(found[0].iter().map(|word| word.quoted).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn what_never_ends_is_said_with_its_line() {
        assert_eq!(lines("a\nb \"c\n").unwrap_err().line, 2);
        assert_eq!(lines("a\nb <<X\nc").unwrap_err().line, 2);
        assert!(lines(&"a ".repeat(WORDS_MAX + 1)).is_err());
        assert!(lines(&" ".repeat(SIZE_MAX + 1)).is_err());
    }
}
