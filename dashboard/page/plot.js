// A lane for each joint of the chosen arm: what it was told, and where it was.

import { at, made } from "./dom.js";

const SPAN_MS = 20_000;
const LEAST_SPAN = 0.2; // rad from bottom to top of a lane
const NAME_WIDTH = 96;
const VALUE_WIDTH = 92;
const FONT_SIZE = "12.5px";
const LANE_HEIGHT = 46;

export class Plot {
  constructor() {
    this.samples = [];
    this.joints = [];
    this.arm = "";
    this.canvas = at("plot");
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  about({ arms, joints }) {
    this.joints = joints;
    this.arm ||= arms[0] ?? "";
    at("arms").replaceChildren(...arms.map((arm) => {
      const button = made("button", { type: "button", textContent: arm });
      button.addEventListener("click", () => this.choose(arm));
      return button;
    }));
    this.choose(this.arm);
  }

  choose(arm) {
    this.arm = arm;
    for (const button of at("arms").children) {
      button.setAttribute("aria-pressed", String(button.textContent === arm));
    }
    this.draw();
  }

  add(samples) {
    if (!samples.length) return;
    this.samples.push(...samples);
    const oldest = samples[samples.length - 1][0] - SPAN_MS;
    const first = this.samples.findIndex(([time]) => time >= oldest);
    this.samples.splice(0, first);
    this.draw();
  }

  draw() {
    const lanes = this.joints.flatMap((joint, place) => (joint.startsWith(`${this.arm}_`) ? [place] : []));
    const { canvas } = this;
    const scale = devicePixelRatio;
    const width = canvas.clientWidth;
    const height = lanes.length * LANE_HEIGHT;
    if (!width || !height) return;
    canvas.style.setProperty("height", `${height}px`);
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const colours = getComputedStyle(canvas);
    lanes.forEach((joint, lane) => this.drawLane(context, colours, joint, lane * LANE_HEIGHT, width));
  }

  drawLane(context, colours, joint, top, width) {
    const ink = (name) => colours.getPropertyValue(name);
    const left = NAME_WIDTH;
    const right = width - VALUE_WIDTH;
    context.strokeStyle = ink("--line");
    context.lineWidth = 1;
    context.strokeRect(left + 0.5, top + 3.5, right - left - 1, LANE_HEIGHT - 7);
    context.font = `${FONT_SIZE} ${colours.fontFamily}`;
    context.textBaseline = "middle";
    const middle = top + LANE_HEIGHT / 2;
    context.fillStyle = ink("--ink");
    context.fillText(this.joints[joint].slice(this.arm.length + 1).replace("_", " "), 0, middle);
    if (!this.samples.length) return;
    const last = this.samples[this.samples.length - 1];
    const values = this.samples.flatMap(([, command, position]) => [command[joint], position[joint]])
      .filter((value) => value !== null);
    const centre = (Math.min(...values) + Math.max(...values)) / 2;
    const span = Math.max(Math.max(...values) - Math.min(...values), LEAST_SPAN);
    const x = (time) => right - 2 - ((last[0] - time) / SPAN_MS) * (right - left - 4);
    const y = (value) => middle - ((value - centre) / span) * (LANE_HEIGHT - 13);
    this.drawLine(context, joint, 2, x, y, ink("--measured"), 3);
    this.drawLine(context, joint, 1, x, y, ink("--commanded"), 1.25);
    const told = [last[1][joint], last[2][joint]].map((value) => (value === null ? "–" : value.toFixed(2)));
    context.textAlign = "right";
    context.fillStyle = ink("--commanded");
    context.fillText(told[0], width - 46, middle);
    context.fillStyle = ink("--measured-text");
    context.fillText(told[1], width - 2, middle);
    context.textAlign = "left";
  }

  drawLine(context, joint, which, x, y, colour, width) {
    context.beginPath();
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.lineJoin = "round";
    for (const sample of this.samples) {
      const value = sample[which][joint];
      if (value !== null) context.lineTo(x(sample[0]), y(value));
    }
    context.stroke();
  }
}
