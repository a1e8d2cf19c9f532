//! What closes one service and no other: parts of its declaration that can't be enforced, and files that it needs.

use std::{cell::RefCell, fmt};

use doorward_core::{
    config::Config,
    policy::{Posture, Quarantine},
    route::RouteTable,
    service::{Service, ServiceName},
};

use crate::config::{
    diagnostic::Diagnostic,
    reader::{Findings, Place},
};

/// What reads a file into a service. It says what is wrong with the file, and nothing of what is in it.
type Load = Box<dyn FnOnce(&mut Service) -> Result<(), String> + Send>;

/// A file that one service needs. It is opened when the configuration is loaded; while it is missing or unfit, the
/// service is closed.
pub struct ServiceFile {
    service: ServiceName,
    place: Place,
    id: &'static str,
    load: Load,
}

impl fmt::Debug for ServiceFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ServiceFile({})", self.place.key)
    }
}

/// What is wrong with one service, and what it still needs.
#[derive(Default)]
pub(super) struct Closing {
    reason: RefCell<Option<Quarantine>>,
    files: RefCell<Vec<(Place, &'static str, Load)>>,
}

impl Closing {
    /// Closes the service, and says so.
    pub(super) fn close(
        &self,
        findings: &Findings,
        (place, id): (&Place, &'static str),
        cause: String,
        help: impl Into<String>,
    ) {
        findings.add("Q001", place, &cause, help);
        self.reason.borrow_mut().get_or_insert_with(|| Quarantine::new(id, &place.key, cause));
    }

    /// Has a file read when the configuration is loaded. `id` is what the service is closed with when that fails.
    pub(super) fn read_later(
        &self,
        place: Place,
        id: &'static str,
        load: impl FnOnce(&mut Service) -> Result<(), String> + Send + 'static,
    ) {
        self.files.borrow_mut().push((place, id, Box::new(load)));
    }

    /// Applies it to the service that was read.
    pub(super) fn apply(self, service: &mut Service) -> Vec<ServiceFile> {
        if let Some(reason) = self.reason.into_inner() {
            service.guard.posture = Posture::Quarantined(reason);
        }
        let name = &service.name;
        let file = |(place, id, load)| ServiceFile { service: name.clone(), place, id, load };
        self.files.into_inner().into_iter().map(file).collect()
    }
}

/// Reads the files of all services. Each service with one that is missing or unfit is closed; what is wrong is
/// returned.
pub(in crate::config) fn read_files(config: &mut Config, files: Vec<ServiceFile>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for file in files {
        let Some(service) = config.services.iter_mut().find(|service| service.name == file.service) else {
            continue;
        };
        let service = std::sync::Arc::make_mut(service);
        let Err(cause) = (file.load)(service) else { continue };
        let Place { key, span } = file.place;
        if !matches!(service.guard.posture, Posture::Quarantined(_)) {
            service.guard.posture = Posture::Quarantined(Quarantine::new(file.id, &key, &cause));
        }
        let help = format!(
            "the service `{}` answers 503 until this is in order; the others are served",
            file.service
        );
        found.push(Diagnostic { code: "Q002", key, message: cause, help, span });
    }
    config.routes = RouteTable::new(&config.portal.origin, &config.services);
    found
}
