use super::*;

#[test]
fn a_histogram_adds_up() {
    let metrics = Metrics::new(2);
    for (worker, micros) in [(0, 1), (0, 5), (1, 6), (1, 70), (0, 5_000_000)] {
        metrics.of_worker(worker).decided_within(Duration::from_micros(micros));
    }
    let mut text = Exposition::default();
    text.family("x", "histogram", "Help.");
    metrics.write_histogram(&mut text, &DECISION, |worker| &worker.decision);
    let text = text.into_text();
    for line in [
        "x_bucket{le=\"0.000005\"} 2\n",
        "x_bucket{le=\"0.00001\"} 3\n",
        "x_bucket{le=\"0.0001\"} 4\n",
        "x_bucket{le=\"0.1\"} 4\n",
        "x_bucket{le=\"+Inf\"} 5\n",
        "x_sum 5.000082\n",
        "x_count 5\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[test]
fn d_19_labels_are_escaped() {
    let mut text = Exposition::default();
    text.family("x", "gauge", "Help.");
    text.sample(&[("a", "b"), ("c", "\"d\\\n")], 1);
    assert_eq!(text.into_text(), "# HELP x Help.\n# TYPE x gauge\nx{a=\"b\",c=\"\\\"d\\\\\\n\"} 1\n");
}
