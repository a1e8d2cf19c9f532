//! One figure: what was promised, and what was measured.

use std::fmt;

/// What a figure must be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn holds(self, measured: f64) -> bool {
        match self {
            Self::AtLeast(least) => measured >= least,
            Self::AtMost(most) => measured <= most,
        }
    }
}

/// A figure with its target.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Figure {
    /// What it is a figure of.
    pub(super) what: String,
    pub(super) target: Target,
    /// What stands behind the numbers: `×`, ` %`, ` KiB`.
    pub(super) unit: &'static str,
    /// The median where there were rounds.
    pub(super) measured: f64,
    /// The lowest and the highest round.
    pub(super) spread: Option<(f64, f64)>,
    /// The numbers behind it.
    pub(super) details: String,
}

impl Figure {
    /// A figure that was measured once.
    pub(super) fn single(what: &str, target: Target, unit: &'static str, measured: f64) -> Self {
        Self { what: what.to_owned(), target, unit, measured, spread: None, details: String::new() }
    }

    /// The median of several rounds.
    pub(super) fn of_rounds(what: &str, target: Target, unit: &'static str, rounds: &[f64]) -> Self {
        let lowest = rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { spread: Some((lowest, highest)), ..Self::single(what, target, unit, median(rounds.to_vec())) }
    }

    pub(super) fn with_details(mut self, details: String) -> Self {
        self.details = details;
        self
    }

    /// Whether the target is met; never by a figure that is no number.
    pub(super) fn holds(&self) -> bool {
        self.target.holds(self.measured)
    }

    /// `≥ 1.20×`.
    pub(super) fn wanted(&self) -> String {
        match self.target {
            Target::AtLeast(least) => format!("≥ {least:.2}{}", self.unit),
            Target::AtMost(most) => format!("≤ {most:.2}{}", self.unit),
        }
    }

    /// `1.31× (1.28 to 1.35)`.
    pub(super) fn seen(&self) -> String {
        let spread = self.spread.map_or_else(String::new, |(from, to)| format!(" ({from:.2} to {to:.2})"));
        format!("{:.2}{}{spread}", self.measured, self.unit)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.holds() { "holds" } else { "MISSED" };
        write!(formatter, "{}: {}, wanted {}: {verdict}", self.what, self.seen(), self.wanted())?;
        if self.details.is_empty() { Ok(()) } else { write!(formatter, "\n  {}", self.details) }
    }
}

/// The middle one, or the mean of the two in the middle.
pub(super) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let upper = figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN);
    let lower = figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN);
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
        assert!(close(median(vec![3.0, 1.0, 2.0]), 2.0));
        assert!(close(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5));
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_figure_holds_or_is_missed() {
        let figure = Figure::of_rounds("speed", Target::AtLeast(1.2), "×", &[1.3, 1.1, 1.25]);
        assert!(figure.holds());
        assert_eq!((figure.wanted().as_str(), figure.seen().as_str()), ("≥ 1.20×", "1.25× (1.10 to 1.30)"));
        assert!(!Figure::single("size", Target::AtMost(25.0), " MiB", 25.1).holds());
        assert!(!Figure::of_rounds("nothing", Target::AtMost(1.0), "", &[]).holds());
    }
}
