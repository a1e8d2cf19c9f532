//! Ceremonies played through with a software authenticator, the specification's vectors, and every lie we know of.

mod algorithms;
mod authentication;
mod authenticator;
mod ceremony;
mod login;
mod mutation;
mod registration;
mod vectors;
