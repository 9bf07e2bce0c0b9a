//! Logins, enrolments, tokens, and limits against guessing.

mod enroll;
mod guessing;
mod in_flight;
mod login;
mod tokens;
