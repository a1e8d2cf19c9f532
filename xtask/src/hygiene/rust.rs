//! Rules for Rust files.

/// A file that is longer holds more than one thing.
const LINES: usize = 500;

/// The mistakes of one file: each begins with where in the file it is.
pub(super) fn mistakes(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let length = text.lines().count();
    if length > LINES {
        found.push(format!(": {length} lines; {LINES} is the most"));
    }
    for (number, line) in text.lines().enumerate() {
        if allows(line) {
            found.push(format!(
                ":{}: `allow` outlives its reason; use #[expect(…, reason = \"…\")]",
                number + 1
            ));
        }
    }
    found
}

fn allows(line: &str) -> bool {
    let line: String = line.split_whitespace().collect();
    let attribute = line.strip_prefix("#[").or_else(|| line.strip_prefix("#!["));
    attribute.is_some_and(|attribute| {
        attribute.starts_with("allow(")
            || (attribute.starts_with("cfg_attr(") && attribute.contains(",allow("))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allow_is_found_in_each_spelling() {
        let spelled = ["#[allow(x)]", "  #![allow( x )]", "# [ allow (x)]", "#[cfg_attr(test, allow(x))]"];
        for line in spelled {
            assert_eq!(mistakes(line).len(), 1, "{line}");
        }
        for line in
            ["#[expect(x, reason = \"y\")]", "// #[allow(x)]", "#[allowed]", "let a = \"#[allow(x)]\";"]
        {
            assert_eq!(mistakes(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn five_hundred_lines_are_enough() {
        assert_eq!(mistakes(&"x\n".repeat(500)), [""; 0]);
        assert_eq!(mistakes(&"x\n".repeat(501)), [": 501 lines; 500 is the most"]);
    }
}
