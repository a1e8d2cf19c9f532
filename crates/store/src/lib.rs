//! Persistent state: one [`Store`] on SQLite or PostgreSQL.
//!
//! # The contract, held by `tests/it/store/` on both engines
//! 1. A public method is a unit of work named by its verb. No transaction leaves this crate.
//! 2. A look-up returns an `Option`; a list is bounded.
//! 3. A transition is one statement whose `WHERE` holds the old state, and its method says whether it won.
//! 4. `now` and identifiers are arguments. SQL never asks for the time or for random numbers.
//! 5. Secrets arrive hashed. No method takes a plain token.
//! 6. Rows become domain types in one place per type; an impossible combination is [`StoreError::Corrupt`].
//! 7. Expiry is checked in each read; [`Store::sweep`] only saves room.
//! 8. What was acknowledged survives `kill -9` and power loss.
//! 9. Units of work that change what a live session means (people, groups, signing in and out) raise the generation,
//!    after their commit, whoever still waits for them. A handoff adds a session and touches none, so it does not.

mod api_key;
mod authorization_code;
mod certificate;
mod claims;
mod client;
mod client_token;
mod consent;
mod credential;
mod data_directory;
mod db;
mod device;
mod enrolment;
mod error;
mod group;
mod handoff;
mod import;
mod login;
mod migrate;
mod personal_token;
mod pushed_request;
mod session;
mod setup;
mod signing_key;
mod store;
mod sweep;
mod token;
mod user;
mod vault;

pub use api_key::{API_KEYS_MAX, ApiKeyRow, NewApiKey};
pub use authorization_code::{IssuedCode, NewCode};
pub use certificate::{StoredCertificate, StoredChain, StoredProof};
pub use client::{NewClient, SecretHash, StoredClient, StoredSecret};
pub use client_token::ClientToken;
pub use credential::{CredentialRow, NewCredential, StoredCredential};
pub use data_directory::{DataDirectory, DataDirectoryError};
pub use device::{DevicePoll, NewDevice, PendingDevice};
pub use enrolment::CompleteEnrolment;
pub use error::{Constraint, OpenError, StoreError};
pub use group::{Group, GroupNames, NewGroup};
pub use handoff::{NewHandoff, NewServiceSession};
pub use import::{Import, Imported, ImportedGroup, ImportedPerson};
pub use login::{ChallengeUse, NewSession, SignIn};
pub use personal_token::{
    NewPersonalToken, PERSONAL_TOKENS_MAX, PersonalGrant, PersonalTokenRow, PresentedToken,
};
pub use pushed_request::NewPushedRequest;
pub use session::SessionRow;
pub use setup::CompleteSetup;
pub use signing_key::{NewSigningKey, StoredSigningKey};
pub use store::{Engine, Settings, Store};
pub use token::{AccessGrant, LiveToken, NewTokens, Rotation, TokenGrant};
pub use user::{NewUser, User};
