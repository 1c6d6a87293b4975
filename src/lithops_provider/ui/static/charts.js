// The timeline of calls and the histogram of durations. The server has aggregated both: a few thousand marks at most.

import { count, duration, h, s } from "./dom.js";

const ROW = 8;
const LINE = 13;
const LABELS = 64;

/** Steps of an axis, in seconds, that are easy to read as minutes and hours. */
const STEPS = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** The smallest such step that fits at most `most` times. */
function step(length, most, { seconds = false } = {}) {
  const least = length / most;
  if (seconds && least > 10) return STEPS.find((one) => one >= least) ?? 86400 * Math.ceil(least / 86400);
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((one) => one * power >= least * 0.999);
}

/** Draws into a box and again whenever its width changes; `draw` gets the width and returns an element. */
export function responsive(box, draw) {
  let drawn = 0;
  const render = () => {
    const width = Math.floor(box.clientWidth);
    if (width > 0 && width !== drawn) {
      drawn = width;
      box.replaceChildren(draw(width));
    }
  };
  const observer = new ResizeObserver(render);
  observer.observe(box);
  render();
  return () => observer.disconnect();
}

/** Returns the timeline: a row for each call, or for some neighbouring ones. */
export function timeline(data, width) {
  const { rows, columns } = data;
  const length = data.end - data.begin;
  const plot = width - LABELS - 8;
  const row = Math.max(ROW, Math.min(26, Math.floor(160 / rows.length)));
  const labelled = Math.ceil(LINE / row);
  const bars = row - (row > 12 ? 4 : 2);
  const height = rows.length * row + 22;
  const x = (seconds) => LABELS + (seconds / length) * plot;
  const failed = rows.reduce((sum, entry) => sum + entry.failed, 0);
  const svg = s("svg", {
    class: "chart",
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `Timeline of ${count(data.calls)} calls over ${duration(length)}; ${count(failed)} items failed`,
  });
  const every = step(length, Math.max(2, Math.min(6, Math.floor(plot / 80))), { seconds: true });
  for (let tick = 0; tick * every <= length; tick += 1) {
    const at = x(tick * every);
    const anchor = tick === 0 ? "start" : at > width - 30 ? "end" : "middle";
    svg.append(
      s("line", { class: "grid", x1: at, x2: at, y1: 0, y2: rows.length * row }),
      s("text", { class: "tick", x: at, y: height - 6, "text-anchor": anchor }, duration(tick * every)),
    );
  }
  rows.forEach((entry, number) => {
    const top = number * row + 2;
    const what = `${entry.label.includes("-") ? "Calls" : "Call"} ${entry.label}: ${count(entry.done)} items`;
    const times = `${duration(entry.begin)} to ${duration(entry.end)}`;
    const group = s("g", {}, s("title", {}, `${what}, ${count(entry.failed)} failed, ${times}`));
    if (number % labelled === 0) {
      group.append(s("text", { class: "tick", x: LABELS - 6, y: top + row / 2 + 2, "text-anchor": "end" }, entry.label));
    }
    group.append(
      s("rect", {
        class: "track",
        x: x(entry.begin),
        y: top,
        width: Math.max(x(entry.end) - x(entry.begin), 1),
        height: bars,
        rx: 2,
      }),
    );
    const bar = (from, to, wrong, strength) =>
      group.append(
        s("rect", {
          class: wrong ? "bar failed" : "bar succeeded",
          x: from,
          y: top,
          width: Math.max(to - from, 1),
          height: bars,
          rx: to - from > 6 ? 2 : 0,
          "fill-opacity": strength,
        }),
      );
    if (entry.spans) {
      for (const [at, seconds, wrong] of entry.spans) {
        const right = x(at + seconds);
        bar(x(at), Math.max(right - 1, x(at) + 1), wrong, 0.9);
      }
    } else {
      cells(entry.cells, (from, to, wrong, level) => {
        bar(LABELS + (plot * from) / columns, LABELS + (plot * to) / columns, wrong, 0.35 + 0.07 * level);
      });
    }
    svg.append(group);
  });
  return svg;
}

/** Calls back for each run of equal cells. jobs/view/charts.py says what they are: digits, letters where an item failed, spaces. */
function cells(text, each) {
  let from = 0;
  while (from < text.length) {
    let to = from + 1;
    while (to < text.length && text[to] === text[from]) to += 1;
    const code = text.charCodeAt(from);
    if (code >= 65) each(from, to, true, code - 65);
    else if (code >= 48) each(from, to, false, code - 48);
    from = to;
  }
}

/** Returns the histogram of the items' durations. */
export function histogram(data, width) {
  const { edges, succeeded, failed } = data;
  const height = 180;
  const left = 48;
  const bottom = 22;
  const plot = width - left - 8;
  const tall = height - bottom - 10;
  const highest = Math.max(...succeeded.map((number, bar) => number + failed[bar]));
  const svg = s("svg", {
    class: "chart",
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label":
      `Histogram of durations, from ${duration(edges[0])} to ${duration(edges.at(-1))}; ` +
      `half of the items took at most ${duration(data.median)}`,
  });
  const every = Math.max(step(highest, 5), 1);
  for (let tick = 0; tick * every <= highest; tick += 1) {
    const y = 10 + tall * (1 - (tick * every) / highest);
    svg.append(
      s("line", { class: "grid", x1: left, x2: width - 8, y1: y, y2: y }),
      s("text", { class: "tick", x: left - 6, y: y + 4, "text-anchor": "end" }, count(tick * every)),
    );
  }
  const wide = plot / succeeded.length;
  succeeded.forEach((good, bar) => {
    const bad = failed[bar];
    const range = `${duration(edges[bar])} to ${duration(edges[bar + 1])}`;
    const group = s("g", {}, s("title", {}, `${range}: ${count(good)} succeeded, ${count(bad)} failed`));
    let y = 10 + tall;
    for (const [kind, number] of [["succeeded", good], ["failed", bad]]) {
      if (!number) continue;
      const part = Math.max((number / highest) * tall, 1.5);
      y -= part;
      const x = left + bar * wide + 1;
      group.append(s("rect", { class: `bar ${kind}`, x, y, width: Math.max(wide - 2, 1), height: part }));
    }
    svg.append(group);
  });
  const shown = [0, Math.floor(succeeded.length / 2), succeeded.length];
  for (const edge of new Set(shown)) {
    const anchor = edge === 0 ? "start" : edge === succeeded.length ? "end" : "middle";
    const x = left + edge * wide;
    svg.append(s("text", { class: "tick", x, y: height - 6, "text-anchor": anchor }, duration(edges[edge])));
  }
  return svg;
}

/** The timeline's numbers as a table, for users who can't see the chart. */
export function timelineTable(data) {
  const head = ["Calls", "Begin", "End", "Items", "Failed"].map((name) => h("th", { scope: "col" }, name));
  const rows = data.rows.map((row) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, row.label),
      h("td", {}, duration(row.begin)),
      h("td", {}, duration(row.end)),
      h("td", {}, count(row.done)),
      h("td", {}, count(row.failed)),
    ),
  );
  return h("table", { class: "plain" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows));
}
