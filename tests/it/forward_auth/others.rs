//! nginx, Caddy and HAProxy.

use super::{
    house::{House, Snippets, Start, program},
    visit,
};

fn nginx(snippets: &Snippets) -> Start {
    let server = snippets.of("nginx", ("listen 80;", "listen 127.0.0.1:PORT;"));
    let folder = snippets.folder();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|name| format!("{name}_temp_path {folder}/{name};\n")).concat();
    let text = format!(
        "daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr info;\n\
         events {{ worker_connections 256; }}\nhttp {{\naccess_log off;\n{temporary}{server}}}\n"
    );
    let file = snippets.write("nginx.conf", &text);
    Start { program: program("nginx"), arguments: vec!["-c".to_owned(), file] }
}

fn caddy(snippets: &Snippets) -> Start {
    let site = snippets.of("caddy", ("http://photos.example.org", "http://photos.example.org:PORT"));
    let text = format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}");
    let file = snippets.write("Caddyfile", &text);
    let arguments = ["run", "--adapter", "caddyfile", "--config", &file].map(str::to_owned).to_vec();
    Start { program: program("caddy"), arguments }
}

fn haproxy(snippets: &Snippets) -> Start {
    snippets.write("doorward.lua", &snippets.of("haproxy.lua", ("", "")));
    let text = snippets.of("haproxy", ("bind :80", "bind 127.0.0.1:PORT"));
    let file = snippets.write("haproxy.cfg", &text);
    Start { program: program("haproxy"), arguments: vec!["-db".to_owned(), "-f".to_owned(), file] }
}

macro_rules! visits {
    ($proxy:ident) => {
        mod $proxy {
            use super::{super::house::House, visit};

            #[tokio::test]
            async fn a_person_signs_in_and_out_and_only_members_pass() {
                visit::signs_in_and_out(House::with(super::$proxy).await).await;
            }

            #[tokio::test]
            async fn h_2_h_3_h_7_h_8_h_9_h_10_nothing_forged_arrives() {
                visit::nothing_forged_arrives(House::with(super::$proxy).await).await;
            }

            #[tokio::test]
            async fn t_1_t_3_h_4_h_6_headers_of_clients_open_nothing() {
                visit::headers_open_nothing(House::with(super::$proxy).await).await;
            }

            #[tokio::test]
            async fn t_6_p_8_p_9_odd_paths_are_refused_or_arrive_as_judged() {
                visit::odd_paths(House::with(super::$proxy).await).await;
            }

            #[tokio::test]
            async fn e_16_websockets_are_asked_about() {
                visit::websockets(House::with(super::$proxy).await).await;
            }
        }
    };
}

visits!(nginx);
visits!(caddy);
visits!(haproxy);

/// Nothing that was started is left behind, and a proxy that does not start says why.
#[tokio::test]
async fn the_log_of_a_proxy_is_kept() {
    let house = House::with(nginx).await;
    assert!(house.log().contains("nginx/"), "{}", house.log());
}
