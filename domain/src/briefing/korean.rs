//! Korean grammar as far as a briefing needs it: particles that fit the word before them, and the endings of a tone, and how things are counted.

use super::custom::Tone;

/// What detectors call things, and how Koreans count them.
pub(crate) const CLASSES: [(&str, &str, &str); 14] = [
    ("person", "사람", "명"),
    ("car", "자동차", "대"),
    ("truck", "트럭", "대"),
    ("bus", "버스", "대"),
    ("motorcycle", "오토바이", "대"),
    ("bicycle", "자전거", "대"),
    ("forklift", "지게차", "대"),
    ("dog", "개", "마리"),
    ("cat", "고양이", "마리"),
    ("bird", "새", "마리"),
    ("helmet", "안전모", "개"),
    ("box", "상자", "개"),
    ("pallet", "팔레트", "개"),
    ("fire", "불꽃", "곳"),
];

/// A particle that has two forms: after a consonant, after a vowel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Particle {
    /// 은/는.
    Topic,
    /// 이/가.
    Subject,
    /// 을/를.
    Object,
    /// 으로/로.
    By,
}

/// How a word ends when it is read aloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sound {
    Vowel,
    /// ㄹ, after which 로 follows.
    Rieul,
    Consonant,
}

/// First and last syllable of the Unicode block, and finals of a syllable.
const SYLLABLES: std::ops::RangeInclusive<u32> = 0xAC00..=0xD7A3;
const FINALS: u32 = 28;
const FINAL_RIEUL: u32 = 8;

fn sound(word: &str) -> Sound {
    let mut letters = word.chars().rev().filter(|c| c.is_alphanumeric());
    let Some(last) = letters.next() else { return Sound::Vowel };
    let code = u32::from(last);
    if SYLLABLES.contains(&code) {
        return match (code - SYLLABLES.start()) % FINALS {
            0 => Sound::Vowel,
            FINAL_RIEUL => Sound::Rieul,
            _ => Sound::Consonant,
        };
    }
    match last.to_ascii_lowercase() {
        // Digits as they are read: 영 일 이 삼 사 오 육 칠 팔 구.
        '1' | '7' | '8' | 'l' => Sound::Rieul,
        '0' | '3' | '6' | 'm' | 'n' => Sound::Consonant,
        // `ng`, as in 스타팅.
        'g' if letters.next().is_some_and(|c| c.eq_ignore_ascii_case(&'n')) => Sound::Consonant,
        _ => Sound::Vowel,
    }
}

/// The word with its particle.
#[must_use]
pub(crate) fn with(word: &str, particle: Particle) -> String {
    let sound = sound(word);
    let (after_consonant, after_vowel) = match particle {
        Particle::Topic => ("은", "는"),
        Particle::Subject => ("이", "가"),
        Particle::Object => ("을", "를"),
        Particle::By if sound == Sound::Rieul => ("로", "로"),
        Particle::By => ("으로", "로"),
    };
    format!("{word}{}", if sound == Sound::Vowel { after_vowel } else { after_consonant })
}

/// A verb or adjective whose stem ends in ㅆ or ㅄ (있, 없, 했, 됐 …), as the end of a sentence.
#[must_use]
pub(crate) fn end(stem: &str, tone: Tone) -> String {
    let ending = match tone {
        Tone::Formal => "습니다",
        Tone::Friendly => "어요",
        Tone::Plain => "어",
    };
    format!("{stem}{ending}.")
}

/// A noun as the end of a sentence: `3건입니다.`
#[must_use]
pub(crate) fn is(noun: &str, tone: Tone) -> String {
    let ending = match (tone, sound(noun)) {
        (Tone::Formal, _) => "입니다",
        (Tone::Friendly, Sound::Vowel) => "예요",
        (Tone::Friendly, _) => "이에요",
        (Tone::Plain, Sound::Vowel) => "야",
        (Tone::Plain, _) => "이야",
    };
    format!("{noun}{ending}.")
}

/// A sentence with something said aside before its full stop.
#[must_use]
pub(crate) fn aside(sentence: &str, inside: &str) -> String {
    format!("{}({inside}).", sentence.trim_end_matches('.'))
}

/// A request: `확인해` → `확인해 주십시오.`
#[must_use]
pub(crate) fn please(verb: &str, tone: Tone) -> String {
    let ending = match tone {
        Tone::Formal => "주십시오",
        Tone::Friendly => "주세요",
        Tone::Plain => "줘",
    };
    format!("{verb} {ending}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn particles_follow_the_sound() {
        for (word, topic, by) in [
            ("센서", "센서는", "센서로"),
            ("사람", "사람은", "사람으로"),
            ("트럭", "트럭은", "트럭으로"),
            ("칼", "칼은", "칼로"),
            ("press-1", "press-1은", "press-1로"),
            ("wando02", "wando02는", "wando02로"),
            ("공정 6", "공정 6은", "공정 6으로"),
            ("machine-temperature", "machine-temperature는", "machine-temperature로"),
            ("pump-N", "pump-N은", "pump-N으로"),
            ("「정지」", "「정지」는", "「정지」로"),
            ("", "는", "로"),
        ] {
            assert_eq!(with(word, Particle::Topic), topic);
            assert_eq!(with(word, Particle::By), by);
        }
        assert_eq!(with("부품", Particle::Object), "부품을");
        assert_eq!(with("10", Particle::Subject), "10이");
    }

    #[test]
    fn endings_follow_the_tone() {
        assert_eq!(end("있", Tone::Formal), "있습니다.");
        assert_eq!(end("없", Tone::Friendly), "없어요.");
        assert_eq!(is("3건", Tone::Friendly), "3건이에요.");
        assert_eq!(is("2대", Tone::Plain), "2대야.");
        assert_eq!(please("확인해", Tone::Plain), "확인해 줘.");
        assert_eq!(aside("있습니다.", "a, b"), "있습니다(a, b).");
    }
}
