// Why a job failed: how many items succeeded and had to, and the failures by type and place, with a traceback of each.

import { ApiError, getData } from "./airflow.js";
import { count, h } from "./dom.js";

/** How many items of a group have a button. */
const NAMED = 8;

export class WhyCard {
  /** Explains the failures of `job`, a function that returns {path, parameters}; `open(index)` shows an item. */
  constructor(job, open) {
    this.job = job;
    this.open = open;
    this.shown = null;
    this.element = h("section", { class: "card why", "aria-labelledby": "why-title", hidden: true });
  }

  /** Shows the server's answer. It is made anew only when that has changed, since a user may be reading a traceback. */
  show(why) {
    const now = JSON.stringify(why ?? null);
    if (now === this.shown) return;
    this.shown = now;
    this.element.hidden = !why;
    if (!why) return;
    this.element.replaceChildren(
      h("h2", { id: "why-title" }, why.text),
      ...(why.reason ? [h("p", {}, why.reason)] : []),
      ...(why.unfinished ? [h("p", {}, `${count(why.unfinished)} items have no outcome: they were not run, or not to their end.`)] : []),
      ...why.groups.map((group) => this.group(group)),
      ...(why.more ? [h("p", { class: "quiet" }, `${count(why.more)} more kinds of failures: see the items below.`)] : []),
    );
  }

  group(group) {
    const named = group.items.slice(0, NAMED);
    const more = group.count - named.length;
    const trace = h("details", {}, h("summary", {}, `Traceback of item ${group.items[0]}`));
    trace.addEventListener("toggle", () => this.load(trace, group.items[0]), { once: true });
    return h(
      "div",
      { class: "group" },
      h("h3", {}, h("b", { class: "failed" }, group.type), ` × ${count(group.count)}`, group.place && h("small", { title: group.place }, `at ${short(group.place)}`)),
      h("p", { class: "message" }, group.message),
      h(
        "p",
        { class: "links" },
        group.count > 1 ? "Items " : "Item ",
        ...named.map((index) =>
          h("button", { type: "button", class: "link", "aria-label": `Show item ${index}, which failed`, onclick: () => this.open(index) }, String(index)),
        ),
        more > 0 && ` and ${count(more)} more`,
      ),
      trace,
    );
  }

  async load(trace, index) {
    const content = h("pre", { tabindex: 0 }, "Loading…");
    trace.append(content);
    const { path, parameters } = this.job();
    try {
      const item = await getData(`${path}/items/${index}`, parameters);
      content.textContent = item.tries.at(-1)?.failure?.traceback || "There is no traceback.";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      content.textContent = error.status === 403 ? "Tracebacks need the right to read this DAG's task logs." : error.message;
    }
  }
}

/** A place without its folders. */
const short = (place) => place.slice(place.lastIndexOf("/") + 1);
