//! Seals of the credit ledgers: their key, their file, and the role that makes them.

mod deliver;
mod file;
mod key;
mod role;

pub(crate) use self::{
    deliver::{Place, bring_up},
    file::{Group, Groups, SealFile},
    key::{MISSING, SealKeys, find, make_if_missing, path_of_file},
    role::seals,
};
