//! What there is to say about a model before it is loaded, for people and for machines.

mod facts;
mod table;

pub use facts::Facts;
pub use table::{labelled, shortened, table};
