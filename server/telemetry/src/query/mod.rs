//! The query language, parsed into a typed expression.
//!
//! | text | matches lines |
//! |---|---|
//! | `timeout` | with this word in the message or in a field, in any case |
//! | `time*` | with a word that begins so |
//! | `"no free address"`, `"no free addr"*` | with these words in this order; the last one may be a beginning |
//! | `level:warn`, `level>=warn` | of this level; of this level or a more severe one |
//! | `service:wg`, `target:tornado_wg*`, `request:ID`, `process:ID` | of this origin |
//! | `field.lane:tor`, `field.count>3` | with this value of a field; `:` or `=`, `<`, `<=`, `>`, `>=` |
//! | `a b`, `a AND b`, `a OR b`, `NOT a`, `-a`, `(a OR b) c` | combinations; `OR` binds weakest |
//!
//! No part of the text becomes SQL or full-text syntax: values are bound, words are quoted.

mod expr;
pub(crate) mod matches;
mod parse;

pub use expr::{Comparison, Expr, FieldTest, Pattern, Phrase, QueryError};
pub use parse::parse;
