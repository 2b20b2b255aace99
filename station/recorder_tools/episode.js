"use strict";

const episode = JSON.parse(document.getElementById("episode").textContent);
const SVG = "http://www.w3.org/2000/svg";
const DRIFT_S = 0.08; // videos that are further than this from the clock are set right
const ROW = 22, GAP = 4, LEFT = 92, AXIS = 16;

const last = episode.length - 1;
const band = document.getElementById("band");
const tracks = document.getElementById("tracks");
const videos = [...document.querySelectorAll("video")];
const runs = runsOf(episode.source);
let frame = 0;
let playing = false;
let clockS = 0;
let heardMs = 0;

/** Return stretches of equal values: [{value, from, to}], `to` exclusive. */
function runsOf(values) {
  const found = [];
  values.forEach((value, at) => {
    const open = found[found.length - 1];
    if (open && open.value === value) open.to = at + 1;
    else found.push({ value, from: at, to: at + 1 });
  });
  return found;
}

function svg(parent, tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

/** Add the patterns that tell commanders apart without colour. */
function patterns(root, prefix) {
  const defs = svg(root, "defs", {});
  for (const kind of episode.sources) {
    const pattern = svg(defs, "pattern", {
      id: prefix + kind.name, width: 8, height: 8, patternUnits: "userSpaceOnUse",
    });
    svg(pattern, "rect", { width: 8, height: 8, fill: kind.colour });
    if (kind.hatch) {
      svg(pattern, "path", { d: kind.hatch, stroke: "rgb(15 23 42 / 45%)", "stroke-width": 1.3, fill: "none" });
    }
  }
}

function drawBand() {
  tracks.replaceChildren();
  const width = band.clientWidth;
  const across = (at) => LEFT + ((width - LEFT) * at) / episode.length;
  patterns(tracks, "band-");
  let top = 0;
  const row = (name) => svg(tracks, "text", { x: 0, y: top + 15, class: "row" }, name);
  row("commands");
  for (const run of runs) {
    const kind = episode.sources[run.value];
    const wide = across(run.to) - across(run.from);
    const place = { x: across(run.from), y: top, width: Math.max(wide, 1), height: ROW };
    const box = svg(tracks, "rect", { ...place, fill: "url(#band-" + kind.name + ")" });
    svg(box, "title", {}, kind.title);
    if (wide > 8 * kind.title.length) {
      const label = { x: place.x + 6, y: top + 3, width: 6.6 * kind.title.length + 6, height: 16, rx: 4, fill: "rgb(255 255 255 / 85%)" };
      svg(tracks, "rect", label);
      svg(tracks, "text", { x: place.x + 10, y: top + 15 }, kind.title);
    }
  }
  top += ROW + GAP;
  for (const mark of episode.marks) {
    row(mark.name);
    svg(tracks, "line", { x1: LEFT, x2: width, y1: top + 11, y2: top + 11, stroke: "#e2e8f0" });
    for (const run of runsOf(mark.on)) {
      if (!run.value) continue;
      svg(tracks, "rect", {
        x: across(run.from), y: top + 5, width: Math.max(across(run.to) - across(run.from), 2), height: 12, rx: 2, fill: mark.colour,
      });
    }
    top += ROW;
  }
  if (episode.events.length) {
    row("said");
    for (const event of episode.events) {
      const x = across(Math.min(event.frame, last));
      const flag = svg(tracks, "path", { d: "M" + x + " " + (top + 3) + "l6 8-6 8-6-8z", fill: "#0f172a" });
      svg(flag, "title", {}, event.text);
    }
    top += ROW;
  }
  drawAxis(across, top);
  tracks.setAttribute("height", top + AXIS);
}

function drawAxis(across, top) {
  const duration = episode.length / episode.fps;
  const step = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300].find((each) => duration / each <= 14) || 600;
  for (let second = 0; second <= duration; second += step) {
    const x = across(second * episode.fps);
    svg(tracks, "line", { x1: x, x2: x, y1: top, y2: top + 4, stroke: "#94a3b8" });
    const nearEnd = x > band.clientWidth - 20;
    svg(tracks, "text", { x: x + (nearEnd ? -3 : 3), y: top + 13, class: "tick", "text-anchor": nearEnd ? "end" : "start" }, second + " s");
  }
}

function drawLegend() {
  const legend = document.getElementById("legend");
  const seen = new Set(episode.source);
  episode.sources.forEach((kind, value) => {
    if (!seen.has(value)) return;
    const item = document.createElement("li");
    const swatch = svg(item, "svg", { "aria-hidden": "true" });
    patterns(swatch, "legend-");
    svg(swatch, "rect", { width: 30, height: 14, fill: "url(#legend-" + kind.name + ")" });
    item.append(kind.title);
    legend.append(item);
  });
  for (const [name, style, colour] of [
    ["measured", "", "--measured"], ["commanded", "dashed", "--command"], ["policy's proposal", "", "--proposed"],
  ]) {
    const item = document.createElement("li");
    const line = document.createElement("i");
    if (style) line.className = style;
    line.style.color = "var(" + colour + ")";
    item.append(line, name);
    legend.append(item);
  }
}

const plots = episode.joints.map((joint, column) => {
  const box = document.createElement("div");
  box.className = "plot";
  const title = document.createElement("b");
  title.textContent = joint.replaceAll("_", " ");
  const values = document.createElement("output");
  const header = document.createElement("header");
  header.append(title, values);
  const area = document.createElement("div");
  area.className = "area";
  const canvas = document.createElement("canvas");
  const needle = document.createElement("div");
  needle.className = "needle";
  area.append(canvas, needle);
  box.append(header, area);
  return { box, area, canvas, needle, values, column };
});

/** Lay the arms side by side, joint by joint. */
function placePlots() {
  const half = Math.ceil(plots.length / 2);
  for (let row = 0; row < half; row += 1) {
    for (const plot of [plots[row], plots[row + half]]) {
      if (plot) document.getElementById("joints").append(plot.box);
    }
  }
}

function drawPlot(plot) {
  const { canvas, column } = plot;
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const lines = [
    [episode.proposed, "--proposed", []], [episode.action, "--command", [5, 3]], [episode.state, "--measured", []],
  ].map(([values, colour, dashes]) => [values.map((row) => row[column]), colour, dashes]);
  const all = lines.flatMap(([values]) => values).filter((value) => value !== null);
  const low = Math.min(...all), high = Math.max(...all);
  const spread = Math.max(high - low, 0.05), middle = (low + high) / 2;
  const across = (at) => (width * (at + 0.5)) / episode.length;
  const up = (value) => height / 2 - ((value - middle) / spread) * (height - 10);
  for (const run of runs) {
    pen.fillStyle = episode.sources[run.value].colour + "33";
    pen.fillRect((width * run.from) / episode.length, 0, (width * (run.to - run.from)) / episode.length, height);
    if (run.from) {
      pen.fillStyle = "#94a3b8";
      pen.fillRect((width * run.from) / episode.length, 0, 1, height);
    }
  }
  const style = getComputedStyle(document.documentElement);
  for (const [values, colour, dashes] of lines) {
    pen.beginPath();
    let down = false;
    values.forEach((value, at) => {
      if (value === null) down = false;
      else if (down) pen.lineTo(across(at), up(value));
      else { pen.moveTo(across(at), up(value)); down = true; }
    });
    pen.setLineDash(dashes);
    pen.lineWidth = 1.5;
    pen.strokeStyle = style.getPropertyValue(colour);
    pen.stroke();
  }
}

/** Where a video shows a frame: its middle, so that rounding never shows a neighbour. */
function videoTime(at) {
  return (at + 0.5) / episode.fps;
}

function seek(video, seconds) {
  if (video.seeking) video.dataset.wanted = seconds;
  else video.currentTime = seconds;
}

function show(at) {
  frame = Math.max(0, Math.min(last, Math.round(at)));
  const kind = episode.sources[episode.source[frame]];
  document.getElementById("clock").value =
    (frame / episode.fps).toFixed(2) + " s of " + (episode.length / episode.fps).toFixed(2) + " s · frame " + frame + " of " + last;
  const on = episode.marks.filter((mark) => mark.on[frame]).map((mark) => mark.name);
  document.getElementById("said").value = [kind.title, ...on].join(" · ");
  const share = (frame + 0.5) / episode.length;
  const width = band.clientWidth;
  band.querySelector(".needle").style.left = LEFT + (width - LEFT) * share + "px";
  band.setAttribute("aria-valuenow", frame);
  band.setAttribute("aria-valuetext", (frame / episode.fps).toFixed(2) + " seconds, " + kind.title);
  for (const plot of plots) {
    plot.needle.style.left = 100 * share + "%";
    plot.values.value = "is " + episode.state[frame][plot.column].toFixed(3) + ", told " + episode.action[frame][plot.column].toFixed(3);
  }
}

function moveTo(at) {
  show(at);
  clockS = frame / episode.fps;
  for (const video of videos) seek(video, videoTime(frame));
}

function tick(nowMs) {
  if (!playing) return;
  clockS += (nowMs - heardMs) / 1000;
  heardMs = nowMs;
  for (const video of videos) {
    if (Math.abs(video.currentTime - clockS) > DRIFT_S && !video.seeking) video.currentTime = clockS;
  }
  show(Math.floor(clockS * episode.fps));
  if (frame >= last) pause();
  else requestAnimationFrame(tick);
}

function play() {
  if (frame >= last) moveTo(0);
  playing = true;
  heardMs = performance.now();
  document.getElementById("play").textContent = "Pause";
  for (const video of videos) video.play().catch(() => {}); // one that cannot be shown holds nobody up
  requestAnimationFrame(tick);
}

function pause() {
  playing = false;
  document.getElementById("play").textContent = "Play";
  for (const video of videos) video.pause();
  moveTo(frame);
}

function scrubbed(element, inset) {
  const at = (event) => {
    const box = element.getBoundingClientRect();
    return ((event.clientX - box.left - inset) / (box.width - inset)) * episode.length - 0.5;
  };
  element.addEventListener("pointerdown", (event) => {
    if (playing) pause();
    element.setPointerCapture(event.pointerId);
    moveTo(at(event));
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) moveTo(at(event));
  });
}

function nextChange(direction) {
  const starts = runs.map((run) => run.from);
  const found = direction > 0 ? starts.find((at) => at > frame) : starts.findLast((at) => at < frame);
  return found === undefined ? (direction > 0 ? last : 0) : found;
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = event.shiftKey ? Math.round(episode.fps) : 1;
  const wanted = {
    ArrowLeft: () => frame - step, ArrowRight: () => frame + step, Home: () => 0, End: () => last,
    "[": () => nextChange(-1), "]": () => nextChange(1),
  }[event.key];
  if (event.key === " ") (playing ? pause : play)();
  else if (wanted) {
    const to = wanted();
    if (playing) pause();
    moveTo(to);
  } else return;
  event.preventDefault();
}

function drawAll() {
  drawBand();
  plots.forEach(drawPlot);
  show(frame);
}

band.setAttribute("aria-valuemin", 0);
band.setAttribute("aria-valuemax", last);
placePlots();
drawLegend();
drawAll();
scrubbed(band, LEFT);
for (const plot of plots) scrubbed(plot.area, 0);
for (const video of videos) {
  video.addEventListener("seeked", () => {
    const wanted = video.dataset.wanted;
    delete video.dataset.wanted;
    if (wanted !== undefined) video.currentTime = Number(wanted);
  });
}
document.getElementById("play").addEventListener("click", (event) => {
  event.currentTarget.blur(); // or Space would press it a second time
  (playing ? pause : play)();
});
for (const button of document.querySelectorAll("[data-frame]")) {
  button.addEventListener("click", () => {
    if (playing) pause();
    moveTo(Number(button.dataset.frame));
  });
}
addEventListener("keydown", pressed);
addEventListener("resize", drawAll);
moveTo(0);
