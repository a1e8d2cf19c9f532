//! Text for the person at the terminal.

use std::io::Write as _;

/// Prints to standard output. A closed pipe is no reason to stop.
pub fn say(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes());
    let _ = output.flush();
}

/// Prints a line to standard error.
pub fn complain(text: &str) {
    let mut output = std::io::stderr().lock();
    let _ = writeln!(output, "{text}");
}
