// The front's socket: frames of the fleet protocol, read as they come. The plant has checked their origin; the tag at their end is its own.
import { token } from "../../lib/api.js";

const TAG_BYTES = 16;
const RETRY_MS = 3000;
const STATUSES = ["normal", "half_destroyed", "complete_destroyed"];
const VEHICLES_MAX = 5000;
const text = new TextDecoder();

/** Reads one binary frame into `vehicles`. */
export function take(buffer, vehicles, now) {
  const frame = new DataView(buffer, 0, Math.max(0, buffer.byteLength - TAG_BYTES));
  if (frame.byteLength < 1) return;
  const of = (id) => {
    if (!vehicles.has(id) && vehicles.size < VEHICLES_MAX) vehicles.set(id, { id, name: `#${id}`, kind: 1, x: null, y: null, at: null });
    return vehicles.get(id) ?? {};
  };
  const type = frame.getUint8(0);
  if (type === 0xa2 && frame.byteLength >= 20) {
    const name = text.decode(new Uint8Array(buffer, 10, 10)).replace(/\0+$/, "");
    Object.assign(of(frame.getUint32(1, true)), { vehicleId: frame.getUint32(5, true), kind: frame.getUint8(9), name });
  } else if (type === 0x10 && frame.byteLength >= 8) {
    Object.assign(of(frame.getUint32(1, true)), { collisions: frame.getUint8(5), status: STATUSES[frame.getUint8(6)], fuel: frame.getUint8(7) });
  } else if (type === 0x11 && frame.byteLength >= 9) {
    const count = Math.min(frame.getUint32(5, true), Math.floor((frame.byteLength - 9) / 12)), mapId = frame.getUint32(1, true);
    for (let i = 0; i < count; i += 1) {
      const at = 9 + i * 12;
      Object.assign(of(frame.getUint32(at, true)), { x: frame.getFloat32(at + 4, true), y: frame.getFloat32(at + 8, true), mapId, at: now });
    }
  }
}

export class Front {
  constructor(changed) {
    this.changed = changed;
    this.vehicles = new Map();
    /** The roadblock of each runner. */
    this.plans = new Map();
    this.state = "connecting";
    this.at = null;
    this.open();
  }

  open() {
    const held = token();
    const query = held ? `?token=${encodeURIComponent(held)}` : "";
    this.socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/front/vehicles${query}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.is("open");
    this.socket.onmessage = ({ data }) => this.hear(data);
    this.socket.onclose = () => {
      if (this.closed) return;
      this.is("lost");
      this.timer = setTimeout(() => this.open(), RETRY_MS);
    };
  }

  is(state) {
    this.state = state;
    this.changed();
  }

  hear(data) {
    if (typeof data === "string") this.read(JSON.parse(data));
    else {
      this.at = Date.now();
      take(data, this.vehicles, this.at);
    }
    this.changed();
  }

  read(said) {
    if (said.type === "plan") this.plans.set(said.runner_id, said);
    else if (said.type === "plan_ended") this.plans.delete(said.runner_id);
    else if (said.type === "vehicle_removed") this.vehicles.delete(said.id);
  }

  snapshot() {
    return { vehicles: this.vehicles, plans: [...this.plans.values()], state: this.state, at: this.at };
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}
