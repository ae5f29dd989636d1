//! Patterns on file names: `*` is any text, `?` one character.

/// Whether the whole name matches. A dot at its beginning must be written out.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut here) = (0, 0);
    // Where to go on if the last `*` has to take one more character.
    let mut retry = None;
    while here < name.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at, here));
                at += 1;
            }
            Some(&char) if char == '?' || char == name[here] => {
                at += 1;
                here += 1;
            }
            _ => match &mut retry {
                Some((star, taken)) => {
                    *taken += 1;
                    (at, here) = (*star + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&char| char == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_take_any_text_and_question_marks_one_character() {
        for (pattern, name) in [
            ("*", "orders.csv"),
            ("*.csv", "a.csv.csv"),
            ("orders-??.csv", "orders-01.csv"),
            ("*a*b*", "xxaxxbxx"),
            ("orders.csv", "orders.csv"),
            (".hidden*", ".hidden-one"),
            ("?", "ü"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.csv", "orders.csv.part"),
            ("*", ".hidden"),
            ("?", ""),
            ("a", "ab"),
            ("*a*b", "ba"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
