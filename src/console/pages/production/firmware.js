// Firmware: the images there are, the stations and what they run, what was sent where, and roll-outs in stages.
import { html, useState } from "../../lib/ui.js";
import { get, list, may, once, post, remove, rows, sendForm } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { said } from "../../lib/said.js";
import { bytes, count, dateTime } from "../../lib/format.js";
import { Act, Age, Badge, Field, Form, Nothing, Section, Table, Tile } from "../../lib/parts.js";

const STEP = { waiting: "wait", offered: "wait", ready: "info", uploading: "info", succeeded: "ok", failed: "bad", cancelled: "off", running: "info", stopped: "bad", completed: "ok" };
const OPEN = ["waiting", "offered", "ready", "uploading", "running"];
const STATION_FRESH_MS = 30000;

function Upload({ done }) {
  const models = useData(() => list("/api/v1/product-models/active?limit=500"), { every: 600000 });
  const [given, set] = useState({ version: "", model: "" });
  const model = given.model || String(models.data?.items[0]?.id ?? "");
  const work = async (form) => {
    const body = new FormData();
    body.set("version", given.version.trim());
    body.set("product_model_id", model);
    body.set("file", form.querySelector("input[type=file]").files[0]);
    await sendForm("/api/v1/firmware", body);
    form.reset();
    done();
  };
  return html`<${Section} title=${t("firmware.upload")}><${Form} work=${work} submit=${t("firmware.upload")} done=${t("saved")}>
    <${Field} label=${t("firmware.file")} name="file" type="file" required />
    <${Field} label=${t("firmware.version")} name="version" hint="vX.Y.Z" pattern="v[0-9]+[.][0-9]+[.][0-9]+" value=${given.version} onValue=${(version) => set({ ...given, version })} required />
    <${Field} label=${t("lots.model")} name="product_model_id" as="select" value=${model} onValue=${(value) => set({ ...given, model: value })} required>${(models.data?.items ?? []).map((m) => html`<option value=${m.id}>${m.model_code}</option>`)}<//>
  <//><//>`;
}

/** To one station at once, or to several in stages that stop when too many fail. */
function Deploy({ images, stations, done }) {
  const [given, set] = useState({ image: "", chosen: [], serial: "", stage: "1", failures: "0" });
  const of = (name) => (value) => set({ ...given, [name]: value });
  const image = images.find((one) => String(one.id) === given.image) ?? images[0];
  const toggle = (id) => (on) => of("chosen")(on ? [...given.chosen, id] : given.chosen.filter((one) => one !== id));
  const isMany = given.chosen.length > 1;
  const work = async () => {
    if (given.chosen.length === 0) throw new Error(t("firmware.choose_station"));
    if (isMany) await post("/api/v1/firmware/rollouts", { firmware_id: image.id, stations: given.chosen, stage_size: Number(given.stage), failures_max: Number(given.failures) }, once());
    else await post("/api/v1/firmware/deploy", { version: image.version, station_id: given.chosen[0], ...(given.serial.trim() ? { serial_number: given.serial.trim() } : {}) }, once());
    of("chosen")([]);
    done();
  };
  return html`<${Section} title=${t("firmware.deploy")}><${Form} work=${work} submit=${isMany ? t("firmware.roll_out", { n: given.chosen.length }) : t("firmware.deploy")} done=${t("firmware.sent")}>
    <${Field} label=${t("firmware.version")} name="version" as="select" value=${String(image.id)} onValue=${of("image")} required>${images.map((f) => html`<option value=${f.id}>${f.model_code} ${f.version}</option>`)}<//>
    <fieldset class="block many"><legend>${t("firmware.stations")}</legend>${stations.map((s) => html`<${Field} key=${s.station_id} as="check" label=${s.station_id} value=${given.chosen.includes(s.station_id)} onValue=${toggle(s.station_id)} />`)}</fieldset>
    ${isMany && may("lead") ? html`<${Field} label=${t("firmware.stage")} name="stage_size" type="number" min="1" value=${given.stage} onValue=${of("stage")} required /><${Field} label=${t("firmware.failures_max")} name="failures_max" type="number" min="0" value=${given.failures} onValue=${of("failures")} required />`
      : html`<${Field} label=${t("lots.serial")} name="serial_number" value=${given.serial} onValue=${of("serial")} maxlength="50" />`}
  <//><//>`;
}

const Station = ({ s }) => html`<${Tile} title=${s.station_id} state=${!s.online ? "warn" : s.troubles.length ? "bad" : "ok"} word=${t(s.online ? "firmware.online" : "firmware.offline")} value=${html`${s.running_version ?? "–"} <small>${t("firmware.runs")}</small>`}
  reason=${[...s.troubles.map((one) => word("trouble", one)), t("firmware.work", { pending: count(s.pending), completed: count(s.completed), refused: count(s.refused) })].join(" · ")} at=${s.seen_at} limit=${STATION_FRESH_MS} />`;

export function Firmware() {
  const events = ["firmware."];
  const images = useData(() => get("/api/v1/firmware?limit=200"), { events, every: 60000 });
  const stations = useData(() => get("/api/v1/stations?limit=500"), { events, every: 10000 });
  const deployments = useData(() => get("/api/v1/firmware/deployments?limit=100"), { events, every: 10000, least: 1000 });
  const rollouts = useData(() => get("/api/v1/firmware/rollouts?limit=50"), { events, every: 15000 });
  const all = rows(images.data, "firmware"), sent = rows(deployments.data, "deployments"), there = rows(stations.data, "stations"), rolls = rows(rollouts.data, "rollouts");
  const again = () => [images, stations, deployments, rollouts].forEach((one) => one.reload());
  const drop = (id) => async () => { await remove(`/api/v1/firmware/${id}`); again(); };
  const cancel = (path) => async () => { await post(`${path}/cancel`); again(); };
  return html`<${Section} title=${t("firmware.stations")} aside=${html`<${Age} at=${stations.at} limit=${60000} />`}>
      <${Nothing} of=${stations} count=${there.length} empty=${t("firmware.no_stations")} />
      <div class="tiles">${there.map((s) => html`<${Station} key=${s.station_id} s=${s} />`)}</div>
    <//>
    <${Section} title=${t("firmware.images")} aside=${html`<${Age} at=${images.at} limit=${120000} />`}>
      <${Nothing} of=${images} count=${all.length} empty=${t("firmware.none")} />
      ${all.length > 0 && html`<${Table} label=${t("firmware.images")} rows=${all} id=${(f) => f.id} columns=${[
        { label: t("firmware.version"), cell: (f) => html`<strong>${f.version}</strong>` }, { label: t("lots.model"), cell: (f) => f.model_code }, { label: t("firmware.file"), cell: (f) => f.filename },
        { label: t("firmware.size"), numeric: true, cell: (f) => bytes(f.file_size) }, { label: "SHA-256", mono: true, cell: (f) => html`<span title=${f.sha256}>${f.sha256.slice(0, 12)}…</span>` },
        { label: t("firmware.by"), cell: (f) => f.uploaded_by }, { label: t("time"), cell: (f) => dateTime(f.created_at) },
        { label: "", cell: (f) => may("lead") && html`<${Act} kind="danger" work=${drop(f.id)} confirm=${t("firmware.remove_sure", { version: f.version })}>${t("remove")}<//>` },
      ]} />`}
    <//>
    <div class="columns">${may("line") && all.length > 0 && html`<${Deploy} images=${all} stations=${there} done=${again} />`}${may("lead") && html`<${Upload} done=${again} />`}</div>
    ${rolls.length > 0 && html`<${Section} title=${t("firmware.rollouts")}><${Table} label=${t("firmware.rollouts")} rows=${rolls} id=${(r) => r.id} columns=${[
      { label: "#", numeric: true, cell: (r) => r.id }, { label: t("firmware.version"), cell: (r) => all.find((f) => f.id === r.firmware_id)?.version ?? r.firmware_id }, { label: t("lots.status"), cell: (r) => html`<${Badge} state=${STEP[r.status]}>${word("step", r.status)}<//>` },
      { label: t("firmware.stations"), cell: (r) => r.stations.join(", ") }, { label: t("firmware.stage"), numeric: true, cell: (r) => r.stage_size }, { label: t("firmware.failures_max"), numeric: true, cell: (r) => r.failures_max }, { label: t("why"), cell: (r) => said(r.reason) },
      { label: "", cell: (r) => may("lead") && OPEN.includes(r.status) && html`<${Act} work=${cancel(`/api/v1/firmware/rollouts/${r.id}`)} confirm=${t("firmware.stop_sure")}>${t("cancel")}<//>` },
    ]} /><//>`}
    <${Section} title=${t("firmware.deployments")} aside=${html`<${Age} at=${deployments.at} limit=${60000} />`}>
      <${Nothing} of=${deployments} count=${sent.length} empty=${t("firmware.none_sent")} />
      ${sent.length > 0 && html`<${Table} label=${t("firmware.deployments")} rows=${sent} id=${(d) => d.id} columns=${[
        { label: t("firmware.station"), cell: (d) => d.station_id }, { label: t("firmware.version"), cell: (d) => d.version }, { label: t("lots.status"), cell: (d) => html`<${Badge} state=${STEP[d.status]}>${word("step", d.status)}<//>` },
        { label: t("why"), cell: (d) => said(d.reason) }, { label: t("firmware.by"), cell: (d) => d.requested_by }, { label: t("time"), cell: (d) => dateTime(d.updated_at) },
        { label: "", cell: (d) => may("line") && OPEN.includes(d.status) && html`<${Act} work=${cancel(`/api/v1/firmware/deployments/${d.id}`)} confirm=${t("firmware.stop_sure")}>${t("cancel")}<//>` },
      ]} />`}
    <//>`;
}
