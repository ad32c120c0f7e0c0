//! Estimates how hard a secret is to guess.

/// The minimum number of different bytes of a secret. 32 random hexadecimal digits have 14 on
/// average.
const MIN_DISTINCT: usize = 8;

/// Words that are in examples and defaults, in lower case.
const USUAL: [&str; 8] =
    ["secret", "password", "changeme", "change-me", "change_me", "example", "default", "recto"];

/// How hard a secret is to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strength {
    /// It is a short pattern, written out.
    Pattern,
    /// It consists of words.
    Words,
    /// It may be random.
    Random,
}

impl Strength {
    /// Estimates the strength of a secret.
    pub(crate) fn of(secret: &[u8]) -> Self {
        let mut distinct = secret.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() < MIN_DISTINCT || is_repeated(secret) || is_sequence(secret) {
            return Self::Pattern;
        }
        let text = String::from_utf8_lossy(secret).to_lowercase();
        if USUAL.iter().any(|word| text.contains(word)) || is_phrase(&text) {
            return Self::Words;
        }
        Self::Random
    }
}

/// Returns whether a secret is a text of at most half its length, repeated.
fn is_repeated(secret: &[u8]) -> bool {
    (1..=secret.len() / 2).any(|period| secret.iter().zip(&secret[period..]).all(|(a, b)| a == b))
}

/// Returns whether most bytes are the same as the byte before, or its neighbours, as in
/// `abcdefgh…`.
fn is_sequence(secret: &[u8]) -> bool {
    let near = secret.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) <= 1).count();
    near * 2 > secret.len()
}

/// Returns whether a text consists of several words of letters.
fn is_phrase(text: &str) -> bool {
    let words: Vec<&str> = text.split([' ', '-', '_', '.', ',']).collect();
    words.len() >= 3 && words.iter().all(|word| word.chars().all(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_words_are_found() {
        for (secret, strength) in [
            ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", Strength::Pattern),
            ("0123456701234567012345670123456701", Strength::Pattern),
            ("0123456789abcdef0123456789abcdef", Strength::Pattern),
            ("abcdefghijklmnopqrstuvwxyz0123456789", Strength::Pattern),
            ("correct horse correct horse correct", Strength::Pattern),
            ("this-is-my-very-secret-key-for-recto", Strength::Words),
            ("correct horse battery staple and more", Strength::Words),
            ("Password1!Password2!Password3!Pass4", Strength::Words),
            ("6f1d0c5be2a94b7f8e03d1c2a5b6978813f4", Strength::Random),
            ("1bX4yL0mQ/ZkE9r5hTgWcVdA7uNsJp3iKoFqH8=", Strength::Random),
            ("qvkzjxwpytmbhgnrlcdfseuoiaqzmxpw", Strength::Random),
        ] {
            assert_eq!(Strength::of(secret.as_bytes()), strength, "{secret}");
        }
    }

    #[test]
    fn generated_secrets_are_random() {
        for _ in 0..200 {
            let secret = crate::server_secret::ServerSecret::random().unwrap();
            assert_eq!(
                Strength::of(secret.as_bytes()),
                Strength::Random,
                "{:?}",
                secret.as_bytes()
            );
        }
    }
}
