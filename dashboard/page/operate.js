// What an operator can do, and what was answered.

import { at, show, write } from "./dom.js";
import { Confirmation } from "./confirm.js";

const CODE_S = 10;
// In which states of the robot a button can do something.
const POSSIBLE = {
  arm: ["disarmed"],
  home: ["armed", "running"],
  run: ["armed"],
  pause: ["running"],
  success: ["armed", "running"],
  fail: ["armed", "running"],
  next: ["armed", "running"],
  end: ["disarmed", "armed", "running", "stopped"],
  rest: ["armed", "running", "stopped"],
  off: ["disarmed", "armed"],
  cut: ["disarmed", "testing", "armed", "running", "stopped"],
  takeover: ["running"],
  hand_back: ["armed", "running", "stopped"],
  rewind: ["running"],
  discard: ["disarmed", "testing", "armed", "running", "stopped"],
  undo: ["disarmed", "testing", "armed", "running", "stopped"],
};
const ALWAYS_ALLOWED = new Set(["pause", "rest", "cut"]);

export class Operate {
  constructor(link) {
    this.link = link;
    this.count = 1_000_000; // stops have numbers of their own
    this.asked = new Map();
    this.cut = new Confirmation(at("cut-confirm"), {
      hold: "Hold: let the arms fall",
      digits: "or type",
      act: (code) => this.ask("cut", { event: code }),
    });
    for (const button of document.querySelectorAll("[data-ask]")) {
      const place = button.closest(".panel").querySelector(".answer");
      button.addEventListener("click", () => this.ask(button.dataset.ask, {}, place));
    }
    at("speed").addEventListener("input", () => this.sayAskedSpeed());
    at("speed").addEventListener("change", () => {
      this.ask("speed", { value: Number(at("speed").value) / 100 });
    });
    at("take-button").addEventListener("click", () => this.link.send({ do: "take" }));
    at("token-form").addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem("token", at("token").value.trim());
      at("token").value = "";
      this.link.socket.close();
      this.link.open();
    });
  }

  ask(what, more = {}, place = at("answer")) {
    this.count += 1;
    this.asked.set(this.count, { what, place, ...more });
    const sent = this.link.send({ do: "ask", what, n: this.count, ...more });
    write(place, `${named(what)}: ${sent ? "asked" : "no link"}`);
  }

  answer(answer) {
    const asked = this.asked.get(answer.n);
    if (!asked) return;
    const { what, place } = asked;
    this.asked.delete(answer.n);
    const verdict = answer.accepted ? "done" : "refused";
    write(place, `${named(what)}: ${answer.said || verdict} (${answer.ms.toFixed(0)} ms)`);
    if (what === "cut") this.confirmCut(asked.event ? "" : answer.event);
  }

  // Opens the second step for the code that the first was answered with; closes it without one.
  confirmCut(code) {
    clearInterval(this.cutting);
    const open = /^\d{4}$/.test(code);
    show(at("cut-second"), open);
    this.cut.enable(open, code);
    if (!open) return;
    at("cut-second").scrollIntoView({ block: "nearest" });
    let left = CODE_S;
    write(at("cut-left"), String(left));
    this.cutting = setInterval(() => {
      left -= 1;
      write(at("cut-left"), String(left));
      if (left <= 0) this.confirmCut("");
    }, 1000);
  }

  draw(state, you, makesSense) {
    const operates = you.role === "operator";
    for (const button of document.querySelectorAll("[data-ask]")) {
      const what = button.dataset.ask;
      const allowed = operates && (you.in_control || ALWAYS_ALLOWED.has(what));
      const possible = allowed && POSSIBLE[what].includes(state) && makesSense(what);
      if (button.disabled === possible) button.disabled = !possible;
    }
    document.querySelector("[data-note]").disabled = !(operates && you.in_control);
    at("speed").disabled = !(operates && you.in_control);
    show(at("token-form"), !operates);
    show(at("take"), operates && !you.in_control);
    write(at("role"), roleText(you));
  }

  followSpeed(speed) {
    if (document.activeElement === at("speed") || speed == null) return;
    at("speed").value = String(Math.round(speed * 100));
    this.sayAskedSpeed();
  }

  sayAskedSpeed() {
    write(at("speed-asked"), `${at("speed").value} %`);
  }
}

const named = (what) => what.replace("_", " ");

function roleText(you) {
  if (you.wrong) return "That token is not the right one. You may look and stop.";
  if (you.role !== "operator") return "You may look and stop.";
  if (you.in_control) return "You are the operator in control.";
  return you.holder ? `Another operator (${you.holder}) has control.` : "Nobody has control.";
}
