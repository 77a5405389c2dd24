// Charts: small traces by hand on a canvas, large ones by uPlot.
import { html, useEffect, useRef } from "./ui.js";
import uPlot from "../vendor/uplot.js";
import { dateTime, dayOf, hourOf } from "./format.js";
import { t } from "./i18n.js";
import { theme } from "./theme.js";
import { useSignal } from "./ui.js";

/** A colour of the style sheet. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function trace(canvas, values, ink) {
  const scale = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale), height = Math.round(canvas.clientHeight * scale);
  if (!width || !height) return;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  const known = values.filter((v) => v !== null);
  if (known.length < 2) return;
  const low = Math.min(...known), high = Math.max(...known), pad = 3 * scale;
  const x = (i) => pad + (i / (values.length - 1)) * (width - 2 * pad);
  const y = (v) => height - pad - ((v - low) / (high - low || 1)) * (height - 2 * pad);
  pen.strokeStyle = ink;
  pen.lineWidth = 1.5 * scale;
  pen.lineJoin = "round";
  pen.beginPath();
  let drawing = false;
  values.forEach((v, i) => {
    if (v === null) { drawing = false; return; }
    if (drawing) pen.lineTo(x(i), y(v)); else pen.moveTo(x(i), y(v));
    drawing = true;
  });
  pen.stroke();
  pen.fillStyle = ink;
  pen.beginPath();
  const last = values.findLastIndex((v) => v !== null);
  pen.arc(x(last), y(values[last]), 2.5 * scale, 0, 7);
  pen.fill();
}

/** A trace without axes; its label says what it shows to who cannot see it. */
export function Sparkline({ values, ink = "trace", label }) {
  const canvas = useRef(null);
  const chosen = useSignal(theme);
  useEffect(() => {
    const draw = () => requestAnimationFrame(() => canvas.current && trace(canvas.current, values, colour(ink)));
    draw();
    const watch = new ResizeObserver(draw);
    watch.observe(canvas.current);
    return () => watch.disconnect();
  }, [values, ink, chosen]);
  return html`<canvas class="spark" ref=${canvas} role="img" aria-label=${label}></canvas>`;
}

/** Shades spans of time `{from, to, ink}` behind the lines, seconds. */
const shade = (spans) => (plot) => {
  const { ctx, bbox } = plot;
  ctx.save();
  for (const { from, to, ink } of spans()) {
    const left = Math.max(bbox.left, plot.valToPos(from, "x", true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(to, "x", true));
    if (right < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.fillStyle = colour(ink);
    ctx.globalAlpha = 0.18;
    ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
    ctx.globalAlpha = 1;
    // A hatch along the top edge: the span shows without its colour too.
    for (let at = left; at < Math.max(left + 2, right); at += 6) ctx.fillRect(at, bbox.top, 3, 4);
  }
  ctx.restore();
};

/** Horizontal bounds `{value, ink, scale}`. */
const bounds = (levels) => (plot) => {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.setLineDash([6, 4]);
  for (const { value, ink, scale = "y" } of levels()) {
    if (value === null || value === undefined) continue;
    const y = plot.valToPos(value, scale, true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = colour(ink);
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
};

/** A mark of the time axis: the hour, or the day where one begins. */
function timeOf(at, step) {
  const moment = new Date(at);
  return step >= 86400 || (moment.getHours() === 0 && moment.getMinutes() === 0) ? dayOf(at) : hourOf(at);
}

function options({ series, height, width, kept, time, unit }) {
  const grid = { stroke: colour("line"), width: 1 };
  const axis = { stroke: colour("dim"), grid, ticks: grid, font: "13px system-ui, sans-serif" };
  const scales = { x: { time } };
  const axes = [{ ...axis, values: time ? (_, splits, __, ___, step) => splits.map((at) => timeOf(at * 1000, step)) : undefined }];
  const seen = new Set();
  for (const one of series) {
    const scale = one.scale ?? "y";
    if (seen.has(scale)) continue;
    seen.add(scale);
    // A flat line gets room above and below, else its axis has one number alone.
    if (one.range) scales[scale] = { range: one.range };
    axes.push({ ...axis, scale, side: axes.length === 1 ? 3 : 1, size: 64, grid: axes.length === 1 ? grid : { show: false }, label: axes.length === 1 ? unit : one.label });
  }
  return {
    width, height, scales, axes,
    cursor: { drag: { x: true, y: false }, points: { size: 8 } },
    legend: { live: true },
    series: [{ label: t(time ? "time" : "seconds"), value: (_, at) => (at === null ? "–" : time ? dateTime(at * 1000) : at.toFixed(2)) }, ...series.map((one) => ({
      label: one.label, scale: one.scale ?? "y", stroke: colour(one.ink), width: one.width ?? 1.5, dash: one.dash,
      points: { show: one.points ?? false }, spanGaps: one.spanGaps ?? false, paths: one.bars ? uPlot.paths.bars({ size: [0.7, 60] }) : undefined,
      fill: one.bars ? colour(one.ink) : undefined,
      value: (_, v) => (v === null || v === undefined ? "–" : String(Number(v.toPrecision(5)))),
    }))],
    hooks: { drawAxes: [shade(() => kept.current.spans)], draw: [bounds(() => kept.current.levels)] },
  };
}

/** Lines over time: `data` is `[seconds, …values]`, `series` says how each is drawn. Drag to zoom, double click to see all. */
export function Chart({ data, series, spans = [], levels = [], height = 280, time = true, unit, label }) {
  const place = useRef(null);
  const kept = useRef({});
  const chosen = useSignal(theme);
  kept.current.spans = spans;
  kept.current.levels = levels;
  useEffect(() => {
    const box = place.current;
    const width = () => Math.max(200, box.clientWidth);
    const plot = new uPlot(options({ series, height, width: width(), kept, time, unit }), data, box);
    kept.current.plot = plot;
    const watch = new ResizeObserver(() => plot.setSize({ width: width(), height }));
    watch.observe(box);
    return () => {
      watch.disconnect();
      plot.destroy();
      kept.current.plot = null;
    };
  }, [chosen, height, time, unit, JSON.stringify(series.map((one) => [one.label, one.ink, one.scale]))]);
  useEffect(() => {
    kept.current.plot?.setData(data);
  }, [data]);
  return html`<div class="chart" ref=${place} role="img" aria-label=${label}></div>`;
}

/** Bars with their share so far: what to mend first. `of` is `[{key, name, count, cumulative}]`. */
export function Pareto({ of, label }) {
  const most = Math.max(1, ...of.map((one) => one.count));
  return html`<ol class="pareto" aria-label=${label}>
    ${of.map((one) => html`<li key=${one.key}>
      <span class="name">${one.name}</span>
      <span class="track"><span ref=${(e) => e && e.style.setProperty("width", `${(100 * one.count) / most}%`)}></span></span>
      <span class="number">${one.count}</span>
      <span class="share">${one.cumulative.toFixed(0)} %</span>
    </li>`)}
  </ol>`;
}
