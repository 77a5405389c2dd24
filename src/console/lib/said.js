// What the server says, in the language that the person reads. Its sentences are English, some with Korean beside them; the Korean of
// the others is in `text/said.js`. An error answer is told by its code.
import { language, natural, t, word } from "./i18n.js";
import { dateTime, duration } from "./format.js";
import sentences from "../text/said.js";
import * as codes from "../text/codes.js";

const HANGUL = /[가-힣]/;
/** A gap of a text: `{name}`, or `{form:name}`. */
const GAP = /\{(?:([\w.]+):)?(\w+)\}/g;
/** What a text leaves out where a value is missing. */
const MAYBE = /\[([^\]]*)\]/g;
/** Sentences within sentences that are followed. */
const DEPTH_MAX = 5;

const isKorean = () => language.value === "ko";
const isThere = (value) => value !== undefined && value !== null && value !== "";
/** What a field is called where no form says so. */
const fieldName = (name) => word("field", name);

/** A name of a thing ends before a colon; any other gap may hold a sentence. */
const gap = (name) => (name === "what" || name === "label" ? "((?:(?!: ).)+?)" : "(.+?)");

function patternOf([english, korean]) {
  const parts = english.split(/\{(\w+)\}/);
  const literal = parts.map((part, i) => (i % 2 ? gap(part) : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  const names = parts.filter((_, i) => i % 2);
  return { pattern: new RegExp(`^${literal.join("")}$`, "s"), names, korean, weight: parts.filter((_, i) => i % 2 === 0).join("").length };
}

let known = null;
/** The sentences as patterns, those that say most first: what is `{from} to {to} characters` is `{from} to {to}` as well. */
const patterns = () => (known ??= sentences.map(patternOf).sort((a, b) => b.weight - a.weight));

/** A text with `values` in its gaps. */
function filled(text, values, nameOf, depth) {
  return natural(text.replace(GAP, (_, form, name) => {
    const value = values[name];
    if (form === undefined) return whole(String(value), nameOf, depth + 1);
    if (form === "at") return dateTime(value);
    if (form === "span") return duration(Number(value) * 1000);
    if (form === "field") return nameOf(value);
    if (form.startsWith("many.")) return String(value).split(", ").map((one) => word(form.slice("many.".length), one)).join(", ");
    return word(form, value);
  }));
}

/** The Korean of a sentence that is known, else nothing. */
function translated(text, nameOf, depth) {
  for (const { pattern, names, korean } of patterns()) {
    const found = pattern.exec(text);
    if (found) return filled(korean, Object.fromEntries(names.map((name, i) => [name, found[i + 1]])), nameOf, depth);
  }
  return null;
}

/** What has both languages in one line, `한국어 / English: what` or `English / 한국어`, in the one that is read. */
function half(text) {
  const [first, second, ...more] = text.split(" / ");
  if (second === undefined || more.length > 0) return text;
  if (!HANGUL.test(first)) return HANGUL.test(second) ? (isKorean() ? second : first) : text;
  if (HANGUL.test(second.split(": ")[0])) return text;
  if (!isKorean()) return second;
  const colon = second.indexOf(": ");
  return colon < 0 || first.includes(": ") ? first : first.replace(/\.$/, "") + second.slice(colon);
}

function whole(text, nameOf, depth) {
  if (!isKorean()) return half(text);
  const korean = depth > DEPTH_MAX ? null : translated(text, nameOf, depth);
  if (korean !== null) return korean;
  if (HANGUL.test(text) || depth > DEPTH_MAX) return half(text);
  if (text.includes("; ")) return text.split("; ").map((part) => whole(part, nameOf, depth + 1)).join("; ");
  const colon = text.indexOf(": ");
  return colon < 0 ? text : text.slice(0, colon + 2) + whole(text.slice(colon + 2), nameOf, depth + 1);
}

/** A text of the server as the person reads it; what nobody knows stays as it is. */
export const said = (text) => (text ? whole(String(text), fieldName, 0) : "");

/** A text by code, if the answer has the values that it needs. */
function byCode(text, values, nameOf) {
  const has = (part) => [...part.matchAll(GAP)].every(([, , name]) => isThere(values[name]));
  const kept = text?.replace(MAYBE, (_, part) => (has(part) ? part : ""));
  return kept && has(kept) ? filled(kept, values, nameOf, 0) : null;
}

/** Where a fault stands, in the words of the form: `Test results › 3 › Temperature`. */
function placeOf(fault, nameOf) {
  const parts = fault.loc?.slice(1) ?? String(fault.field ?? "").split(/[.[\]]+/).filter(Boolean);
  return parts.map((part) => (/^\d+$/.test(part) ? `${Number(part) + 1}` : nameOf(part))).join(" › ");
}

/** One fault of a field: its name, and what is wrong with it. */
function faulty(fault, nameOf) {
  const place = placeOf(fault, nameOf), message = fault.msg ?? fault.message ?? "";
  const [, must, is] = /^(.*?)(?: \(is (.*)\))?$/s.exec(message);
  const korean = isKorean() ? translated(must, nameOf, 0) : null;
  const plain = isKorean() && fault.type ? `${codes.faults[fault.type] ?? codes.faults.value_error} (${message})` : message;
  const text = korean === null ? plain : korean + (is === undefined ? "" : t("error.is", { value: word("choice", is) }));
  return place ? `${place}: ${text}` : text;
}

/** An error answer as a person reads it. `nameOf` says what a field is called where it was filled in. */
export function refusal({ status, code, body, retry }, nameOf = fieldName) {
  const { detail, errors, detail_ko: detailKo } = body ?? {};
  const faults = [detail, errors].find(Array.isArray) ?? [];
  const own = (isKorean() ? codes.ko : codes.en)[code];
  const values = { ...body, retry: retry ? duration(retry * 1000) : null };
  const told = byCode(own, values, nameOf);
  if (faults.length > 0) return [Array.isArray(detail) ? null : told, faults.map((one) => faulty(one, nameOf)).join("; ")].filter(Boolean).join(": ");
  // What a code says with the answer's own values says most; a plain one says less than a sentence with what it is about.
  const isRich = told !== null && own.replace(MAYBE, "").includes("{");
  if (isRich || (told !== null && !isKorean())) return told;
  const text = detail ? String(detail) : "";
  const korean = isKorean() ? translated(text, nameOf, 0) ?? (detailKo && natural(detailKo)) : null;
  return korean || told || (text ? whole(text, nameOf, 0) : t("error.status", { status }));
}
