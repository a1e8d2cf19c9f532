//! Real proxies that ask about each request, with the very configurations that docs/forward-auth.md shows.

mod envoy;
mod house;
mod others;
mod visit;
