// Acts as a VR headset: connects by code, takes orders, reports, uploads a CSV.
"use strict";

const LINES_MAX = 500;
const FILE_BYTES_MAX = 10 * 1024 * 1024;
const $ = (id) => document.getElementById(id);
let socket = null;
let diagnosis = null;

function log(kind, text) {
  const line = document.createElement("li");
  line.className = kind;
  line.textContent = `${new Date().toLocaleTimeString()} ${text.length > 400 ? text.slice(0, 400) + "…" : text}`;
  const list = $("log");
  list.append(line);
  while (list.children.length > LINES_MAX) list.firstChild.remove();
  line.scrollIntoView({ block: "nearest" });
}

function show() {
  const open = socket !== null && socket.readyState === WebSocket.OPEN;
  $("state").textContent = open ? "연결됨 / connected" : "끊김 / disconnected";
  $("connect").disabled = socket !== null;
  $("disconnect").disabled = socket === null;
  $("diagnosis").textContent = diagnosis === null ? "–" : `${diagnosis.diagnosis_id} · ${diagnosis.type} · ${diagnosis.level}`;
  for (const id of ["started", "failed", "file", "upload"]) $(id).disabled = !open || diagnosis === null;
}

function say(action, data) {
  const text = JSON.stringify({ action, data });
  socket.send(text);
  log("out", `→ ${text}`);
}

function take(text) {
  log("in", `← ${text}`);
  let frame;
  try {
    frame = JSON.parse(text);
  } catch {
    return;
  }
  if (frame.action === "s_start_diagnosis") diagnosis = frame.data;
  if (frame.action === "s_stop_diagnosis") diagnosis = null;
  if (frame.action === "s_force_disconnect") socket.close();
  show();
}

$("connect").addEventListener("click", () => {
  const code = $("code").value.trim();
  if (code === "") return $("code").focus();
  const prefix = location.pathname.startsWith("/api/") ? "/api" : "";
  const token = $("token").value.trim();
  const query = token === "" ? "" : `?token=${encodeURIComponent(token)}`;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}${prefix}/ws/diagnosis/${encodeURIComponent(code)}${query}`);
  socket.addEventListener("open", () => { log("in", "연결됨 / connected"); show(); });
  socket.addEventListener("message", (event) => take(event.data));
  socket.addEventListener("close", (event) => {
    log(event.code === 1000 ? "in" : "bad", `닫힘 / closed ${event.code} ${event.reason}`);
    socket = null;
    show();
  });
  show();
});

$("disconnect").addEventListener("click", () => socket?.close());
$("started").addEventListener("click", () => say("c_diagnosis_started", { diagnosis_id: diagnosis.diagnosis_id }));
$("failed").addEventListener("click", () => say("c_diagnosis_failed", { diagnosis_id: diagnosis.diagnosis_id }));
$("upload").addEventListener("click", async () => {
  const file = $("file").files[0];
  if (!file) return $("file").focus();
  if (file.size > FILE_BYTES_MAX) log("bad", "10 MiB보다 큽니다 / larger than 10 MiB");
  say("c_upload_result", { diagnosis_id: diagnosis.diagnosis_id, file_content: await file.text() });
});
show();
