// The stop: by pointer, touch, Space and Escape; told as sent, then as confirmed or not.

import { at, both, mark, write } from "./dom.js";
import { token } from "./link.js";

const CONFIRM_MS = 300;
const START_MS = 1500; // until the first word may have come
const SAME_PRESS_MS = 1000; // a click follows its pointer
const KEYS = new Set([" ", "Escape"]);

export class StopButton {
  constructor(link) {
    this.link = link;
    this.pressedAt = null; // until the stop is confirmed
    this.pointerAt = -Infinity;
    this.safety = null;
    this.count = 0;
    const button = at("stop");
    button.addEventListener("pointerdown", () => {
      this.pointerAt = performance.now();
      this.press();
    });
    // Enter and screen readers click without a pointer.
    at("stop-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (performance.now() - this.pointerAt > SAME_PRESS_MS) this.press();
    });
    addEventListener("keydown", (event) => this.key(event), true);
    addEventListener("keyup", (event) => KEYS.has(event.key) && event.preventDefault(), true);
  }

  key(event) {
    if (!KEYS.has(event.key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) this.press();
  }

  press() {
    this.pressedAt = performance.now();
    this.safety = null;
    this.answered = false;
    this.count += 1;
    this.tell();
    mark(at("stop"), "pressed", String(this.count));
    if (!this.link.send({ do: "stop", n: this.count })) this.post();
    setTimeout(() => {
      if (this.pressedAt !== null && !this.answered) this.post();
      this.tell();
    }, CONFIRM_MS);
  }

  answer(answer) {
    if (answer.n === this.count && answer.accepted) this.answered = true;
  }

  hear(safety) {
    this.safety = safety;
    // Arms on their way to rest confirm nothing.
    const confirmed = safety?.event && safety.motion === "none" && !safety.awaited.length;
    // Somebody armed anew: the press is history.
    if (confirmed || safety?.phase === "testing") this.pressedAt = null;
    this.tell();
  }

  post() {
    const headers = { accept: "application/json" };
    if (token()) headers.authorization = `Bearer ${token()}`;
    fetch("/stop", { method: "POST", headers }).then(
      (response) => (this.answered ||= response.ok),
      () => {}, // the time without confirmation says it
    );
  }

  // `state` is what the page shows: of old news nothing is said to be confirmed.
  tell(state = this.state) {
    this.state = state;
    const [mood, text] = this.told();
    mark(at("stop-told"), "mood", mood);
    write(at("stop-told"), text);
  }

  told() {
    const waited = this.pressedAt === null ? null : performance.now() - this.pressedAt;
    const late = waited !== null && waited > CONFIRM_MS;
    const heard = !["lost", "silent"].includes(this.state);
    const stands = this.safety?.motion === "none";
    if (this.safety?.event && heard && (stands || waited === null)) return confirmation(this.safety, late);
    if (late) return ["bad", "NOT CONFIRMED: USE THE 12 V SWITCH"];
    if (waited !== null) return ["sent", "STOP SENT"];
    const known = heard || performance.now() < START_MS;
    return known ? ["none", ""] : ["bad", "This button may not reach the robot: USE THE 12 V SWITCH"];
  }
}

function confirmation({ motion, stop, awaited, overdue, confirmed_ms: confirmed }, late) {
  if (overdue.length || (late && awaited.length)) {
    return ["bad", `NOT CONFIRMED by ${both(awaited)} arm: USE THE 12 V SWITCH`];
  }
  if (awaited.length) return ["sent", `STOP SENT, waiting for ${both(awaited)} arm`];
  if (motion !== "none") return ["sent", "GOING TO REST"];
  const done = stop === "cut" ? "TORQUE OFF" : "HOLDING";
  const arms = Object.keys(confirmed);
  if (!arms.length) return ["held", done];
  const took = Math.max(...Object.values(confirmed));
  return ["held", `${done}, confirmed by ${both(arms)} arm, ${took.toFixed(0)} ms`];
}
