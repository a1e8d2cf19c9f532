//! The contract of the store, held on SQLite and on PostgreSQL by the same tests.

/// Makes a test `sqlite::name` and a test `postgres::name` of each `async fn name(world: World)`.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { crate::store::world::run(crate::store::world::Kind::Sqlite, super::$name); })+
        }
        mod postgres {
            $(#[test] fn $name() { crate::store::world::run(crate::store::world::Kind::Postgres, super::$name); })+
        }
    };
}

mod at_rest;
mod certificates;
mod clients;
mod codes;
mod crash;
mod credentials;
mod data_directory;
mod devices;
mod engine;
mod enrolments;
mod generation;
mod groups;
mod handoffs;
mod login;
mod opening;
mod passkey;
mod people;
mod personal_tokens;
mod pushed_requests;
mod raw;
mod sessions;
mod setup;
mod signing_keys;
mod sweep;
mod tokens;
mod world;
