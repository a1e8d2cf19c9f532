//! Certificates from an authority that speaks ACME (RFC 8555), and those that we sign ourselves.
//!
//! **Invariant:** this crate keeps nothing. It is given an account and gives back certificates; who stores them, and who
//! answers the authority's questions over HTTP and TLS, is behind the port [`Publisher`].

mod authority;
mod chain;
mod dns;
mod http;
mod made;

pub use authority::{Authority, Failure, Order, Proof, ProofKind, Publisher, Renewal};
pub use made::{LocalRoot, Made, handshake_answer, temporary};

/// A future that is boxed, as ports need it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
