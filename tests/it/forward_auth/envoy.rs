//! Envoy, from PyPI.

use super::{
    house::{House, Snippets, Start},
    visit,
};

fn envoy(snippets: &Snippets) -> Start {
    let listening = ("address: 0.0.0.0, port_value: 80 }", "address: 127.0.0.1, port_value: PORT }");
    let file = snippets.write("envoy.yaml", &snippets.of("envoy", listening));
    let program =
        std::env::var_os("DOORWARD_TEST_ENVOY").unwrap_or_else(|| panic!("DOORWARD_TEST_ENVOY is not set"));
    let arguments = ["--log-level", "warn", "--disable-hot-restart", "--concurrency", "1", "-c", &file];
    Start { program: program.into(), arguments: arguments.map(str::to_owned).to_vec() }
}

#[tokio::test]
#[ignore = "needs Envoy: run by cargo xtask test"]
async fn a_person_signs_in_and_out_and_only_members_pass() {
    visit::signs_in_and_out(House::with(envoy).await).await;
}

#[tokio::test]
#[ignore = "needs Envoy: run by cargo xtask test"]
async fn h_2_h_3_h_7_h_8_h_9_h_10_nothing_forged_arrives() {
    visit::nothing_forged_arrives(House::with(envoy).await).await;
}

#[tokio::test]
#[ignore = "needs Envoy: run by cargo xtask test"]
async fn t_1_t_3_h_4_h_6_headers_of_clients_open_nothing() {
    visit::headers_open_nothing(House::with(envoy).await).await;
}

#[tokio::test]
#[ignore = "needs Envoy: run by cargo xtask test"]
async fn t_6_p_8_p_9_odd_paths_are_refused_or_arrive_as_judged() {
    visit::odd_paths(House::with(envoy).await).await;
}

#[tokio::test]
#[ignore = "needs Envoy: run by cargo xtask test"]
async fn e_16_websockets_are_asked_about() {
    visit::websockets(House::with(envoy).await).await;
}
