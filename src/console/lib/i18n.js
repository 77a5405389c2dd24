// Words in two languages, chosen by the person, else by the browser.
import { Signal, useSignal } from "./ui.js";
import en from "../text/en.js";
import ko from "../text/ko.js";

const KEPT = "nightshift.language";
const TEXTS = { en, ko };

function first() {
  const kept = localStorage.getItem(KEPT);
  if (kept in TEXTS) return kept;
  return navigator.language.startsWith("ko") ? "ko" : "en";
}

export const language = new Signal(first());
document.documentElement.lang = language.value;
language.listen((chosen) => {
  localStorage.setItem(KEPT, chosen);
  document.documentElement.lang = chosen;
});

/** The text of `key`, with `{name}` replaced by what `values` has under that name. */
export function t(key, values) {
  const text = TEXTS[language.value][key] ?? en[key] ?? key;
  return values ? natural(text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all)) : text;
}

const PARTICLES = { "을(를)": ["를", "을"], "은(는)": ["는", "은"], "이(가)": ["가", "이"], "(으)로": ["로", "으로"] };
const RIEUL = 8;
/** Korean particles as the syllable before them asks for: `데이터베이스을(를)` is `데이터베이스를`. After other letters both stay. */
export const natural = (text) => text.replace(/([가-힣])(을\(를\)|은\(는\)|이\(가\)|\(으\)로)/g, (_, last, both) => {
  const end = (last.charCodeAt(0) - 0xac00) % 28;
  return last + PARTICLES[both][end === 0 || (both === "(으)로" && end === RIEUL) ? 0 : 1];
});

/** The text of `prefix.word`, or the word itself where we have none for it. */
export function word(prefix, name) {
  if (name === null || name === undefined) return "–";
  const key = `${prefix}.${name}`;
  return TEXTS[language.value][key] ?? en[key] ?? String(name);
}

/** A place in measured data, in words: `temp_sensor.measured_temp`. */
export const measure = (path) => path.replace(/[A-Za-z_]\w*/g, (part) => word("field", part));

/** The name of a row that has one in each language. */
export function named(row, base) {
  return row[`${base}_${language.value}`] || row[`${base}_en`] || row[`${base}_ko`];
}

/** Draws again when the language changes. */
export const useLanguage = () => useSignal(language);
