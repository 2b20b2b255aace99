// Brings the page's parts together.

import { Cameras } from "./cameras.js";
import { Collect, commanderOf } from "./collect.js";
import { at, write } from "./dom.js";
import { Link, token } from "./link.js";
import { Operate } from "./operate.js";
import { Plot } from "./plot.js";
import { StateView, stateOf } from "./state.js";
import { StopButton } from "./stop.js";
import { drawArms, drawAudit, drawDelays, drawMotors, drawPlan, drawProcesses } from "./tables.js";

let state = null;
let you = { role: "nobody", in_control: false, holder: "", wrong: false };

const hearers = {
  about: (about) => {
    you.wrong = about.token === "wrong";
    write(at("robot"), about.title);
    document.title = `Evenhand: ${about.robot}`;
    plot.about(about);
    cameras.about(about);
    collect.about(about);
  },
  you: (said) => (you = { ...said, wrong: you.wrong }),
  state: (said) => {
    state = said;
    stop.hear(said.safety);
    plot.add(said.trace);
    draw();
  },
  motors: drawMotors,
  audit: drawAudit,
  answer: (answer) => {
    stop.answer(answer);
    operate.answer(answer);
  },
};

const link = new Link(
  (kind, content) => hearers[kind]?.(content),
  () => {
    you = { role: "nobody", in_control: false, holder: "", wrong: token() !== "" };
    draw();
  },
);
const stop = new StopButton(link);
const operate = new Operate(link);
const collect = new Collect(operate);
const plot = new Plot();
const cameras = new Cameras();
const view = new StateView((what, more) => operate.ask(what, more));

function draw() {
  const safety = state?.safety ?? null;
  const now = stateOf(safety, link.age);
  stop.tell(now);
  view.draw(safety, link.age, you, link.roundTrip, commanderOf(state));
  operate.draw(now, you, (what) => collect.makesSense(what));
  if (now === "lost") return;
  operate.followSpeed(safety?.speed);
  collect.draw(state, now);
  drawPlan(state.control, now);
  drawArms(state.arms);
  drawProcesses(state.processes);
  drawDelays(state.delays, link.roundTrip);
}

at("download").addEventListener("click", async () => {
  const headers = token() ? { authorization: `Bearer ${token()}` } : {};
  const response = await fetch("/audit", { headers });
  if (!response.ok) return;
  const address = URL.createObjectURL(await response.blob());
  const anchor = Object.assign(document.createElement("a"), { href: address, download: "audit.jsonl" });
  anchor.click();
  URL.revokeObjectURL(address);
});

// The age goes on growing when nothing is heard.
setInterval(draw, 200);
