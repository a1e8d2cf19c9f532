//! Our server and nginx in front of the same application.

use anyhow::{Result, ensure};

use super::{
    cores::Cores,
    doorward::{Installation, OPEN},
    free_port, fresh_directory, http, nginx,
    options::Options,
    running::Running,
    session,
    tls::Certificate,
};

/// Everything that takes part in the comparisons.
pub(super) struct Stage {
    pub(super) cores: Cores,
    /// The cookie that makes a request a signed-in person's.
    pub(super) cookie: String,
    pub(super) doorward: Running,
    pub(super) nginx: Running,
    pub(super) upstream: Running,
}

impl Stage {
    pub(super) fn set(options: &Options) -> Result<Self> {
        let cores = Cores::of_this_process()?;
        options.say(&cores.to_string());
        let upstream = nginx::upstream(free_port()?, cores)?;
        let certificate = Certificate::make(&fresh_directory("certificate")?)?;
        let nginx = nginx::proxy([free_port()?, free_port()?], upstream.port, &certificate, cores)?;
        let installation = Installation::make("doorward", [free_port()?, free_port()?], upstream.port, 0)?;
        let (doorward, setup_link) = installation.start_new(|program| cores.server(program))?;
        let cookie = session::cookie(&setup_link, doorward.port)?;
        let stage = Self { cores, cookie, doorward, nginx, upstream };
        stage.check()?;
        Ok(stage)
    }

    /// A benchmark of the wrong thing is worse than none: the gate is closed without the session, open with it, and
    /// the identity headers arrive; the other ways serve the same body.
    fn check(&self) -> Result<()> {
        let ask = |port, host, path, cookie| http::get(port, host, path, cookie);
        let cookie = Some(self.cookie.as_str());
        let anonymous = ask(self.doorward.port, session::HOST, "/whoami", None)?;
        ensure!(anonymous.status == 401, "without a session the gate answered {}", anonymous.status);
        let signed_in = ask(self.doorward.port, session::HOST, "/whoami", cookie)?;
        ensure!(signed_in.status == 200, "with a session the gate answered {}", signed_in.status);
        let wanted = format!("user={} groups=admins,users", session::USERNAME);
        ensure!(signed_in.body.trim() == wanted, "the upstream received: {}", signed_in.body.trim());
        for path in ["/", "/large"] {
            let gated = ask(self.doorward.port, session::HOST, path, cookie)?;
            let open = ask(self.doorward.port, OPEN, path, None)?;
            let bare = ask(self.nginx.port, session::HOST, path, cookie)?;
            let answers = [&gated, &open, &bare];
            ensure!(
                answers.iter().all(|answer| answer.status == 200 && answer.body == gated.body),
                "the ways answer differently for {path}"
            );
        }
        Ok(())
    }
}
