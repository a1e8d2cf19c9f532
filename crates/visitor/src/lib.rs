//! A person without a browser: an HTTP client with a cookie jar, a software passkey, and the steps that a person
//! takes through the front door. It knows only what a browser would know.

mod cbor;
pub mod client;
pub mod cookie;
pub mod passkey;
pub mod person;
#[cfg(test)]
mod test_server;

pub use client::{Client, Page, Request};
pub use cookie::CookieJar;
pub use passkey::{Authenticator, Passkey};
pub use person::Person;
