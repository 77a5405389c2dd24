// Where the person is: `#/sensors/wando01?range=day`.
import { Signal } from "./ui.js";

function read(moved) {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  return { path, parts, query: new URLSearchParams(query), moved };
}

export const place = new Signal(read(false));
addEventListener("hashchange", () => place.set(read(true)));

/** A link to a place: `to("sensors", id)`. */
export const to = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

export function go(...parts) {
  location.hash = to(...parts);
}
