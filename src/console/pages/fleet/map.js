// The map on a canvas, in local metres: drag or arrow keys move it, wheel or + and − zoom, 0 shows all.
import { html, useEffect, useRef } from "../../lib/ui.js";
import { useSignal } from "../../lib/ui.js";
import { colour } from "../../lib/charts.js";
import { theme } from "../../lib/theme.js";

const ZOOM = 1.25;
const STEP_PX = 60;

/** Every ring and line of a GeoJSON document, as lists of `[x, y]`. */
function shapes(map) {
  const found = [];
  const of = (geometry) => {
    if (!geometry) return;
    const { type, coordinates } = geometry;
    if (type === "Polygon") found.push({ area: true, rings: coordinates });
    else if (type === "MultiPolygon") coordinates.forEach((rings) => found.push({ area: true, rings }));
    else if (type === "LineString") found.push({ area: false, rings: [coordinates] });
    else if (type === "MultiLineString") found.push({ area: false, rings: coordinates });
    else if (type === "GeometryCollection") geometry.geometries.forEach(of);
  };
  (map?.features ?? []).forEach((feature) => of(feature.geometry));
  if (map && !map.features) of(map.geometry ?? map);
  return found;
}

function boundsOf(found) {
  const box = { left: Infinity, right: -Infinity, low: Infinity, high: -Infinity };
  for (const { rings } of found) for (const ring of rings) for (const [x, y] of ring) {
    box.left = Math.min(box.left, x); box.right = Math.max(box.right, x);
    box.low = Math.min(box.low, y); box.high = Math.max(box.high, y);
  }
  return box.left < box.right ? box : { left: -100, right: 100, low: -100, high: 100 };
}

/** The roads as paths in metres: made once for a map, drawn under any view. */
const roads = (found) => found.map(({ area, rings }) => {
  const path = new Path2D();
  for (const ring of rings) {
    ring.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
    if (area) path.closePath();
  }
  return { area, path };
});

function fit(view, box, canvas) {
  const width = box.right - box.left, height = box.high - box.low;
  view.scale = 0.94 * Math.min(canvas.width / width, canvas.height / height);
  view.x = (box.left + box.right) / 2;
  view.y = (box.low + box.high) / 2;
}

function drawVehicle(pen, at, vehicle, size) {
  const [x, y] = at, isPolice = vehicle.kind === 0;
  const lost = vehicle.status === "complete_destroyed";
  pen.fillStyle = colour(isPolice ? "police" : "runner");
  pen.strokeStyle = colour("card");
  pen.lineWidth = size / 4;
  pen.globalAlpha = lost ? 0.45 : 1;
  pen.beginPath();
  if (isPolice) pen.rect(x - size * 0.75, y - size * 0.75, size * 1.5, size * 1.5);
  else { pen.moveTo(x, y - size); pen.lineTo(x + size, y); pen.lineTo(x, y + size); pen.lineTo(x - size, y); pen.closePath(); }
  pen.stroke();
  pen.fill();
  pen.globalAlpha = 1;
  pen.fillStyle = colour("ink");
  pen.font = `600 ${size * 1.6}px system-ui, sans-serif`;
  pen.fillText(vehicle.name ?? "", x + size * 1.4, y + size * 0.5);
}

function drawPlan(pen, plan, place, vehicles, size) {
  const byId = new Map(vehicles.map((v) => [v.id, v]));
  for (const one of plan.assignments) {
    const [x, y] = place(one.x, one.y), car = byId.get(one.id);
    if (car && car.x !== null) {
      pen.strokeStyle = colour("police");
      pen.lineWidth = size / 3;
      pen.setLineDash([size, size / 1.5]);
      pen.beginPath(); pen.moveTo(...place(car.x, car.y)); pen.lineTo(x, y); pen.stroke();
      pen.setLineDash([]);
    }
    pen.strokeStyle = colour("bad");
    pen.lineWidth = size / 2.5;
    pen.beginPath(); pen.moveTo(x - size, y - size); pen.lineTo(x + size, y + size); pen.moveTo(x + size, y - size); pen.lineTo(x - size, y + size); pen.stroke();
  }
  pen.strokeStyle = colour("warn");
  pen.lineWidth = size / 3;
  for (const exit of plan.escapes) {
    const [x, y] = place(exit.x, exit.y);
    pen.beginPath(); pen.arc(x, y, size, 0, 7); pen.stroke();
  }
}

function draw(canvas, world) {
  const { view, found, vehicles, plans } = world;
  const pen = canvas.getContext("2d"), size = 7 * devicePixelRatio;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.setTransform(view.scale, 0, 0, -view.scale, canvas.width / 2 - view.x * view.scale, canvas.height / 2 + view.y * view.scale);
  pen.fillStyle = colour("road");
  pen.strokeStyle = colour("road");
  for (const { area, path } of found) {
    pen.lineWidth = area ? 0.5 / view.scale : 6;
    if (area) pen.fill(path, "evenodd");
    pen.stroke(path);
  }
  pen.setTransform(1, 0, 0, 1, 0, 0);
  const place = (x, y) => [canvas.width / 2 + (x - view.x) * view.scale, canvas.height / 2 - (y - view.y) * view.scale];
  for (const plan of plans) drawPlan(pen, plan, place, vehicles, size);
  for (const vehicle of vehicles) if (vehicle.x !== null && vehicle.x !== undefined) drawVehicle(pen, place(vehicle.x, vehicle.y), vehicle, size);
}

export function MapView({ map, vehicles, plans, label }) {
  const canvas = useRef(null);
  const world = useRef({ view: { x: 0, y: 0, scale: 1 }, found: [], box: null, vehicles: [], plans: [], due: 0 });
  const chosen = useSignal(theme);
  const w = world.current;
  w.vehicles = vehicles;
  w.plans = plans;
  const redraw = () => { w.due ||= requestAnimationFrame(() => { w.due = 0; if (canvas.current) draw(canvas.current, w); }); };
  const home = () => { if (w.box) fit(w.view, w.box, canvas.current); redraw(); };
  const zoom = (by) => { w.view.scale *= by; redraw(); };
  const move = (dx, dy) => { w.view.x -= (dx * devicePixelRatio) / w.view.scale; w.view.y += (dy * devicePixelRatio) / w.view.scale; redraw(); };
  useEffect(() => {
    const size = () => {
      if (!canvas.current) return;
      const was = canvas.current.width;
      canvas.current.width = canvas.current.clientWidth * devicePixelRatio;
      canvas.current.height = canvas.current.clientHeight * devicePixelRatio;
      if (was !== canvas.current.width) home(); else redraw();
    };
    const watch = new ResizeObserver(size);
    watch.observe(canvas.current);
    return () => { watch.disconnect(); cancelAnimationFrame(w.due); };
  }, []);
  useEffect(() => {
    const found = shapes(map);
    w.box = boundsOf(found);
    w.found = roads(found);
    home();
  }, [map]);
  useEffect(redraw, [vehicles, plans, chosen]);
  useEffect(() => {
    const wheel = (e) => { e.preventDefault(); zoom(e.deltaY < 0 ? ZOOM : 1 / ZOOM); };
    canvas.current.addEventListener("wheel", wheel, { passive: false });
    return () => canvas.current?.removeEventListener("wheel", wheel);
  }, []);
  const keys = { ArrowLeft: () => move(STEP_PX, 0), ArrowRight: () => move(-STEP_PX, 0), ArrowUp: () => move(0, STEP_PX), ArrowDown: () => move(0, -STEP_PX), "+": () => zoom(ZOOM), "=": () => zoom(ZOOM), "-": () => zoom(1 / ZOOM), 0: home };
  return html`<div><canvas class="map" ref=${canvas} tabindex="0" role="img" aria-label=${label}
      onKeyDown=${(e) => { if (keys[e.key]) { e.preventDefault(); keys[e.key](); } }}
      onPointerDown=${(e) => { canvas.current.setPointerCapture(e.pointerId); w.drag = [e.clientX, e.clientY]; }}
      onPointerMove=${(e) => { if (w.drag) { move(e.clientX - w.drag[0], e.clientY - w.drag[1]); w.drag = [e.clientX, e.clientY]; } }}
      onPointerUp=${() => { w.drag = null; }} onPointerCancel=${() => { w.drag = null; }}></canvas>
    <div class="actions"><button type="button" onClick=${() => zoom(ZOOM)} aria-label="+">+</button><button type="button" onClick=${() => zoom(1 / ZOOM)} aria-label="−">−</button><button type="button" onClick=${home} aria-label="0">⌂</button></div></div>`;
}
