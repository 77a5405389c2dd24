// The signs of the places, drawn here so that nothing is loaded for them.
import { html } from "./ui.js";

const PATHS = {
  overview: "M3 12l9-8 9 8M6 10v10h12V10M10 20v-6h4v6",
  sensors: "M3 12h4l2.5-7 4 14 2.5-7h5",
  production: "M3 20V10l6 4v-4l6 4V5h6v15zM7 17h2M12 17h2M17 17h2",
  fleet: "M4 16V9l2-4h9l3 4h2v7M4 16h16M8 16a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM20 16a2 2 0 1 1-4 0 2 2 0 0 1 4 0z",
  diagnosis: "M12 20s-8-5-8-11a4.5 4.5 0 0 1 8-2.8A4.5 4.5 0 0 1 20 9c0 6-8 11-8 11zM7 11h3l1.5-2.5 2 4.5 1-2H17",
  briefings: "M4 4h16v12H9l-5 4zM8 8h8M8 12h5",
  alerts: "M12 3a6 6 0 0 1 6 6c0 6 2 7 2 7H4s2-1 2-7a6 6 0 0 1 6-6zM10 20h4",
  system: "M12 3v5M12 8h7v5M12 8H5v5M3 13h4v4H3zM10 13h4v4h-4zM17 13h4v4h-4zM12 8v5",
};

export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;

export const Mark = () => html`<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" fill="#14233b" />
  <path d="M21.5 20.6A8.6 8.6 0 0 1 11.4 9.4a8.6 8.6 0 1 0 10.1 11.2z" fill="#8ab8ff" />
  <path d="M17 12.5h3l1.5-3 2 5.5 1.2-2.5H27" fill="none" stroke="#67d391" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" /></svg>`;
