// Numbers, times and durations as people read them.
import { language, t } from "./i18n.js";

const LOCALES = { en: "en-GB", ko: "ko-KR" };
const locale = () => LOCALES[language.value];

/** Milliseconds since 1970 of what the API calls a time. */
export function ms(time) {
  if (time === null || time === undefined) return null;
  const at = typeof time === "number" ? time : Date.parse(time);
  return Number.isNaN(at) ? null : at;
}

/** "3 min": the two largest units that matter, never more. */
export function duration(span) {
  const s = Math.max(0, Math.round(span / 1000));
  if (s < 120) return t("unit.s", { n: s });
  if (s < 7200) return t("unit.min", { n: Math.round(s / 60) });
  if (s < 172800) return t("unit.h", { n: Math.round(s / 3600) });
  return t("unit.d", { n: Math.round(s / 86400) });
}

export const ago = (time, now) => t("ago", { span: duration(now - ms(time)) });

export function clock(time) {
  const at = ms(time);
  if (at === null) return "–";
  return new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(at);
}

export function dateTime(time) {
  const at = ms(time);
  if (at === null) return "–";
  const form = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (new Date(at).getFullYear() !== new Date().getFullYear()) form.year = "numeric";
  return new Intl.DateTimeFormat(locale(), form).format(at);
}

const formed = (form) => (at) => new Intl.DateTimeFormat(locale(), form).format(at);
/** "26 Nov" and "14:30", as the marks of a chart are. */
export const dayOf = formed({ month: "short", day: "numeric" });
export const hourOf = formed({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return new Intl.NumberFormat(locale(), { maximumSignificantDigits: digits }).format(value);
}

export function count(value) {
  return value === null || value === undefined ? "–" : new Intl.NumberFormat(locale()).format(value);
}

export function percent(value, digits = 1) {
  if (value === null || value === undefined) return "–";
  return `${new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value)} %`;
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let n = value, at = 0;
  while (n >= 1024 && at < units.length - 1) { n /= 1024; at += 1; }
  return `${number(n)} ${units[at]}`;
}
