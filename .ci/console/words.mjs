// What the console says, held against what the server can say: both languages have the same words, every code of an error answer, every
// word of the server's enumerations and every sentence in `text/said.js` is one that the sources know. Needs nothing but Node and runs
// nothing but the console's own modules. usage: node .ci/console/words.mjs
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const CONSOLE = path.join(ROOT, "src/console");
const SOURCES = ["src/http", "actors/src", "domain/src", "kernel/src", "store/src", "models/src"];
const PROCESSES = "domain/src/production/processes.json";

/** Codes that nobody at the console meets, and why. */
const NEVER_SEEN = {
  DEADLINE: "a word of the metrics", INTERNAL: "a word of the metrics", INVALID: "a word of the metrics",
  INVALID_NUMBER: "answered as VALIDATION_ERROR", QR: "a kind of code on a label",
  METHOD_NOT_ALLOWED: "the console's requests are fixed", UNSUPPORTED_MEDIA_TYPE: "the console sends JSON and forms",
  RANGE_NOT_SATISFIABLE: "for stations that download", READINGS_REJECTED: "for sensors that push",
  PATH_NOT_ALLOWED: "for programs that use the proxy", UPSTREAM_NOT_FOUND: "for programs that use the proxy",
  REGISTRATION_CLOSED: "the console registers nobody by himself", WRONG_ADMIN_CODE: "the console registers nobody by himself",
  UPGRADE_REQUIRED: "a browser upgrades its sockets", UNKNOWN_ACTION: "for programs on the fleet's socket", VERSION_OFF: "for vehicles",
  USER_AGENT_REFUSED: "for headsets", VEHICLE_EVENT_NOT_FOUND: "for programs on the fleet's socket",
};
/** Kinds of faults of fields that are in no answer to the console. */
const NEVER_SEEN_KINDS = ["reading_rejected"];
/** Enumerations whose words people see: file, name, and how the keys of their words begin. */
const ENUMERATIONS = [
  ["kernel/src/tree.rs", "ChildState", "state."], ["kernel/src/breaker.rs", "BreakerState", "breaker."], ["actors/src/inference/mod.rs", "DeviceState", "device."],
  ["actors/src/health.rs", "ComponentState", "health."], ["actors/src/health.rs", "ComponentState", "overview.is_"], ["domain/src/system/attendance.rs", "Intervention", "overview.since_"],
  ["domain/src/labels/printer.rs", "PrinterFault", "printer_fault."], ["domain/src/labels/job.rs", "JobStatus", "job."], ["domain/src/firmware/deploy.rs", "DeploymentStatus", "step."],
  ["domain/src/firmware/rollout.rs", "RolloutStatus", "step."], ["domain/src/firmware/station.rs", "AgentTrouble", "trouble."], ["domain/src/sensing/verdict.rs", "Verdict", "verdict."],
  ["domain/src/alerts/alert.rs", "AlertType", "alert."], ["domain/src/alerts/alert.rs", "Severity", "severity."], ["domain/src/alerts/alert.rs", "AlertStatus", "alert_status."],
  ["domain/src/audit/entry.rs", "actions!", "action."], ["domain/src/identity/role.rs", "Role", "role."], ["domain/src/identity/scope.rs", "Scope", "scope."],
  ["domain/src/production/lot.rs", "LotStatus", "lot."], ["domain/src/production/serial.rs", "SerialStatus", "serial."], ["domain/src/production/serial.rs", "DefectStatus", "defect_status."],
  ["domain/src/production/run.rs", "RunResult", "result."], ["domain/src/production/run.rs", "DefectSeverity", "defect."], ["domain/src/diagnosis/session.rs", "StateKind", "session."],
  ["domain/src/diagnosis/session.rs", "StateKind", "diagnosis.is_"], ["models/src/catalog.rs", "ModelKind", "model_kind."],
];

/** Parts of sources of which every sentence has Korean. */
const TOLD = [
  ["actors/src/health.rs", /^(?:async )?fn .*?^\}/gms], ["domain/src/labels/printer.rs", /fn advice\(.*?^ {4}\}/gms], ["domain/src/firmware/station.rs", /fn advice\(.*?^ {4}\}/gms],
  ["domain/src/identity/password.rs", /#\[error\(.*?\)\]/gs], ["domain/src/audit/verify.rs", /#\[error\(.*?\)\]/gs],
];

const faults = [];
const lacking = (what, wanted, there) => [...wanted].filter((one) => !there.has(one)).forEach((one) => faults.push(`${what}: ${one}`));

function files(folder, ending, found = []) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory()) files(at, ending, found);
    else if (at.endsWith(ending)) found.push(at);
  }
  return found;
}

/** A source without comments, examples and tests. */
function code(file) {
  const text = readFileSync(file, "utf8").split(/^#\[cfg\(test\)\]\nmod /m)[0];
  return text.split("\n").filter((line) => !line.trimStart().startsWith("//")).join("\n").replace(/example = "[^"]*"/g, "");
}

/** A sentence as it is compared: what differs is `{}`, whatever it is called. */
const plain = (text) => text.replaceAll("{{", "\u0001").replaceAll("}}", "\u0002").replace(/\{[^{}]*\}/g, "{}").replaceAll("\u0001", "{").replaceAll("\u0002", "}");

/** The texts of a source, as the program has them. */
function texts(source) {
  const bare = source.replace(/r(#+)".*?"\1/gs, "").replace(/'"'/g, "");
  return [...bare.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, text]) => text.replace(/\\\n\s*/g, "").replace(/\\(["\\])/g, "$1"));
}

const snake = (name) => name.replace(/(?<!^)([A-Z])/g, "_$1");
const RENAMED = {
  snake_case: (name) => snake(name).toLowerCase(), SCREAMING_SNAKE_CASE: (name) => snake(name).toUpperCase(), lowercase: (name) => name.toLowerCase(),
  UPPERCASE: (name) => name.toUpperCase(), "kebab-case": (name) => snake(name).toLowerCase().replaceAll("_", "-"),
};

/** The words of an enumeration: said beside its variants, by its `as_str`, or by how it is renamed. */
function wordsOf(file, name) {
  const source = code(path.join(ROOT, file));
  const [, attributes, body] = new RegExp(`((?:#\\[[^\\n]*\\]\\s*)*)(?:pub enum |^\\s*)${name} \\{\\n(.*?)\\n\\s*\\}`, "ms").exec(source) ?? [null, "", ""];
  const impl = new RegExp(`^impl ${name} \\{\\n.*?fn as_str\\([^{]*\\{\\n(.*?)^    \\}`, "ms").exec(source)?.[1] ?? "";
  const rename = RENAMED[/rename_all = "([\w-]+)"/.exec(attributes)?.[1]];
  return [...body.matchAll(/^\s*([A-Z]\w*)(?: = "([^"]+)")?/gm)].map(([, variant, word]) =>
    word ?? new RegExp(`Self::${variant}(?: \\{ \\.\\. \\})? => "([^"]+)"`).exec(impl)?.[1] ?? rename?.(variant) ?? `${variant} of ${name}, whose word is not found`);
}

/** The codes that error answers can have. */
function codesOf(sources) {
  const found = new Set();
  const add = (text, pattern) => [...text.matchAll(pattern)].forEach(([, one]) => found.add(one));
  for (const [file, source] of sources) {
    if (file.startsWith("src/http")) add(source, /"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g);
    add(source, /StatusCode::\w+,\s*"([A-Z][A-Z0-9_]*)"/g);
    add(source, /\bcode: "([A-Z][A-Z0-9_]*)"/g);
    add(source, /\bbroken\(\s*"([A-Z][A-Z0-9_]*)"/g);
    for (const [, body] of source.matchAll(/fn code\([^)]*\) -> &'static str \{(.*?)\n {4}\}/gs)) add(body, /"([A-Z][A-Z0-9_]*)"/g);
  }
  return found;
}

/** Field names and choices of the processes' data. */
function schemaWords(schema, fields = new Set(), choices = new Set()) {
  for (const [name, one] of Object.entries(schema?.properties ?? {})) {
    fields.add(name);
    for (const choice of [...(one.enum ?? []), ...(typeof one.const === "string" ? [one.const] : [])]) choices.add(String(choice));
    schemaWords(one, fields, choices);
    schemaWords(one.items, fields, choices);
  }
  return { fields, choices };
}

/** The console's modules, as Node can load them, in a browser that is not there. */
async function load() {
  const home = mkdtempSync(path.join(tmpdir(), "nightshift-words-"));
  cpSync(CONSOLE, home, { recursive: true });
  writeFileSync(path.join(home, "package.json"), '{"type":"module"}');
  globalThis.localStorage = { getItem: () => null, setItem: () => {} };
  globalThis.sessionStorage = { getItem: () => null };
  globalThis.document = { documentElement: {} };
  Object.defineProperty(globalThis, "navigator", { value: { language: "ko" }, configurable: true });
  const get = (name) => import(pathToFileURL(path.join(home, name)));
  const [en, ko, codes, sentences, i18n, said, api] = await Promise.all(["text/en.js", "text/ko.js", "text/codes.js", "text/said.js", "lib/i18n.js", "lib/said.js", "lib/api.js"].map(get));
  rmSync(home, { recursive: true, force: true });
  return { en: en.default, ko: ko.default, codes, sentences: sentences.default, language: i18n.language, said: said.said, Refused: api.Refused };
}

/** Both languages have the same words with the same gaps, and all that the pages ask for. */
function sameWords({ en, ko }) {
  const gaps = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join();
  lacking("in English alone", Object.keys(en), new Set(Object.keys(ko)));
  lacking("in Korean alone", Object.keys(ko), new Set(Object.keys(en)));
  for (const key of Object.keys(en)) if (ko[key] && gaps(en[key]) !== gaps(ko[key])) faults.push(`${key} has other gaps in Korean`);
  for (const file of files(CONSOLE, ".js").filter((one) => !one.includes("/vendor/"))) {
    for (const [, key] of readFileSync(file, "utf8").matchAll(/\bt\("([\w.]+)"/g)) if (!(key in en)) faults.push(`${path.relative(ROOT, file)} asks for ${key}`);
  }
}

/** The server's words have Korean, and what has Korean is the server's. */
function serverWords({ ko, codes, sentences }) {
  const sources = SOURCES.flatMap((folder) => files(path.join(ROOT, folder), ".rs")).map((file) => [path.relative(ROOT, file), file])
    .filter(([name]) => !/tests?\.rs$|\/tests\//.test(name)).map(([name, file]) => [name, code(file)]);
  const there = codesOf(sources), korean = new Set([...Object.keys(codes.ko), ...Object.keys(NEVER_SEEN)]);
  lacking("no Korean for the code", there, korean);
  lacking("a code that the server does not have", [...korean, ...Object.keys(codes.en)], there);

  const kinds = new Set(sources.filter(([name]) => name.startsWith("src/http")).flatMap(([, text]) => [...text.matchAll(/kind: "(\w+)"|[,{]\s*"([a-z_]+)"\s*,?\s*\)(?!\s*=>)|"(json_invalid)"/g)])
    .map((found) => found[1] ?? found[2] ?? found[3]).filter((kind) => /_error$|_type$|_parsing$|_invalid$|_number$|_rejected$|^missing$|^enum$/.test(kind)));
  lacking("no Korean for the kind of fault", kinds, new Set([...Object.keys(codes.faults), ...NEVER_SEEN_KINDS]));

  const json = readFileSync(path.join(ROOT, PROCESSES), "utf8");
  const all = new Set([...sources.map(([, source]) => source), json].flatMap(texts).map(plain));
  for (const [english, , source] of sentences) if (!all.has(plain(source ?? english))) faults.push(`a sentence that the server does not say: ${english}`);

  const translated = new Set(sentences.map(([english, , source]) => plain(source ?? english)));
  for (const [file, region] of TOLD) {
    const told = (code(path.join(ROOT, file)).match(region) ?? []).flatMap((part) => texts(part.replace(/tracing::\w+!\(.*?\);/gs, ""))).filter((text) => text.split(" ").length > 2);
    if (told.length === 0) faults.push(`${file}: says nothing that is looked for`);
    lacking("no Korean for the sentence", told.map(plain), translated);
  }

  const keys = new Set(Object.keys(ko));
  for (const [file, name, prefix] of ENUMERATIONS) {
    const words = wordsOf(file, name);
    if (words.length === 0) faults.push(`${file}: no ${name}`);
    lacking(`no words for ${name}`, words.map((word) => prefix + word), keys);
  }
  const parts = [...code(path.join(ROOT, "actors/src/health.rs")).matchAll(/(?:component|room)\(\s*"(\w+)"/g)].map(([, name]) => `part.${name}`);
  lacking("no words for the part", parts, keys);
  for (const process of JSON.parse(json)) {
    const { fields, choices } = schemaWords(process.data_schema);
    lacking("no words for the field", [...fields].map((name) => `field.${name}`), keys);
    lacking("no words for the choice", [...choices].map((name) => `choice.${name}`), keys);
    lacking("no words for the defect", [...JSON.stringify(process).matchAll(/"code":"(\w+)"/g)].map(([, name]) => `defect_code.${name}`), keys);
  }
  return there.size;
}

/** What a person reads, in Korean and in English. */
function tried({ language, said, Refused }) {
  const is = (what, wanted) => { if (what !== wanted) faults.push(`says ${JSON.stringify(what)}, not ${JSON.stringify(wanted)}`); };
  const refused = (body, retry) => new Refused(409, body, retry).message;
  const onHold = { code: "EQUIPMENT_ON_HOLD", detail: "x", reason: "sensor t1: 2 of 3 verdicts abnormal since 2025-11-10T00:00:00Z (rule two): Stuck at 7 / 7에 고정됨", since: "2025-11-10T00:00:00Z" };
  language.set("ko");
  is(said("불량 발생 / defect at process 3: WF-1"), "공정 3 불량 발생: WF-1");
  is(said("프린터 이상 / printer does not print: Z-1"), "프린터 이상: Z-1");
  is(said("it is out of paper: refill it"), "용지가 없습니다. 채우세요.");
  is(said("no device works, windows stay unscored until one does: cpu: hung: no answer within 30 s; vulkan:X: device failed: lost"), "동작하는 장치가 없어 판정이 미뤄지고 있습니다: cpu: 멈춤: 30초 안에 응답이 없습니다; vulkan:X: 장치 실패: lost");
  is(said("last value 2.9 <= low 3"), "마지막 값 2.9 ≤ 하한 3");
  is(said("process 3 FAIL: SENSOR_TEMP_FAIL, SENSOR_TOF_FAIL"), "공정 3 불합격: 온도 센서 불량, ToF 센서 불량");
  is(said("nobody knows this"), "nobody knows this");
  is(said(null), "");
  is(said("a label that is printing cannot become failed"), "출력 중 상태의 라벨은 실패로 바꿀 수 없습니다");
  is(refused({ code: "LOT_CLOSED", detail: "the lot is CLOSED: nothing more can be done in it", detail_ko: "LOT가 CLOSED 상태" }), "LOT가 마감 상태여서 더 작업할 수 없습니다");
  is(refused({ code: "DUPLICATE_START", detail: "process 3 was", detail_ko: "공정 3은(는) 이미 착공되었습니다" }), "공정 3은(는) 이미 착공되었습니다");
  is(refused({ code: "DIAGNOSIS_OVER", detail: "이미 종료된 진단입니다. / the diagnosis is over: COMPLETED" }), "이미 종료된 진단입니다");
  is(refused({ code: "UNAVAILABLE", detail: "the database is not available at the moment; try again" }, 3), "데이터베이스를 지금 사용할 수 없습니다. 잠시 뒤 다시 시도하세요.");
  is(refused({ code: "RATE_LIMITED", detail: "more than 60" }, 7), "요청이 너무 많습니다. 7초 뒤에 다시 시도하세요.");
  is(refused({ code: "RATE_LIMITED", detail: "more than 60" }), "요청이 너무 많습니다.");
  is(refused({ code: "PRINTER_OUT_OF_PAPER", detail: "printer", reason: "cover-open" }), "프린터가 출력할 수 없습니다: 헤드 열림. 출력되지 않았으니 해결한 뒤 다시 출력하세요.");
  is(refused({ code: "NEW_ONE", detail: "what is new" }), "what is new");
  is(refused(null), "서버가 409 응답을 보냈습니다");
  is(refused(onHold).includes("센서 t1:") && refused(onHold).includes("3회 중 2회 이상 (규칙 two): 7에 고정됨."), true);
  const fields = new Refused(422, { code: "VALIDATION_ERROR", detail: [{ loc: ["body", "target_quantity"], msg: "must be 1 to 100", type: "value_error" }, { loc: ["body", "rows", 1, "x"], msg: "missing field `x`", type: "missing" }] });
  is(fields.told((name) => ({ target_quantity: "수량" })[name] ?? name), "수량: 1~100이어야 합니다; rows › 2 › x: 값이 필요합니다 (missing field `x`)");
  is(refused({ code: "INVALID_PROCESS_DATA", detail: "x", errors: [{ field: "temp_sensor.measured_temp", message: "must be 59.0 to 61.0 when the result is PASS (is 75)" }] }), "공정 데이터가 올바르지 않습니다: 온도 센서 › 측정 온도: 결과가 합격이면 59.0~61.0이어야 합니다 (현재 값: 75)");
  language.set("en");
  is(said("설비 이상 / equipment abnormal: E-1"), "equipment abnormal: E-1");
  is(said("Stuck at 7 / 7에 고정됨"), "Stuck at 7");
  is(refused({ code: "LOT_FULL", detail: "the lot already has its 3 units", detail_ko: "x" }), "the lot already has its 3 units");
  is(refused({ code: "NOT_FOUND", detail: "환자를 찾을 수 없습니다. / patient not found" }), "patient not found");
  is(refused({ code: "INTERNAL_ERROR", detail: "x", request_id: "a-1" }), "Something failed in the plant. If it does so again, tell an administrator this number: a-1");
}

const modules = await load();
sameWords(modules);
const codes = serverWords(modules);
tried(modules);
for (const fault of faults) console.log(fault);
console.log(`words: ${Object.keys(modules.ko).length} in two languages, ${codes} codes, ${modules.sentences.length} sentences, ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);
