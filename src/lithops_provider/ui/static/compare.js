// Two runs of the same task side by side, by their summaries: how long they took, what failed, what they cost.

import { ApiError, getData, jobPage, openInAirflow } from "./airflow.js";
import { read, write } from "./address.js";
import { about, bytes, count, duration, h, moment, money, notice } from "./dom.js";

const longest = (summary) => summary.slowest?.[0]?.[1];
/** What is compared: a name, how to find it in a summary, how to write it, and whether less is better. */
const ROWS = [
  ["Items", (summary) => summary.items, count, null],
  ["Failed", (summary) => summary.failed, count, true],
  ["From the cache", (summary) => summary.cached ?? 0, count, null],
  ["Without an outcome", (summary) => summary.unfinished ?? 0, count, true],
  ["Sent again", (summary) => summary.retried ?? 0, count, true],
  ["Calls", (summary) => summary.calls, count, null],
  ["Took", (summary) => summary.wall_seconds, duration, true],
  ["Compute time", (summary) => summary.compute_seconds, duration, true],
  ["Slowest item", longest, duration, true],
  ["Peak memory", (summary) => summary.peak_memory, bytes, true],
  ["GB-seconds", (summary) => summary.gb_seconds, about, true],
  ["Cost, estimated", (summary) => summary.cost?.estimate, money, true],
];

export class CompareCard {
  /** Compares runs of `task`. `job` returns the {path, parameters} of the task's data. */
  constructor(task, job) {
    this.task = task;
    this.job = job;
    this.rows = null;
    this.choice = h("select", { "aria-label": "Run to compare with", onchange: () => this.choose(this.choice.value) });
    this.table = h("div", { class: "scroll" });
    this.details = h("details", {}, h("summary", {}, "Compare with another run of this task"), h("p", {}, this.choice), this.table);
    this.details.addEventListener("toggle", () => this.details.open && this.load());
    this.element = h("section", { class: "card", "aria-label": "Comparison" }, this.details);
    this.details.open = read().has("compare");
  }

  async load() {
    if (this.rows) return;
    const { path, parameters } = this.job();
    try {
      ({ rows: this.rows } = await getData(`${path}/runs`, parameters));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.table.replaceChildren(notice("bad", error.message));
      return;
    }
    const others = this.rows.filter((row) => row.task.run_id !== this.task.run_id);
    this.choice.replaceChildren(
      h("option", { value: "" }, others.length ? "Choose a run" : "There is no other run with jobs"),
      ...others.map((row) => h("option", { value: row.task.run_id }, `${row.task.run_id} (${row.task.state ?? "none"})`)),
    );
    const asked = read().get("compare");
    if (others.some((row) => row.task.run_id === asked)) {
      this.choice.value = asked;
      this.show(asked);
    }
  }

  /** Shows the same runs anew, in another phase. */
  again() {
    if (this.rows) this.show(this.choice.value);
  }

  choose(run) {
    write({ compare: run });
    this.show(run);
  }

  show(run) {
    const [mine, other] = [this.task.run_id, run].map((id) => this.rows.find((row) => row.task.run_id === id));
    if (!mine || !other) return this.table.replaceChildren();
    const phase = this.job().parameters.phase ?? Object.keys(mine.jobs).at(-1);
    const [a, b] = [mine, other].map((row) => row.summaries[phase]);
    if (!a || !b) {
      const which = a ? "That run" : b ? "This run" : "Neither run";
      return this.table.replaceChildren(h("p", { class: "quiet" }, `${which} has ${a || b ? "no" : "a"} summary of its job: it has one once its task has waited for its end.`));
    }
    const url = jobPage(other.task, phase);
    const link = h("a", { href: String(url), onclick: (event) => (event.preventDefault(), openInAirflow(url)) }, moment(other.jobs[phase].created));
    const heads = ["", `This run, ${moment(mine.jobs[phase].created)}`, link, "Difference"];
    const rows = ROWS.map(([name, find, text, less]) => [name, find(a), find(b), text, less]).filter(([, x, y]) => x !== undefined || y !== undefined);
    return this.table.replaceChildren(
      h(
        "table",
        { class: "plain" },
        h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
        h("tbody", {}, rows.map(([name, x, y, text, less]) => h("tr", {}, h("th", { scope: "row" }, name), ...[x, y].map((value) => h("td", {}, value === undefined ? "–" : text(value))), difference(x, y, less)))),
      ),
    );
  }
}

/** By how much this run differs from the other, in per cent; a word if the other has no value. */
function difference(mine, other, less) {
  if (mine === undefined || other === undefined || mine === other) return h("td", {}, mine === other ? "the same" : "–");
  const kind = less === null ? null : mine < other ? "better" : "worse";
  const share = other ? `${mine > other ? "+" : "−"}${about(Math.abs((100 * (mine - other)) / other))} %` : mine > other ? "more" : "less";
  return h("td", { class: kind }, share);
}
