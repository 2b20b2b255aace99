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
