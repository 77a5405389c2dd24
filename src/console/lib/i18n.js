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
  return values ? text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all) : text;
}

/** The text of `prefix.word`, or the word itself where we have none for it. */
export function word(prefix, name) {
  if (name === null || name === undefined) return "–";
  const key = `${prefix}.${name}`;
  return TEXTS[language.value][key] ?? en[key] ?? String(name);
}

const HANGUL = /[가-힣]/;

/** A server's text has both languages in one line at times, `한국어 / English: what`. Shows the one that is read, and what it is about. */
export function either(text) {
  const [korean, english, ...more] = String(text ?? "").split(" / ");
  if (english === undefined || more.length > 0 || !HANGUL.test(korean) || HANGUL.test(english.split(": ")[0])) return text;
  if (language.value !== "ko") return english;
  const colon = english.indexOf(": ");
  return colon < 0 || korean.includes(": ") ? korean : korean + english.slice(colon);
}

/** The name of a row that has one in each language. */
export function named(row, base) {
  return row[`${base}_${language.value}`] || row[`${base}_en`] || row[`${base}_ko`];
}

/** Draws again when the language changes. */
export const useLanguage = () => useSignal(language);
