//! Our cookies stay between the browser and us.

use crate::{
    harness::{ADA, Gate},
    upstream::Echo,
};

#[tokio::test]
async fn e_9_upstreams_never_receive_our_cookies() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    let ours = format!("__Host-doorward={ADA}; __Host-doorward-login-ab=x; __Host-doorward-ceremony=y");
    for host in ["notes.test", "www.test"] {
        let seen = wire.get(host, "/", &format!("Cookie: a=1; {ours}; b=2\r\n")).await.echoed();
        assert_eq!(seen.one("cookie"), Some("a=1; b=2"), "{host}");
        let seen = wire.get(host, "/", &format!("Cookie: {ours}\r\n")).await.echoed();
        assert_eq!(seen.one("cookie"), None, "{host}");
    }
    let seen = wire.get("www.test", "/", "Cookie: a=1;b=\"2;3\"; c\r\n").await.echoed();
    assert_eq!(seen.one("cookie"), Some("a=1;b=\"2;3\"; c"), "the others are left alone");
}

#[tokio::test]
async fn e_14_upstreams_can_neither_set_nor_clear_our_cookies() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let answer = gate.connect().await.get("www.test", "/", "").await;
    assert_eq!(answer.head.all("set-cookie"), ["app=1; Path=/", "theme=dark"]);
    assert_eq!(answer.head.one("clear-site-data"), None);
    assert_eq!(answer.head.one("keep-alive"), None);
}

#[tokio::test]
async fn e_13_h_15_a_session_comes_once() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    for host in ["notes.test", "www.test"] {
        let twice = format!("Cookie: __Host-doorward={ADA}; __Host-doorward=x\r\n");
        let answer = gate.connect().await.get(host, "/", &twice).await;
        assert_eq!(answer.status, 400);
        assert!(answer.body.starts_with("two sessions, request "), "{}", answer.body);
        let lines = format!("Cookie: a=1\r\nCookie: __Host-doorward={ADA}\r\n");
        assert_eq!(gate.connect().await.get(host, "/", &lines).await.status, 400, "two lines");
    }
    assert_eq!(echo.requests(), 0);
}
