// Preact, its hooks and its templates under one name: what every page imports.
import { h, render } from "../vendor/preact.js";
import { useEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);
export { render, useEffect, useMemo, useRef, useState };

/** A value that several parts of the page share and hear of when it changes. */
export class Signal {
  constructor(value) {
    this.value = value;
    this.listeners = new Set();
  }

  set(value) {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const listener of [...this.listeners]) listener(value);
  }

  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** The value of a signal; the part is drawn again when it changes. */
export function useSignal(signal) {
  const [value, set] = useState(signal.value);
  useEffect(() => {
    set(signal.value);
    return signal.listen(set);
  }, [signal]);
  return value;
}

/** Joins the class names that are there. */
export const cx = (...names) => names.filter(Boolean).join(" ");
