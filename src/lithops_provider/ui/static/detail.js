// One item: what became of it in each try. All that comes from functions is shown as text.

import { write } from "./address.js";
import { ApiError, copy, getData } from "./airflow.js";
import { badge, bytes, callName, duration, h, moment, notice } from "./dom.js";

export class ItemDetail {
  /** Shows items of `job`, a function that returns {path, parameters}. */
  constructor(job) {
    this.job = job;
    this.content = h("div", { class: "detail-content" });
    this.title = h("h2", { id: "detail-title" });
    const close = h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => this.element.close() }, "×");
    this.element = h(
      "dialog",
      { class: "detail", "aria-labelledby": "detail-title", onclick: (event) => event.target === this.element && this.element.close(), onclose: () => write({ item: null }) },
      h("div", { class: "detail-inner" }, h("header", {}, this.title, close), this.content),
    );
  }

  async open(index) {
    this.title.textContent = `Item ${index}`;
    this.content.replaceChildren(h("p", { class: "quiet" }, "Loading…"));
    if (!this.element.open) this.element.showModal();
    write({ item: index });
    const { path, parameters } = this.job();
    try {
      const item = await getData(`${path}/items/${index}`, parameters);
      this.content.replaceChildren(...this.render(item));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.content.replaceChildren(notice("bad", error.message));
    }
  }

  render(item) {
    const parts = [
      facts([
        ["State", badge(item.state)],
        ["Arguments", item.arguments && h("code", {}, item.arguments)],
        ["Tries", item.tries.length || "none yet"],
      ]),
    ];
    const many = item.tries.length > 1;
    item.tries.forEach((entry, number) => {
      const shown = this.attempt(entry, many ? number + 1 : null);
      const same = sameFailure(entry, item.tries[number + 1]);
      parts.splice(1, 0, same ? h("details", { class: "attempt" }, h("summary", {}, `Try ${number + 1} failed in the same way`), shown) : shown);
    });
    parts.push(this.snippet(item.snippet));
    return parts;
  }

  attempt(entry, number) {
    const { failure, status } = entry;
    const cold = "worker_cold_start" in status ? (status.worker_cold_start ? "yes" : "no") : null;
    return h(
      "section",
      { class: "attempt" },
      number && h("h3", {}, `Try ${number}`),
      facts([
        ["Call", entry.call < 0 ? "found out by the task" : callName(entry, entry.job_id)],
        ["Started", entry.seconds || entry.call >= 0 ? moment(entry.started) : null],
        ["Duration", entry.call >= 0 ? duration(entry.seconds) : null],
        ["Peak memory", entry.peak_memory && bytes(entry.peak_memory)],
        ["Cold start", cold],
        ["Activation", status.activation_id],
        ["Its call took", "worker_start_tstamp" in status && duration(status.worker_end_tstamp - status.worker_start_tstamp)],
      ]),
      failure && text("Failure", failure.text || `${failure.type}: ${failure.message}`, "failure-text"),
      failure?.traceback && text("Traceback", failure.traceback),
      text("Output", entry.output || "It printed nothing.", entry.output ? "" : "quiet"),
      entry.log && h("details", {}, h("summary", {}, "Log of the call's worker"), block(entry.log)),
    );
  }

  snippet(code) {
    const done = h("span", { role: "status", class: "quiet" });
    const button = h(
      "button",
      {
        type: "button",
        onclick: async () => {
          done.textContent = (await copy(code)) ? "Copied." : "This browser doesn't allow it: select the text.";
        },
      },
      "Copy",
    );
    return h(
      "section",
      { class: "attempt" },
      h("h3", {}, "Run it again here"),
      h("p", { class: "quiet" }, "Python that runs this item alone, with the arguments it had, where it can be debugged."),
      block(code),
      h("p", {}, button, " ", done),
    );
  }
}

/** Whether a try failed in the same way as the next one. */
function sameFailure({ failure }, next) {
  return Boolean(failure && next?.failure) && ["type", "message", "traceback"].every((name) => failure[name] === next.failure[name]);
}

function facts(entries) {
  const known = entries.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== "");
  return h("dl", { class: "facts" }, known.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function text(title, content, kind = "") {
  return h("div", {}, h("h4", {}, title), block(content, kind));
}

const block = (content, kind = "") => h("pre", { class: kind, tabindex: 0 }, content);
