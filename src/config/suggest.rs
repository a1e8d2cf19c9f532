//! "Did you mean": the nearest of the words that would have been right.

/// The nearest word, if one is near: at most a third of its letters differ, or it was begun and cut short.
pub(super) fn nearest<'a>(found: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let begun = |word: &str| found.len() >= 4 && word.starts_with(found);
    let near = |word: &&str| distance(found, word) <= (word.len() / 3).max(1) || begun(word);
    words.into_iter().filter(near).min_by_key(|word| distance(found, word))
}

/// "did you mean `x`?", or the whole choice.
pub(super) fn help(found: &str, words: &[&str]) -> String {
    match nearest(found, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None if words.is_empty() => String::new(),
        None => format!("possible here: {}", words.join(", ")),
    }
}

/// Edit distance in which neighbours that changed places count once, insensitive to case; long words are compared by
/// their beginning.
fn distance(one: &str, other: &str) -> usize {
    let fold = |text: &str| text.chars().take(64).flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (one, other) = (fold(one), fold(other));
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let substituted = row[j] + usize::from(a != b);
            let mut least = substituted.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && one[i - 1] == *b && other[j - 1] == *a {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_words_are_near_and_others_are_not() {
        for (found, meant) in [
            ("polciy", "policy"),
            ("Policy", "policy"),
            ("polices", "policy"),
            ("data_dir", "data_directory"),
            ("psture", "posture"),
            ("", "a"),
            ("ab", "ba"),
        ] {
            assert_eq!(nearest(found, ["upstream", meant]), Some(meant), "{found}");
        }
        for found in ["xyz", "", "polizeirevier", "📕📕"] {
            assert_eq!(nearest(found, ["policy", "posture"]), None, "{found}");
        }
        assert_eq!(help("policy", &[]), "");
        assert_eq!(help("x", &["policy", "posture"]), "possible here: policy, posture");
    }
}
