//! Types of events as people ask for them.

/// A pattern of `like` for a type, or for all types that begin as `meter.*` does before its star.
pub(crate) fn like(wanted: &str) -> String {
    let (start, end) = match wanted.strip_suffix('*') {
        Some(start) => (start, "%"),
        None => (wanted, ""),
    };
    let mut pattern = String::with_capacity(wanted.len() + 1);
    for letter in start.chars() {
        if matches!(letter, '_' | '%' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_star_at_the_end_stands_for_anything() {
        assert_eq!(like("meter.*"), "meter.%");
        assert_eq!(like("meter.reading_submitted"), "meter.reading\\_submitted");
        assert_eq!(like("%_\\*x"), "\\%\\_\\\\*x");
        assert_eq!(like("*"), "%");
    }
}
