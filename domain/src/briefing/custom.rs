//! What a person wishes of the texts, in his own words, and as much of it as can be honoured without a language model.

use serde::{Deserialize, Serialize};

use crate::production::FieldFault;

/// Most wishes of one person.
pub const WISHES_MAX: usize = 10;
/// Longest wish, characters.
pub const WISH_CHARS_MAX: usize = 200;
/// How far before or after a word something that negates it is looked for, characters.
const NEGATION_REACH: usize = 10;

/// A person's wishes, the newest last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Custom(Vec<String>);

impl Default for Custom {
    /// In Korean, politely, concisely.
    fn default() -> Self {
        let wishes = ["한국어로 대답해 주세요.", "공손하게 대답해 주세요.", "간결하게 대답해 주세요."];
        Self(wishes.map(str::to_owned).to_vec())
    }
}

impl Custom {
    /// Refuses too many wishes and such as are too long.
    ///
    /// # Errors
    /// The field, and what is allowed.
    pub fn new(wishes: Vec<String>) -> Result<Self, FieldFault> {
        let fault = |message: String| FieldFault::new("custom_list", message);
        if wishes.len() > WISHES_MAX {
            return Err(fault(format!("must have at most {WISHES_MAX} texts")));
        }
        let formed = |wish: &String| {
            wish.chars().count() <= WISH_CHARS_MAX && !wish.chars().any(|c| c.is_control() && c != '\n')
        };
        if !wishes.iter().all(formed) {
            return Err(fault(format!("must be texts of at most {WISH_CHARS_MAX} characters each")));
        }
        Ok(Self(wishes))
    }

    /// The wishes.
    #[must_use]
    pub fn wishes(&self) -> &[String] {
        &self.0
    }

    /// What of the wishes a composer can honour. What is not said is formal Korean of ordinary length; of two wishes against
    /// each other the later one counts.
    #[must_use]
    pub fn style(&self) -> Style {
        let mut style = Style::default();
        for wish in &self.0 {
            let wish = wish.to_lowercase();
            style.language = said(&wish, LANGUAGES).unwrap_or(style.language);
            style.tone = said(&wish, TONES).unwrap_or(style.tone);
            style.length = said(&wish, LENGTHS).unwrap_or(style.length);
        }
        style
    }
}

/// The language of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Korean.
    #[default]
    Ko,
    /// English.
    En,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ko, Self::En];

    /// The code of ISO 639.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }

    /// What [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == word)
    }
}

/// How a text speaks to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// 합쇼체; "Please check …".
    #[default]
    Formal,
    /// 해요체; as friendly colleagues write.
    Friendly,
    /// 해체; without ceremony.
    Plain,
}

/// How much a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Length {
    /// One sentence.
    Sentence,
    /// The worst, and the rest as a number.
    Short,
    /// What a shift leader writes.
    #[default]
    Usual,
    /// Everything worth a word.
    Long,
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// In which language.
    pub language: Language,
    /// How it speaks.
    pub tone: Tone,
    /// How much it says.
    pub length: Length,
}

type Words<T> = &'static [(T, &'static [&'static str])];

const LANGUAGES: Words<Language> =
    &[(Language::Ko, &["한국어", "한국말", "한글", "korean"]), (Language::En, &["영어", "영문", "english"])];

const TONES: Words<Tone> = &[
    (
        Tone::Formal,
        &["공손", "정중", "존댓말", "존대", "격식", "예의", "합쇼체", "polite", "formal", "respectful"],
    ),
    (Tone::Friendly, &["해요체", "부드럽", "친절", "친근", "상냥", "friendly", "kindly", "warm"]),
    (Tone::Plain, &["반말", "해체", "편하게", "casual", "informal", "plain"]),
];

const LENGTHS: Words<Length> = &[
    (
        Length::Sentence,
        &["한 문장", "한문장", "한 줄", "한줄", "one sentence", "single sentence", "one line", "one-line"],
    ),
    (Length::Short, &["간결", "간단", "짧", "요약", "concise", "brief", "short", "terse"]),
    (Length::Long, &["자세", "상세", "길게", "구체", "detail", "long", "thorough", "verbose"]),
];

/// Which of the meanings a wish names last, leaving out what it names to rule it out.
fn said<T: Copy>(wish: &str, meanings: Words<T>) -> Option<T> {
    let mut newest = None;
    for (meaning, words) in meanings {
        for word in *words {
            for (at, _) in wish.match_indices(word) {
                let wanted = !is_negated(wish, at, word) && is_whole(wish, at, word);
                if wanted && newest.is_none_or(|(known, _)| at >= known) {
                    newest = Some((at, *meaning));
                }
            }
        }
    }
    newest.map(|(_, meaning)| meaning)
}

/// Whether an English word begins where it was found: `formal` is no part of `informal`, nor `long` of `belong`.
fn is_whole(wish: &str, at: usize, word: &str) -> bool {
    !word.is_ascii() || !wish[..at].chars().next_back().is_some_and(|c| c.is_ascii_alphabetic())
}

/// Whether what stands around the word rules it out: `영어 말고`, `반말하지 마`, `don't be casual`.
fn is_negated(wish: &str, at: usize, word: &str) -> bool {
    const AFTER: [&str; 7] = ["말고", "하지 마", "하지마", "지 말", "대신", "금지", "빼고"];
    const BEFORE: [&str; 7] = ["not ", "n't ", "no ", "never ", "without ", "instead of ", "rather than "];
    let rest: String = wish[at + word.len()..].chars().take(NEGATION_REACH).collect();
    // A comma or full stop ends what the word belongs to.
    let rest = rest.split([',', '.', ';', '\n']).next().unwrap_or_default().to_owned();
    let lead = wish[..at].rsplit([',', '.', ';', '\n']).next().unwrap_or_default();
    let skip = lead.chars().count().saturating_sub(NEGATION_REACH + 6);
    let lead: String = lead.chars().skip(skip).collect();
    AFTER.iter().any(|no| rest.contains(no)) || BEFORE.iter().any(|no| lead.contains(no))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn style(wishes: &[&str]) -> Style {
        Custom::new(wishes.iter().map(|w| (*w).to_owned()).collect()).expect("wishes").style()
    }

    #[test]
    fn wishes_of_both_languages_are_understood() {
        let formal_short = Style { language: Language::Ko, tone: Tone::Formal, length: Length::Short };
        assert_eq!(Custom::default().style(), formal_short);
        assert_eq!(style(&[]), Style::default());
        assert_eq!(
            style(&["Answer in English", "casually, please be casual", "in detail"]),
            Style { language: Language::En, tone: Tone::Plain, length: Length::Long }
        );
        assert_eq!(style(&["해요체로 한 문장만"]).tone, Tone::Friendly);
        assert_eq!(style(&["해요체로 한 문장만"]).length, Length::Sentence);
        assert_eq!(style(&["informal"]).tone, Tone::Plain);
        assert_eq!(style(&["formal"]).tone, Tone::Formal);
    }

    #[test]
    fn what_is_ruled_out_is_not_done() {
        assert_eq!(style(&["영어 말고 한국어로"]).language, Language::Ko);
        assert_eq!(style(&["한국어 말고 영어로"]).language, Language::En);
        assert_eq!(style(&["don't be casual"]).tone, Tone::Formal);
        assert_eq!(style(&["반말하지 마"]).tone, Tone::Formal);
        assert_eq!(style(&["not in English, in Korean"]).language, Language::Ko);
        assert_eq!(style(&["English", "no, Korean please"]).language, Language::Ko, "the later wish counts");
        assert_eq!(style(&["no long texts"]).length, Length::Usual);
    }

    #[test]
    fn wishes_have_limits() {
        assert!(Custom::new(vec![String::new(); WISHES_MAX]).is_ok());
        assert!(Custom::new(vec![String::new(); WISHES_MAX + 1]).is_err());
        assert!(Custom::new(vec!["길".repeat(WISH_CHARS_MAX + 1)]).is_err());
        assert!(Custom::new(vec!["a\0b".to_owned()]).is_err());
    }

    proptest! {
        #[test]
        fn no_wish_panics(wishes in prop::collection::vec(".{0,60}(영어|english|not |말고|반말|long)?.{0,20}", 0..4)) {
            if let Ok(custom) = Custom::new(wishes) {
                let _ = custom.style();
            }
        }
    }
}
