//! What is printed at the end.

use std::fmt::Write as _;

use anyhow::Result;

use super::{cores::Cores, figure::Figure};

/// The table, as it stands in the documents.
pub(super) fn print(figures: &[(&'static str, Figure)]) -> Result<()> {
    println!("\n{}\n", Cores::of_this_process()?);
    println!("| row | what | wanted | measured | |\n| --- | --- | --- | --- | --- |");
    for (row, figure) in figures {
        let verdict = if figure.holds() { "holds" } else { "**missed**" };
        println!("| `{row}` | {} | {} | {} | {verdict} |", figure.what, figure.wanted(), figure.seen());
    }
    Ok(())
}

/// One object per figure.
pub(super) fn print_json(figures: &[(&'static str, Figure)]) {
    let objects: Vec<String> = figures.iter().map(|(row, figure)| json(row, figure)).collect();
    println!("[{}]", objects.join(",\n "));
}

fn json(row: &str, figure: &Figure) -> String {
    let number = |number: f64| if number.is_finite() { format!("{number:.4}") } else { "null".to_owned() };
    let spread = figure.spread.map_or_else(String::new, |(from, to)| {
        format!(",\"lowest\":{},\"highest\":{}", number(from), number(to))
    });
    format!(
        "{{\"row\":{},\"what\":{},\"wanted\":{},\"measured\":{}{spread},\"unit\":{},\"holds\":{},\"details\":{}}}",
        quoted(row),
        quoted(&figure.what),
        quoted(&figure.wanted()),
        number(figure.measured),
        quoted(figure.unit.trim()),
        figure.holds(),
        quoted(&figure.details),
    )
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => {
                // Writing to a string can't fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figure::Target;

    #[test]
    fn a_figure_is_an_object() {
        let figure = Figure::single("a \"b\"\n", Target::AtMost(2.0), " KiB", f64::NAN);
        assert_eq!(
            json("x", &figure),
            "{\"row\":\"x\",\"what\":\"a \\\"b\\\"\\u000a\",\"wanted\":\"≤ 2.00 KiB\",\"measured\":null,\
             \"unit\":\"KiB\",\"holds\":false,\"details\":\"\"}"
        );
    }
}
