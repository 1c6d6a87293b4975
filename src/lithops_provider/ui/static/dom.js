// Makes elements and words. Whatever comes from a job becomes text here, never markup.

/** Makes an element: h("button", {class: "x", onclick: f, "aria-label": "y"}, "text", child, ...). */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const numbers = new Intl.NumberFormat("en");
const rounded = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export const count = (number) => numbers.format(number);
export const about = (number) => (number >= 1000 ? numbers.format(Math.round(number)) : rounded.format(number));

const dearer = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const cheaper = new Intl.NumberFormat("en", { maximumSignificantDigits: 2, maximumFractionDigits: 12 });

/** An amount of money: with cents, or with two significant digits if it is small: 12.30, 0.0021. */
export const money = (amount) => (amount >= 1 || amount === 0 ? dearer : cheaper).format(amount);

const both = (whole, more) => (more.startsWith("0 ") ? whole : `${whole} ${more}`);

/** Seconds in words that fit a column: 12 ms, 3.4 s, 5 min 2 s, 2 h 3 min, 2 h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds === 0) return "0 s";
  if (seconds < 0.001) return `${rounded.format(seconds * 1e6)} µs`;
  if (seconds < 1) return `${rounded.format(seconds * 1000)} ms`;
  if (seconds < 60) return `${rounded.format(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return both(`${Math.floor(whole / 60)} min`, `${whole % 60} s`);
  const minutes = Math.round(seconds / 60);
  if (minutes < 60 * 48) return both(`${Math.floor(minutes / 60)} h`, `${minutes % 60} min`);
  return `${Math.round(minutes / 1440)} days`;
}

export function bytes(number) {
  if (!number) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = number;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${rounded.format(value)} ${units[unit]}`;
}

export function moment(seconds) {
  if (!seconds) return "–";
  const pad = (number) => String(number).padStart(2, "0");
  const at = new Date(seconds * 1000);
  const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${day} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** The name of a call, its round and number. Lithops's own ids, which its logs have, are in the tooltip. */
export function callName({ round, call }, jobId = null) {
  const title = `Call ${call} of round ${round}` + (jobId ? `. In Lithops's logs: job ${jobId}, call ${String(call).padStart(5, "0")}` : "");
  return h("span", { title }, `${round}/${call}`);
}

/** A name of our own for something that Lithops calls otherwise; Lithops's name is in the tooltip. */
export const named = (name, raw) => h("span", { class: "short", title: `Lithops: ${raw}` }, name);

/** The badge of a state, of a job, an item or a task. */
export function badge(state, text = state) {
  return h("span", { class: `badge state-${state ?? "none"}` }, text ?? "none");
}

/** A box that says what is the matter. */
export function notice(kind, ...children) {
  return h("div", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : null }, ...children);
}
