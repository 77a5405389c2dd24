// The line: what is made, where it waits, what went wrong, and the work at a station.
import { html } from "../lib/ui.js";
import { t } from "../lib/i18n.js";
import { Tabs } from "../lib/parts.js";
import { to } from "../lib/place.js";
import { Board } from "./production/board.js";
import { Lots } from "./production/lots.js";
import { Lot } from "./production/lot.js";
import { Serial } from "./production/serial.js";
import { Station } from "./production/station.js";
import { Quality } from "./production/quality.js";
import { Holds } from "./production/holds.js";
import { Labels } from "./production/labels.js";
import { Firmware } from "./production/firmware.js";

const PARTS = { board: Board, lots: Lots, station: Station, quality: Quality, holds: Holds, labels: Labels, firmware: Firmware };

export function Production({ parts, title, query }) {
  const [part = "board", id] = parts;
  const chosen = part === "serials" ? "lots" : part in PARTS ? part : "board";
  const tabs = html`<${Tabs} label=${t("place.production")} chosen=${chosen} of=${Object.keys(PARTS).map((name) => [name, t(`production.${name}`), to("production", name)])} />`;
  if (part === "lots" && id) return html`${tabs}<${Lot} key=${id} id=${id} title=${title} />`;
  if (part === "serials" && id) return html`${tabs}<${Serial} key=${id} id=${id} title=${title} />`;
  const Part = PARTS[chosen];
  return html`${tabs}<${Part} query=${query} title=${title} />`;
}
