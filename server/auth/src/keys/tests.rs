//! Key directory: made whole, kept private, refused when damaged.
