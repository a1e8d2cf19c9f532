//! "Did you mean": the nearest of the words that would have been right.

/// The nearest word, if one is near: at most a third of its letters differ.
pub(super) fn nearest<'a>(found: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |word: &&str| distance(found, word) <= (word.len() / 3).max(1);
    words
        .into_iter()
        .filter(near)
        .min_by_key(|word| distance(found, word))
}

/// "did you mean `x`?", or the whole choice.
pub(super) fn help(found: &str, words: &[&str]) -> String {
    match nearest(found, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None if words.is_empty() => String::new(),
        None => format!("possible here: {}", words.join(", ")),
    }
}

/// Edit distance, insensitive to case; long words are compared by their beginning.
fn distance(one: &str, other: &str) -> usize {
    let fold = |text: &str| {
        text.chars()
            .take(64)
            .flat_map(char::to_lowercase)
            .collect::<Vec<_>>()
    };
    let (one, other) = (fold(one), fold(other));
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
