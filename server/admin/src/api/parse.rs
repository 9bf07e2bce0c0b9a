//! Texts of a request as values of the model.

use std::fmt::Display;
use std::str::FromStr;
use tornado_admin_api::{AdminError, AdminResult};

/// Parses the value of a field.
pub fn parse<T: FromStr>(field: &str, text: &str) -> AdminResult<T>
where
    T::Err: Display,
{
    text.parse().map_err(|error| AdminError::invalid(format!("{field} {error}")))
}

/// Parses the value of a field that may be absent.
pub fn parse_some<T: FromStr>(field: &str, text: Option<&str>) -> AdminResult<Option<T>>
where
    T::Err: Display,
{
    text.map(|text| parse(field, text)).transpose()
}

/// The number of items that a request wants in `field`.
pub fn page_size(field: &str, limit: Option<u32>, default: u32, most: u32) -> AdminResult<u32> {
    match limit.unwrap_or(default) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(AdminError::invalid(format!("{field} must be between 1 and {most}"))),
    }
}

/// Splits a list of names of metrics at commas outside braces: labels of a metric contain commas.
pub fn metric_names(text: &str) -> Vec<String> {
    let (mut names, mut depth) = (vec![String::new()], 0_u32);
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                names.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(name) = names.last_mut() {
            name.push(c);
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_between_labels_do_not_split_a_name() {
        assert_eq!(metric_names("a,b{x=1,y=2},c"), ["a", "b{x=1,y=2}", "c"]);
        assert!(metric_names("").is_empty());
    }

    #[test]
    fn page_sizes_are_limited() {
        assert_eq!(page_size("limit", None, 50, 500).unwrap(), 50);
        for bad in [0, 501, u32::MAX] {
            assert_eq!(page_size("limit", Some(bad), 50, 500).unwrap_err().status(), 400);
        }
    }
}
