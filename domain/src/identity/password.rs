//! Which passwords are accepted. How they are hashed is decided elsewhere.

use super::Username;

/// Fewest characters.
pub const CHARS_MIN: usize = 8;
/// Most characters.
pub const CHARS_MAX: usize = 128;
/// Most bytes: a hash of more would cost more than it should.
pub const BYTES_MAX: usize = 512;
/// Classes (upper case, lower case, digits, others) that must be present.
const CLASSES_MIN: usize = 3;
/// Shorter usernames may be a part of a password by chance.
const USERNAME_CHARS_MIN: usize = 3;

/// The most used passwords that would pass otherwise, in lower case.
const WORST: [&str; 40] = [
    "password1",
    "password1!",
    "password123",
    "password123!",
    "password12",
    "password@1",
    "password@123",
    "passw0rd",
    "passw0rd1",
    "passw0rd!",
    "p@ssword",
    "p@ssword1",
    "p@ssword123",
    "p@ssw0rd",
    "p@ssw0rd1",
    "p@ssw0rd123",
    "p@$$w0rd",
    "pa$$w0rd",
    "pa$$word1",
    "welcome1",
    "welcome1!",
    "welcome@1",
    "welcome123",
    "welcome123!",
    "qwerty123",
    "qwerty123!",
    "qwerty1!",
    "qwer1234!",
    "1qaz2wsx",
    "1qaz@wsx",
    "zaq12wsx",
    "abcd1234",
    "abcd1234!",
    "abc12345",
    "abc123!@#",
    "admin123",
    "admin123!",
    "admin@123",
    "changeme1",
    "changeme123!",
];

/// Why a password is refused. `Display` is for the person who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("password must have at least {CHARS_MIN} characters")]
    Short,
    /// Too long.
    #[error("password must have at most {CHARS_MAX} characters and {BYTES_MAX} bytes")]
    Long,
    /// Cannot be typed again.
    #[error("password must not hold control characters")]
    Control,
    /// Too simple.
    #[error("password must have three of: upper case letters, lower case letters, digits, other characters")]
    Classes,
    /// Says the username.
    #[error("password must not contain the username")]
    Username,
    /// One of those that are tried first.
    #[error("password is one of the most used ones")]
    Common,
}

/// Accepts or refuses a new password for `username`.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_policy(text: &str, username: &Username) -> Result<(), PasswordError> {
    if text.len() > BYTES_MAX || text.chars().count() > CHARS_MAX {
        return Err(PasswordError::Long);
    }
    if text.chars().count() < CHARS_MIN {
        return Err(PasswordError::Short);
    }
    if text.chars().any(char::is_control) {
        return Err(PasswordError::Control);
    }
    if classes(text) < CLASSES_MIN {
        return Err(PasswordError::Classes);
    }
    let lower = text.to_lowercase();
    let name = username.key();
    if name.len() >= USERNAME_CHARS_MIN && lower.contains(&name) {
        return Err(PasswordError::Username);
    }
    if WORST.contains(&lower.as_str()) {
        return Err(PasswordError::Common);
    }
    Ok(())
}

/// How many of the four classes there are; a letter without a case counts as another character.
fn classes(text: &str) -> usize {
    let plain = |c: char| c.is_uppercase() || c.is_lowercase() || c.is_numeric();
    [
        text.chars().any(char::is_uppercase),
        text.chars().any(char::is_lowercase),
        text.chars().any(char::is_numeric),
        text.chars().any(|c| !plain(c)),
    ]
    .into_iter()
    .filter(|there| *there)
    .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str) -> Result<(), PasswordError> {
        check_policy(text, &"kim.j".parse().expect("username"))
    }

    #[test]
    fn three_of_four_classes_in_eight_characters() {
        for good in
            ["SecurePass123!", "Abcdef12", "abcdef1!", "ABCDEF1!", "비밀번호Aa12", "Correct horse battery 9"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        assert_eq!(check("Ab1!xyz"), Err(PasswordError::Short));
        assert_eq!(check("abcdefg1"), Err(PasswordError::Classes));
        assert_eq!(check("ABCDEFGH"), Err(PasswordError::Classes));
        assert_eq!(check("Abcdef1\0"), Err(PasswordError::Control));
        assert_eq!(check(&format!("Aa1{}", "x".repeat(126))), Err(PasswordError::Long));
        assert_eq!(check(&format!("Aa1{}", "가".repeat(125))), Ok(()));
        assert_eq!(check(&format!("Aa1{}", "😀".repeat(125))), Ok(()));
        assert_eq!(check(&"Aa1!".repeat(1_000_000)), Err(PasswordError::Long));
        assert_eq!(check("My-KIM.J-99"), Err(PasswordError::Username));
        assert_eq!(check("P@ssw0rd123"), Err(PasswordError::Common));
    }

    #[test]
    fn the_worst_would_pass_otherwise() {
        for worst in WORST {
            assert!(worst.chars().count() >= CHARS_MIN, "{worst}");
            assert_eq!(worst, worst.to_lowercase());
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_keeps_every_rule(text in "\\PC{0,140}") {
            if check(&text).is_ok() {
                prop_assert!((CHARS_MIN..=CHARS_MAX).contains(&text.chars().count()) && text.len() <= BYTES_MAX);
                prop_assert!(classes(&text) >= CLASSES_MIN);
            }
        }
    }
}
