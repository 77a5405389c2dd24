// Light, dark, or as the system has it; and large type for a screen on the wall.
import { Signal } from "./ui.js";

const KEPT = "nightshift.theme";
const KEPT_WALL = "nightshift.wall";
const system = matchMedia("(prefers-color-scheme: dark)");

/** What the person chose: `auto`, `light` or `dark`. */
export const choice = new Signal(localStorage.getItem(KEPT) ?? "auto");
/** What is shown: `light` or `dark`. */
export const theme = new Signal("light");
export const wall = new Signal(localStorage.getItem(KEPT_WALL) === "true");

function show() {
  const shown = choice.value === "auto" ? (system.matches ? "dark" : "light") : choice.value;
  document.documentElement.dataset.theme = shown;
  document.documentElement.dataset.wall = String(wall.value);
  theme.set(shown);
}

choice.listen((chosen) => { localStorage.setItem(KEPT, chosen); show(); });
wall.listen((on) => { localStorage.setItem(KEPT_WALL, String(on)); show(); });
system.addEventListener("change", show);
show();

export const next = { auto: "light", light: "dark", dark: "auto" };
