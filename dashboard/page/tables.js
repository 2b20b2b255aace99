// The plan, the arms, the processes, the delays, the motors and the audit, in words and numbers.

import { at, fixed, listed, made, mark, write } from "./dom.js";

const FULL_RUNWAY_S = 1;
const SHORT_RUNWAY_S = 0.15;
const LATE_MS = 1; // worth a look in a control loop
const SLOW_HEARD_MS = 200;
const WARM_C = 60;
const HOT_C = 65;
const LOW_V = 11;
const CAMERA_TROUBLE = /^(STALE|FROZEN|LOST)/;
const MARKS = { ok: "●", starting: "◐", warn: "▲", bad: "■" };

export function drawPlan(control, state) {
  const runs = state === "running" && control?.mode === "run";
  const runway = control?.runway_s ?? 0;
  mark(at("runway"), "mood", !runs ? "none" : runway < SHORT_RUNWAY_S ? "bad" : "ok");
  at("runway").style.setProperty("--full", String(Math.min(runway / FULL_RUNWAY_S, 1)));
  at("runway").setAttribute("aria-valuenow", runway.toFixed(2));
  write(at("runway-text"), control ? `runway ${runway.toFixed(2)} s` : "no word from the controller");
  if (!control) return;
  const { counters } = control;
  const counted = (start) => Object.entries(counters)
    .filter(([name]) => name.startsWith(start)).reduce((sum, [, count]) => sum + count, 0);
  const facts = [
    ["mode", control.mode],
    ["plan clock", `${fixed(control.rate, 2)} ×`],
    ["chunks", String(control.chunks)],
    ["dropped", String(counted("dropped."))],
    ["limits", String(counted("limit."))],
    ["disagreement", `${fixed(control.disagreement_rad * 1000, 1)} mrad`],
    ["jerk", `${fixed(control.jerk, 0)} rad/s³`],
    ["starved", `${fixed(control.starved_s, 2)} s`],
    ["blocked", `${fixed(control.blocked_s, 2)} s`],
  ];
  listed(at("facts"), facts, () => made("div", {}, made("dt"), made("dd")), (row, [name, value]) => {
    write(row.firstElementChild, name);
    write(row.lastElementChild, value);
  });
}

export function drawArms(arms) {
  listed(at("arm-list"), Object.entries(arms), () => made("li", {}, made("span"), made("span")), (row, [name, arm]) => {
    const [mood, text] = armSaid(arm);
    mark(row, "mood", mood);
    write(row.firstElementChild, `${MARKS[mood]} ${name}`);
    write(row.lastElementChild, text);
  });
}

function armSaid(arm) {
  if (!arm) return ["bad", "not heard"];
  const torque = arm.torque === "on" ? "" : `; torque ${arm.torque}`;
  if (arm.errors.length) return ["bad", arm.errors.join("; ") + torque];
  if (arm.warnings.length) return ["warn", arm.warnings.join("; ") + torque];
  if (arm.holding) return ["ok", `holds: ${arm.holding}${torque}`];
  return ["ok", `${arm.frozen ? "stands" : "follows commands"}${torque}`];
}

export function drawProcesses(processes) {
  const cells = () => made("tr", {}, made("th", { scope: "row" }), ...Array.from({ length: 6 }, () => made("td")));
  listed(at("process-rows"), processes, cells, (row, process) => {
    const mood = processMood(process);
    mark(row, "mood", mood);
    const said = [
      process.name, `${MARKS[mood]} ${process.state}`, fixed(process.rate_hz, 1), fixed(process.late_ms, 2),
      fixed(process.age_ms, 0), fixed(process.silent_ms, 0), process.note ?? "",
    ];
    said.forEach((text, place) => write(row.children[place], text));
  });
}

function processMood(process) {
  if (process.state === "absent" || process.state === "silent") return "bad";
  if (CAMERA_TROUBLE.test(process.note)) return "bad";
  if (process.state === "starting") return "starting";
  const late = process.name === "controller" && process.late_ms > LATE_MS;
  return late || process.silent_ms > SLOW_HEARD_MS ? "warn" : "ok";
}

export function drawDelays(delays, roundTrip) {
  const rows = [...delays, ["this page and back", roundTrip, null]];
  const cells = () => made("tr", {}, made("th", { scope: "row" }), made("td"), made("td"));
  listed(at("delay-rows"), rows, cells, (row, [name, newest, worst]) => {
    write(row.children[0], name);
    write(row.children[1], fixed(newest, 1));
    write(row.children[2], fixed(worst, 1));
  });
}

const HEADINGS = ["motor", "position", "rad", "A", "°C", "V", "errors"];

export function drawMotors(arms) {
  listed(at("motor-tables"), Object.entries(arms), motorTable, (table, [name, { rows }]) => {
    write(table.querySelector("caption"), `${name.replace("_", " ")} arm`);
    listed(table.querySelector("tbody"), rows, motorRow, fillMotor);
  });
}

function motorTable() {
  const head = made("tr", {}, ...HEADINGS.map((text) => made("th", { scope: "col", textContent: text })));
  return made("table", {}, made("caption"), made("thead", {}, head), made("tbody"));
}

function motorRow() {
  const bar = made("td", {}, made("i", { className: "range" }));
  return made("tr", {}, made("th", { scope: "row" }), bar, ...Array.from({ length: 5 }, () => made("td")));
}

function fillMotor(row, [name, position, lower, upper, current, mostCurrent, temperature, voltage, error]) {
  const place = (position - lower) / (upper - lower);
  const outside = place < 0 || place > 1;
  const hot = temperature >= HOT_C;
  const heavy = mostCurrent != null && current > 0.8 * mostCurrent;
  mark(row, "mood", error || outside || hot ? "bad" : heavy || temperature >= WARM_C || voltage < LOW_V ? "warn" : "ok");
  write(row.children[0], name);
  row.children[1].firstElementChild.style.setProperty("--at", String(Math.min(Math.max(place, 0), 1)));
  const errors = [error, outside && "outside its range", hot && "too hot"].filter(Boolean).join("; ");
  [fixed(position, 2), fixed(current, 2), fixed(temperature, 0), fixed(voltage, 1), errors || "none"]
    .forEach((text, index) => write(row.children[index + 2], text));
}

export function drawAudit(lines) {
  const row = () => made("li", {}, made("time"), made("span"));
  listed(at("audit-lines"), [...lines].reverse(), row, (item, entry) => {
    write(item.firstElementChild, String(entry.at ?? "").slice(11, 19));
    write(item.lastElementChild, auditSaid(entry));
  });
}

function auditSaid({ damaged, who, what, said, before, after, event }) {
  if (damaged !== undefined) return `damaged line: ${damaged}`;
  const change = before === after ? "" : ` (${before} → ${after}${event ? ` ${event}` : ""})`;
  return `${who}: ${what}${said ? `, ${said}` : ""}${change}`;
}
