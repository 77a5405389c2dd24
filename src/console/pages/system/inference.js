// The devices that score windows, and how large their batches are; below them the models.
import { html, useEffect, useRef, useState } from "../../lib/ui.js";
import { get } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { said } from "../../lib/said.js";
import { count, number } from "../../lib/format.js";
import { Age, Nothing, Section, Tile } from "../../lib/parts.js";
import { Sparkline } from "../../lib/charts.js";
import { Models } from "./models.js";

const STATE = { starting: "wait", idle: "ok", busy: "info", down: "bad" };
const KEPT = 120;

/** Windows a batch since the look before, for each device. */
function useBatches(pool) {
  const seen = useRef(new Map());
  const [sizes, set] = useState(new Map());
  useEffect(() => {
    if (!pool) return;
    const next = new Map();
    for (const device of pool.devices) {
      const before = seen.current.get(device.label) ?? { batches: device.batches, windows: device.windows, sizes: [] };
      const batches = device.batches - before.batches, windows = device.windows - before.windows;
      const kept = [...before.sizes, batches > 0 ? windows / batches : 0].slice(-KEPT);
      seen.current.set(device.label, { batches: device.batches, windows: device.windows, sizes: kept });
      next.set(device.label, kept);
    }
    set(next);
  }, [pool]);
  return sizes;
}

function Device({ device, sizes, at }) {
  const mean = device.batches ? device.windows / device.batches : null;
  return html`<${Tile} title=${device.label} state=${STATE[device.state]} word=${word("device", device.state)} value=${html`${number(mean)} <small>${t("inference.batch")}</small>`}
    reason=${[t("inference.done", { batches: count(device.batches), windows: count(device.windows) }), device.failures > 0 && t("inference.failures", { n: device.failures }), said(device.last_failure),
      device.canary_difference !== null && t("inference.canary", { d: number(device.canary_difference) }), device.warm_up_s !== null && t("inference.warm", { s: number(device.warm_up_s) })].filter(Boolean).join(" · ")} at=${at} limit=${15000}>
    <${Sparkline} values=${sizes ?? []} label=${t("inference.batch_trace", { name: device.label })} />
  <//>`;
}

export function Inference() {
  const found = useData(() => get("/api/v1/system/inference"), { events: ["system.", "sensing.verdict"], every: 3000, least: 1000 });
  const sizes = useBatches(found.data);
  const pool = found.data;
  return html`<${Section} title=${t("system.inference")} aside=${html`<${Age} at=${found.at} limit=${15000} />`}>
      <${Nothing} of=${found} count=${1} />
      ${pool && html`<p>${said(pool.selection)}</p><p class="quiet">${t("overview.queued", { n: count(pool.queued) })}</p>
      <div class="tiles">${pool.devices.map((d) => html`<${Device} key=${d.label} device=${d} sizes=${sizes.get(d.label)} at=${found.at} />`)}</div>`}
    <//>
    <${Models} />`;
}
