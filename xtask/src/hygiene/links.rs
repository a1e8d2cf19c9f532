//! Rules for Markdown files: links lead somewhere.

use std::collections::HashSet;

/// The dead links of one file; `exists` says whether a relative path, seen from the file, does.
pub(super) fn mistakes(text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let anchors = anchors(text);
    let dead = |target: &str| match target.split_once('#') {
        Some(("", anchor)) => !anchors.contains(anchor),
        Some((path, _)) => !exists(path),
        None => !exists(target),
    };
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        for target in targets(&line).filter(|target| !leads_outside(target) && dead(target)) {
            found.push(format!(":{number}: the link to `{target}` leads nowhere"));
        }
    }
    found
}

/// The lines outside code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        (!fence && !in_code).then_some((index + 1, line))
    })
}

/// The line without its code spans.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The targets of `[text](target)` and `[label]: target` in a line.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let reference =
        line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.trim());
    inline.chain(reference)
}

fn leads_outside(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

/// The anchors of the headings, as code hosts make them.
fn anchors(text: &str) -> HashSet<String> {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(text: &str) -> Vec<String> {
        mistakes(text, |path| path == "docs/there.md")
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text = "# The `one` idea\n[a](docs/there.md), [b](docs/there.md#x), [c](https://example.org/gone), [d](#the-one-idea)\n\
                    [e]: docs/there.md\n[`g`](docs/there.md), `[h](gone.md)`\n```\n[f](gone.md)\n```\n";
        assert_eq!(dead(text), [""; 0]);
    }

    #[test]
    fn links_that_lead_nowhere_are_named_with_their_line() {
        let text =
            "x\n[a](gone.md), [b](docs/there.md), ![c](gone.png \"title\"), [d](#nowhere)\n[e]: gone.txt\n";
        let expected = [(2, "gone.md"), (2, "gone.png"), (2, "#nowhere"), (3, "gone.txt")];
        let expected =
            expected.map(|(line, target)| format!(":{line}: the link to `{target}` leads nowhere"));
        assert_eq!(dead(text), expected);
    }
}
