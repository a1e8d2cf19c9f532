//! What upstreams are told about people, remembered by each worker.
//!
//! An entry is good for one identity as it was read and one service as it was declared: both are compared by their
//! place in memory, which an entry keeps from being used for anything else. A change to people, groups or sessions makes
//! a new identity, and a reload makes new services, so nothing outlives what it was made from.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use doorward_core::{
    assertion::{self, Assertion},
    config::Config,
    id::SessionId,
    identity::Identity,
    jose::SigningFailed,
    policy::Permit,
    service::{Disclosed, Service},
    time::UnixTime,
};

use crate::{assertion::Asserter, memory::Memory};

/// The memory of one worker.
pub(crate) struct Disclosures {
    asserter: Arc<dyn Asserter>,
    memory: RefCell<Memory<SessionId, Remembered>>,
}

struct Remembered {
    identity: Arc<Identity>,
    service: Arc<Service>,
    disclosed: Rc<Disclosed>,
    assertion: Option<Assertion>,
}

impl Remembered {
    /// Whether all of it can be sent as it is.
    fn answers(&self, identity: &Arc<Identity>, service: &Arc<Service>, now: UnixTime) -> bool {
        Arc::ptr_eq(&self.identity, identity)
            && Arc::ptr_eq(&self.service, service)
            && self.assertion.as_ref().is_none_or(|assertion| assertion.is_fresh(now))
    }

    /// Whether it may ever be good for anything again: an identity that nobody else holds is never asked about.
    fn may_answer(&self, now: UnixTime) -> bool {
        match &self.assertion {
            Some(assertion) => assertion.is_fresh(now),
            None => Arc::strong_count(&self.identity) > 1,
        }
    }

    /// The assertion, if it would state the same when signed again. A person is read anew with each change to anybody;
    /// that alone is no reason to sign.
    fn assertion(&self, identity: &Identity, service: &Arc<Service>, now: UnixTime) -> Option<Assertion> {
        let same = *self.identity == *identity && Arc::ptr_eq(&self.service, service);
        self.assertion.as_ref().filter(|assertion| same && assertion.is_fresh(now)).cloned()
    }
}

impl Disclosures {
    pub(crate) fn new(asserter: Arc<dyn Asserter>) -> Self {
        Self { asserter, memory: RefCell::default() }
    }

    /// What `service` is told about the person on whom the permission rests; nothing if it rests on nobody.
    pub(crate) fn of(
        &self,
        permit: &Permit,
        service: &Arc<Service>,
        config: &Config,
        now: UnixTime,
    ) -> Result<Option<Rc<Disclosed>>, SigningFailed> {
        let Some(identity) = permit.identity().filter(|_| service.disclosure.says_anything()) else {
            return Ok(None);
        };
        let mut memory = self.memory.borrow_mut();
        let known = memory.get(&identity.session);
        if let Some(known) = known.filter(|known| known.answers(identity, service, now)) {
            return Ok(Some(Rc::clone(&known.disclosed)));
        }
        let mut disclosed = service.disclosure.render(identity);
        let assertion = match known.and_then(|known| known.assertion(identity, service, now)) {
            Some(assertion) => Some(assertion),
            None if service.disclosure.assertion => {
                Some(self.asserter.assert(config, service, identity, now)?)
            }
            None => None,
        };
        if let Some(assertion) = &assertion {
            disclosed.push(assertion::HEADER, assertion.value().clone());
        }
        let disclosed = Rc::new(disclosed);
        let (identity, service) = (Arc::clone(identity), Arc::clone(service));
        let entry = Remembered { identity, service, disclosed: Rc::clone(&disclosed), assertion };
        memory.insert(entry.identity.session, entry, |other| other.may_answer(now));
        Ok(Some(disclosed))
    }
}
