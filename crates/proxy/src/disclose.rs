//! What upstreams are told about people, remembered by each worker.
//!
//! An entry is good for one identity as it was read and one service as it was declared: both are compared by their
//! place in memory, which an entry keeps from being used for anything else. A change to people, groups or sessions makes
//! a new identity, and a reload makes new services, so nothing outlives what it was made from.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use doorward_core::{
    id::SessionId,
    identity::Identity,
    policy::Permit,
    service::{Disclosed, Service},
};

/// Sessions that one worker remembers at most; beyond that it starts afresh.
const REMEMBERED: usize = 8192;

/// The memory of one worker.
#[derive(Default)]
pub(crate) struct Disclosures(RefCell<HashMap<SessionId, Remembered>>);

struct Remembered {
    identity: Arc<Identity>,
    service: Arc<Service>,
    disclosed: Rc<Disclosed>,
}

impl Disclosures {
    /// What `service` is told about the person on whom the permission rests; nothing if it rests on nobody.
    pub(crate) fn of(&self, permit: &Permit, service: &Arc<Service>) -> Option<Rc<Disclosed>> {
        let identity = permit.identity()?;
        if !service.disclosure.says_anything() {
            return None;
        }
        let mut memory = self.0.borrow_mut();
        if let Some(known) = memory.get(&identity.session)
            && Arc::ptr_eq(&known.identity, identity)
            && Arc::ptr_eq(&known.service, service)
        {
            return Some(Rc::clone(&known.disclosed));
        }
        let disclosed = Rc::new(service.disclosure.render(identity));
        if memory.len() >= REMEMBERED {
            memory.clear();
        }
        let (identity, service) = (Arc::clone(identity), Arc::clone(service));
        let entry = Remembered { identity, service, disclosed: Rc::clone(&disclosed) };
        memory.insert(entry.identity.session, entry);
        Some(disclosed)
    }
}
