// The banner and the latch: which state the robot is in, and why it does not move.

import { at, fixed, listed, made, mark, show, write } from "./dom.js";
import { Confirmation } from "./confirm.js";

export const LOST_MS = 1000;
const SILENT_MS = 1000; // of the safety process
const WORDS = {
  disarmed: ["DISARMED", "Nothing may move. Arm to test the stop path and go on."],
  testing: ["SELF-TEST", "The stop path is being tried."],
  armed: ["ARMED", "May go to its poses. Run lets the policy or a person command."],
  running: ["RUNNING", "Keep clear of the arms."],
  stopped: ["STOPPED", "Nothing may move until the stop is reset."],
};
const COMMANDERS = { policy: "policy", person: "person", home: "station", rest: "station" };
const SAID = {
  policy: "The policy commands.",
  person: "A person commands.",
  hold: "Nobody commands, the arms hold.",
  home: "The arms go home.",
  rest: "The arms go to rest.",
};

// The state to show: what is old or unknown is never shown as good.
export function stateOf(safety, age) {
  if (age > LOST_MS || age === Infinity) return "lost";
  if (!safety || safety.age_ms + age > SILENT_MS) return "silent";
  return safety.phase;
}

export class StateView {
  constructor(ask) {
    this.reset = new Confirmation(at("reset"), {
      hold: "Hold to reset",
      digits: "or type the event’s number",
      act: (event) => ask("reset", { event }),
    });
  }

  draw(safety, age, you, roundTrip, commander) {
    const state = stateOf(safety, age);
    mark(document.body, "state", state);
    const icon = state === "silent" ? "lost" : state;
    const use = at("state-icon").firstElementChild;
    if (use.getAttribute("href") !== `#icon-${icon}`) use.setAttribute("href", `#icon-${icon}`);
    const [word, said] = this.words(state, safety, commander);
    write(at("state-word"), word);
    write(at("state-said"), said);
    const seconds = age === Infinity ? "never heard" : `${(age / 1000).toFixed(1)} s`;
    write(at("age"), seconds);
    write(at("round-trip"), state === "lost" ? "lost" : `${fixed(roundTrip, 0)} ms`);
    if (state === "lost") return;
    write(at("commander"), (safety?.commander && COMMANDERS[commander]) || "nobody");
    write(at("speed-now"), safety ? `${Math.round(safety.speed * 100)} %` : "–");
    this.drawLatch(safety, you);
    this.drawWarnings(safety);
  }

  words(state, safety, commander) {
    if (state === "lost") return ["NO LINK", "What this page shows is old. To stop the arms, use the 12 V switch."];
    if (state === "silent") return ["SAFETY SILENT", "Without its permit the arms stop by themselves."];
    const [word, said] = WORDS[state];
    if (state === "stopped") return [`${word} ${safety.event}`, safety.causes[0] ?? said];
    if (state === "running") return [word, passes(safety)[0] ?? `${SAID[commander] ?? ""} ${said}`.trim()];
    return [word, safety.note || said];
  }

  drawLatch(safety, you) {
    const event = safety?.event ?? "";
    show(at("latch"), Boolean(event));
    if (!event) return;
    write(at("event"), event);
    write(at("first-cause"), safety.causes[0] ?? "The cause is not known.");
    const more = safety.causes.slice(1);
    show(at("more-causes"), more.length > 0);
    items(at("more-causes"), more);
    write(at("stopped-at"), safety.stopped_at.replace("T", " ").slice(0, 19));
    write(at("stopped-by"), safety.by || "itself");
    const why = this.hindrance(safety, you);
    show(at("blocked"), Boolean(why));
    write(at("blocked"), why);
    show(at("persisting"), safety.persisting.length > 0);
    items(at("persisting"), safety.persisting);
    this.reset.enable(!why, event);
  }

  hindrance(safety, you) {
    if (safety.persisting.length) return "Reset is not possible while this persists:";
    if (you.role !== "operator") return "Reset needs an operator: sign in with the token.";
    if (!you.in_control) return "Reset is for the browser that has control: take it over first.";
    return "";
  }

  drawWarnings(safety) {
    const warnings = safety?.warnings ?? [];
    // While stopped, the latch tells what hinders.
    const starts = safety && !safety.event && safety.phase !== "running";
    const hindering = starts ? safety.persisting : [];
    const passing = passes(safety);
    show(at("warnings"), warnings.length + hindering.length + passing.length > 0);
    write(at("warnings-title"), hindering.length ? "Arming has to wait for" : passing.length ? "Holds, and goes on by itself" : "Look after");
    items(at("warnings-list"), [...hindering, ...passing, ...warnings]);
  }
}

/** What keeps the robot from going on, and passes by itself. */
function passes(safety) {
  return safety ? [...safety.holds, ...safety.waits] : [];
}

function items(list, texts) {
  listed(list, texts, () => made("li"), write);
}
