// A form made from the data schema of a process: what the plant will hold the values against is what is asked for.
import { html } from "../../lib/ui.js";
import { t, word } from "../../lib/i18n.js";
import { said } from "../../lib/said.js";
import { Field } from "../../lib/parts.js";

const ROWS_MAX = 200;
const kindOf = (schema) => [].concat(schema.type ?? "string")[0];

function choicesOf(schema) {
  if (schema.enum) return schema.enum;
  if (schema.const !== undefined) return [schema.const];
  return kindOf(schema) === "boolean" ? [true, false] : null;
}

const label = (name, schema) => `${word("field", name)}${schema.description ? ` (${said(schema.description)})` : ""}`;

/** Limits that the browser can hold a value to before the plant does. */
function limits(schema) {
  const { minimum, maximum, exclusiveMinimum, minLength, maxLength, pattern } = schema;
  const kind = kindOf(schema);
  if (kind === "number" || kind === "integer") return { type: "number", inputmode: "decimal", step: kind === "integer" ? 1 : "any", min: minimum ?? exclusiveMinimum, max: maximum };
  return { type: "text", minlength: minLength, maxlength: maxLength, pattern: pattern?.replace(/^\^|\$$/g, "").replaceAll("\\.", "[.]") };
}

const hint = (schema) => {
  const { minimum, maximum } = schema;
  if (minimum !== undefined || maximum !== undefined) return `${minimum ?? ""} – ${maximum ?? ""}`;
  return said(schema["x-message"]) || undefined;
};

function One({ name, schema, value, set, required }) {
  const choices = choicesOf(schema), kind = kindOf(schema);
  if (choices) {
    const shown = value === undefined ? "" : JSON.stringify(value);
    return html`<${Field} label=${label(name, schema)} name=${name} as="select" required=${required} value=${shown} onValue=${(text) => set(text === "" ? undefined : JSON.parse(text))}>
      <option value="">–</option>${choices.map((one) => html`<option value=${JSON.stringify(one)}>${word("choice", String(one))}</option>`)}<//>`;
  }
  if (kind === "object") return html`<fieldset class="block"><legend>${label(name, schema)}</legend><${Document} schema=${schema} value=${value ?? {}} set=${set} /></fieldset>`;
  if (kind === "array") return html`<${Rows} name=${name} schema=${schema} value=${value ?? []} set=${set} />`;
  const isNumber = kind === "number" || kind === "integer";
  const typed = (text) => set(text === "" ? undefined : isNumber ? Number(text) : text);
  return html`<${Field} label=${label(name, schema)} name=${name} hint=${hint(schema)} required=${required} ...${limits(schema)} value=${value ?? ""} onValue=${typed} />`;
}

function Rows({ name, schema, value, set }) {
  const change = (at) => (row) => set(value.map((one, i) => (i === at ? row : one)));
  return html`<fieldset class="block"><legend>${label(name, schema)} (${value.length})</legend>
    ${value.map((row, i) => html`<div class="form row" key=${i}>
      <${One} name=${`${i + 1}`} schema=${{ ...schema.items, description: undefined }} value=${row} set=${change(i)} />
      <div class="actions"><button type="button" onClick=${() => set(value.filter((_, at) => at !== i))} aria-label=${`${t("take_away")} ${i + 1}`}>${t("take_away")}</button></div></div>`)}
    ${value.length < Math.min(ROWS_MAX, schema.maxItems ?? ROWS_MAX) && html`<div class="actions"><button type="button" onClick=${() => set([...value, kindOf(schema.items ?? {}) === "object" ? {} : ""])}>+ ${t("add")}</button></div>`}
  </fieldset>`;
}

/** The fields of an object schema. */
export function Document({ schema, value, set }) {
  const properties = Object.entries(schema?.properties ?? {});
  const required = new Set(schema?.required ?? []);
  return html`<div class="form">${properties.map(([name, one]) => html`<${One} key=${name} name=${name} schema=${one} value=${value[name]} required=${required.has(name)}
    set=${(given) => {
      const next = { ...value, [name]: given };
      if (given === undefined) delete next[name];
      set(next);
    }} />`)}</div>`;
}

/** What can be filled in before a person looks: numbers of the unit that is worked on, constants, first empty rows. */
export function prefill(schema, serial) {
  const value = {};
  for (const [name, one] of Object.entries(schema?.properties ?? {})) {
    if (one.const !== undefined) value[name] = one.const;
    else if (name === "lot_number_engraved") value[name] = serial.lot.lot_number;
    else if (name === "serial_number") value[name] = serial.serial_number;
    else if (name === "print_time") value[name] = new Date().toISOString();
    else if (kindOf(one) === "object") value[name] = prefill(one, serial);
    else if (kindOf(one) === "array" && one.minItems > 0) value[name] = [prefill(one.items, serial)];
  }
  return value;
}
