//! Asking targets whether they are well. One worker asks; all of them read the answers.

use std::{
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use doorward_core::service::{HealthCheck, Service, Target, Upstream, UpstreamTls};
use http::{HeaderValue, Request, header};
use tokio::task::JoinHandle;

use super::{
    UpstreamError,
    connect::{Connector, Fresh, Offer},
    http2::as_http2,
};
use crate::{body::RequestBody, worker::Worker};

/// One question that is asked again and again.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Question {
    target: Target,
    tls: UpstreamTls,
    health: HealthCheck,
}

/// What is known about targets that are asked. A target that has not been asked yet counts as well.
#[derive(Default)]
pub(crate) struct Board(Mutex<Vec<(Question, Arc<AtomicBool>)>>);

impl Board {
    /// Set while the target does not answer as it should; `None` if nobody asks.
    pub(super) fn flag(&self, upstream: &Upstream, target: &Target) -> Option<Arc<AtomicBool>> {
        let health = upstream.health.clone()?;
        Some(self.unwell(&Question { target: target.clone(), tls: upstream.tls.clone(), health }))
    }

    fn unwell(&self, question: &Question) -> Arc<AtomicBool> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(asked, _)| asked == question);
        if let Some((_, unwell)) = found {
            return Arc::clone(unwell);
        }
        let unwell = Arc::new(AtomicBool::new(false));
        known.push((question.clone(), Arc::clone(&unwell)));
        unwell
    }

    /// Forgets what nobody reads any more.
    fn tidy(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(_, unwell)| Arc::strong_count(unwell) > 1);
    }
}

/// Asks the targets of the current configuration for as long as it runs.
pub(crate) async fn ask(worker: Rc<Worker>, board: Arc<Board>) {
    let mut changes = worker.sessions.changes();
    loop {
        let config = worker.config();
        let asking = Asking(
            questions(&config.services)
                .map(|question| {
                    let unwell = board.unwell(&question);
                    tokio::task::spawn_local(ask_one(question, unwell, worker.timeouts.connect))
                })
                .collect(),
        );
        board.tidy();
        // A reload raises the counter that sessions are valid for, too.
        while Arc::ptr_eq(&config, &worker.config()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
        drop(asking);
    }
}

/// Tasks that end with it.
struct Asking(Vec<JoinHandle<()>>);

impl Drop for Asking {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

fn questions(services: &[Arc<Service>]) -> impl Iterator<Item = Question> {
    services.iter().filter_map(|service| service.upstream()).flat_map(|upstream| {
        let health = upstream.health.iter();
        health.flat_map(|health| {
            upstream.targets.iter().map(|target| Question {
                target: target.clone(),
                tls: upstream.tls.clone(),
                health: health.clone(),
            })
        })
    })
}

async fn ask_one(question: Question, unwell: Arc<AtomicBool>, within: Duration) {
    let connector = Connector::new(&question.target, &question.tls, within);
    loop {
        let answer = tokio::time::timeout(within, status(&connector, &question)).await;
        let problem = match answer {
            Err(_) => Some("no answer in time".to_owned()),
            Ok(Err(error)) => Some(error.to_string()),
            Ok(Ok(status)) if question.health.accepts(status) => None,
            Ok(Ok(status)) => Some(format!("status {status}")),
        };
        let was_unwell = unwell.swap(problem.is_some(), Ordering::Relaxed);
        match problem {
            Some(problem) if !was_unwell => {
                tracing::warn!(target = %question.target, %problem, "a health check failed; this target is not asked until one succeeds");
            }
            None if was_unwell => tracing::info!(target = %question.target, "this target is well again"),
            _ => {}
        }
        tokio::time::sleep(question.health.interval).await;
    }
}

/// Asks once, over a connection of its own: what it shows is that new connections work.
async fn status(connector: &Connector, question: &Question) -> Result<u16, UpstreamError> {
    let mut request = Request::new(RequestBody::Empty);
    if let Ok(path) = question.health.path.parse() {
        *request.uri_mut() = path;
    }
    if let Ok(host) = HeaderValue::from_str(&question.target.authority()) {
        request.headers_mut().insert(header::HOST, host);
    }
    request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static("doorward-health"));
    let status = match connector.connect(Offer::Both).await? {
        Fresh::Http1(connection) => {
            let response = connection.exchange(request).await;
            response.map_err(|unanswered| UpstreamError::Http1(unanswered.error))?.status()
        }
        Fresh::Http2(mut connection) => {
            let response = connection.send_request(as_http2(connector.web_scheme(), request)).await;
            response.map_err(UpstreamError::Http2)?.status()
        }
    };
    Ok(status.as_u16())
}
