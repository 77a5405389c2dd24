// When the plant scores its sensors by itself.
import { html, useEffect, useState } from "../../lib/ui.js";
import { get, may, post } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t } from "../../lib/i18n.js";
import { dateTime, duration } from "../../lib/format.js";
import { Badge, Facts, Field, Form, Nothing, Section } from "../../lib/parts.js";

/** A time as `datetime-local` takes it, in the browser's zone. */
const local = (time) => {
  const at = new Date(time);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
};

export function Schedule() {
  const found = useData(() => get("/api/config/schedule"), { events: ["sensing.verdict"], every: 30000, least: 5000 });
  const [given, set] = useState(null);
  const schedule = found.data;
  useEffect(() => { if (schedule && !given) set({ at: local(schedule.reference_time), period: String(schedule.period_s), ids: (schedule.sensor_ids ?? []).join(", ") }); }, [schedule]);
  const of = (name) => (value) => set({ ...given, [name]: value });
  const work = async () => {
    const sensor_ids = given.ids.split(/[\s,]+/).filter(Boolean);
    await post("/api/config/schedule", { reference_time: new Date(given.at).toISOString(), period_s: Number(given.period), sensor_ids });
    found.reload();
  };
  return html`<${Section} id="schedule" title=${t("schedule.title")} aside=${schedule && html`<${Badge} state=${schedule.running ? "info" : "ok"}>${t(schedule.running ? "schedule.running" : "schedule.waiting")}<//>`}>
    <${Nothing} of=${found} count=${1} />
    ${schedule && html`<${Facts} of=${[
      [t("schedule.period"), duration(schedule.period_s * 1000)], [t("schedule.last"), dateTime(schedule.last_run)], [t("schedule.next"), dateTime(schedule.next_run)],
      [t("schedule.sensors"), schedule.sensor_ids?.length ? schedule.sensor_ids.join(", ") : t("schedule.all")],
    ]} />`}
    ${may("lead") && given && html`<details><summary class="button">${t("schedule.change")}</summary>
      <${Form} work=${work} submit=${t("save")} done=${t("saved")}>
        <${Field} label=${t("schedule.reference")} name="reference_time" hint=${t("schedule.reference_hint")} type="datetime-local" value=${given.at} onValue=${of("at")} required />
        <${Field} label=${t("schedule.period_s")} name="period_s" type="number" min="10" max="604800" value=${given.period} onValue=${of("period")} required />
        <${Field} label=${t("schedule.sensors")} name="sensor_ids" hint=${t("schedule.sensors_hint")} value=${given.ids} onValue=${of("ids")} />
      <//></details>`}
  <//>`;
}
