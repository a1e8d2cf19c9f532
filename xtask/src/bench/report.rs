//! Medians and ratios.

use super::{cores::Cores, options::Options, wrk::Drive};

/// Below this share of its core a server was waiting for the load, not the load for it.
const SATURATED: f64 = 0.9;

/// All rounds.
#[derive(Default)]
pub(super) struct Report {
    pub(super) doorward: Vec<Drive>,
    pub(super) nginx: Vec<Drive>,
}

/// The medians of one server's rounds.
struct Medians {
    per_second: f64,
    half_ms: f64,
    most_ms: f64,
    cost: f64,
    busy: f64,
}

impl Medians {
    fn of(drives: &[Drive]) -> Self {
        let over = |figure: fn(&Drive) -> f64| median(drives.iter().map(figure).collect());
        Self {
            per_second: over(|drive| drive.per_second),
            half_ms: over(|drive| drive.half.as_secs_f64() * 1e3),
            most_ms: over(|drive| drive.most.as_secs_f64() * 1e3),
            cost: over(|drive| drive.cost),
            busy: over(|drive| drive.busy),
        }
    }

    fn line(&self, name: &str) -> String {
        let Self { per_second, half_ms, most_ms, cost, busy } = self;
        format!(
            "{name:<9} {per_second:>10.0}  {half_ms:>7.2} ms  {most_ms:>7.2} ms  {cost:>9.1} µs  {:>6.0} %",
            busy * 100.0
        )
    }

    fn json(&self) -> String {
        let Self { per_second, half_ms, most_ms, cost, busy } = self;
        format!(
            "{{\"requests_per_second\":{per_second:.1},\"p50_ms\":{half_ms:.3},\"p99_ms\":{most_ms:.3},\
             \"cpu_us_per_request\":{cost:.2},\"core_busy\":{busy:.3}}}"
        )
    }
}

impl Report {
    /// For a person.
    pub(super) fn print(&self, cores: &Cores) {
        let (doorward, nginx) = (Medians::of(&self.doorward), Medians::of(&self.nginx));
        println!("\nmedians    requests/s         p50         p99  processor/req  core used");
        println!("{}\n{}", doorward.line("doorward"), nginx.line("nginx"));
        println!("\nratio of requests/s, doorward to nginx: {:.2}", doorward.per_second / nginx.per_second);
        println!("ratio of requests per processor time:   {:.2}", nginx.cost / doorward.cost);
        for (name, medians) in [("doorward", &doorward), ("nginx", &nginx)] {
            if medians.busy < SATURATED {
                println!(
                    "{name} did not use its core up, so the load, the upstream or other work on the machine set its requests/s. ({cores})"
                );
            }
        }
    }

    /// For a program.
    pub(super) fn print_json(&self, options: &Options) {
        let (doorward, nginx) = (Medians::of(&self.doorward), Medians::of(&self.nginx));
        let rounds: Vec<String> =
            self.doorward.iter().zip(&self.nginx).map(|(doorward, nginx)| round(doorward, nginx)).collect();
        println!(
            "{{\"connections\":{},\"seconds\":{},\"rounds\":[{}],\"doorward\":{},\"nginx\":{},\"ratio\":{:.4},\"cpu_ratio\":{:.4}}}",
            options.connections,
            options.seconds,
            rounds.join(","),
            doorward.json(),
            nginx.json(),
            doorward.per_second / nginx.per_second,
            nginx.cost / doorward.cost,
        );
    }
}

fn round(doorward: &Drive, nginx: &Drive) -> String {
    format!("{{\"doorward\":{:.1},\"nginx\":{:.1}}}", doorward.per_second, nginx.per_second)
}

/// The middle one, or the mean of the two in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let upper = figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN);
    let lower = figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN);
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
        assert!(close(median(vec![3.0, 1.0, 2.0]), 2.0));
        assert!(close(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5));
        assert!(median(Vec::new()).is_nan());
    }
}
