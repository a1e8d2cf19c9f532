//! Steps one after another, with a table of them at the end.

use std::{
    fmt::Write as _,
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::Result;

/// How a step that did not fail ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Done {
    /// It did what it is for.
    Passed,
    /// It did only a part of it; the sentence says what was left out and why.
    Partly(String),
}

/// One thing to do.
pub(crate) struct Step {
    /// In the table, and for `needs` of others.
    pub(crate) name: &'static str,
    /// Steps that must have passed before.
    pub(crate) needs: &'static [&'static str],
    /// Does it. The name is the step's own.
    pub(crate) run: fn(&'static str) -> Result<Done>,
}

impl Step {
    /// A step that needs no other.
    pub(crate) fn new(name: &'static str, run: fn(&'static str) -> Result<Done>) -> Self {
        Self { name, needs: &[], run }
    }

    /// The same, but it is not tried unless these passed.
    pub(crate) fn needs(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }
}

#[derive(PartialEq, Eq, Debug)]
enum Outcome {
    Done(Done),
    Failed,
    /// A step that it needs did not pass.
    NotRun(&'static str),
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// Runs all steps, also those after a failure, and prints the table. Returns whether none failed.
pub(crate) fn run_all(steps: &[Step]) -> bool {
    let mut rows = Vec::new();
    for step in steps {
        rows.push(run_one(step, &rows));
    }
    let passed = rows.iter().all(|row| matches!(row.outcome, Outcome::Done(_)));
    print!("\n{}", table(&rows));
    println!("{}", if passed { "\nAll passed." } else { "\nNot all passed: see above." });
    passed
}

fn run_one(step: &Step, before: &[Row]) -> Row {
    let name = step.name;
    print!("{name} … ");
    // A terminal that can't be written to is no reason to stop testing.
    let _ = std::io::stdout().flush();
    let missed = |needed: &&&'static str| {
        !before.iter().any(|row| row.name == **needed && matches!(row.outcome, Outcome::Done(_)))
    };
    if let Some(needed) = step.needs.iter().find(missed) {
        println!("not run: needs {needed}");
        return Row { name, outcome: Outcome::NotRun(needed), took: Duration::ZERO };
    }
    let start = Instant::now();
    let result = (step.run)(name);
    let took = start.elapsed();
    let outcome = match result {
        Ok(done) => {
            println!("ok, {:.1} s{}", took.as_secs_f64(), left_out(&done));
            Outcome::Done(done)
        }
        Err(error) => {
            println!("FAILED, {:.1} s\n{error:#}\n", took.as_secs_f64());
            Outcome::Failed
        }
    };
    Row { name, outcome, took }
}

fn left_out(done: &Done) -> String {
    match done {
        Done::Passed => String::new(),
        Done::Partly(sentence) => format!("; NOT DONE: {sentence}"),
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    for Row { name, outcome, took } in rows {
        let outcome = match outcome {
            Outcome::Done(done) => format!("ok{}", left_out(done)),
            Outcome::Failed => "FAILED".to_owned(),
            Outcome::NotRun(needed) => format!("not run: needs {needed}"),
        };
        let _ = writeln!(text, "  {name:<18} {:>7.1} s  {outcome}", took.as_secs_f64());
    }
    let total: Duration = rows.iter().map(|row| row.took).sum();
    let _ = writeln!(text, "  {:<18} {:>7.1} s", "total", total.as_secs_f64());
    text
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    fn row(name: &'static str, outcome: Outcome) -> Row {
        Row { name, outcome, took: Duration::from_millis(1_250) }
    }

    #[test]
    fn a_failure_fails_the_run_and_what_needs_it_is_not_run() {
        let steps = [
            Step::new("build", |_| bail!("no")),
            Step::new("other", |_| Ok(Done::Passed)),
            Step::new("browser", |_| Ok(Done::Passed)).needs(&["other", "build"]),
        ];
        assert!(!run_all(&steps));
        let built = [row("other", Outcome::Done(Done::Passed)), row("build", Outcome::Failed)];
        assert_eq!(run_one(&steps[2], &built).outcome, Outcome::NotRun("build"));
        let built = [row("other", Outcome::Done(Done::Passed)), row("build", Outcome::Done(Done::Passed))];
        assert_eq!(run_one(&steps[2], &built).outcome, Outcome::Done(Done::Passed));
    }

    #[test]
    fn the_table_says_what_was_left_out() {
        let rows = [
            row("deny", Outcome::Done(Done::Partly("advisories: no network".to_owned()))),
            row("clippy", Outcome::Failed),
        ];
        let text = table(&rows);
        assert!(
            text.contains("deny                   1.2 s  ok; NOT DONE: advisories: no network\n"),
            "{text}"
        );
        assert!(text.contains("clippy                 1.2 s  FAILED\n"), "{text}");
        assert!(text.contains("total                  2.5 s\n"), "{text}");
    }
}
