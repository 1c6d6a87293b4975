// The table of items. The server sorts, filters, searches and pages, since it has all items.

import { number, order, read, write } from "./address.js";
import { ApiError, download, dataUrl, getData } from "./airflow.js";
import { badge, bytes, callName, count, duration, h, moment } from "./dom.js";

/** How many rows a page has: few enough that the charts below are near. */
const PAGE = 20;
const COLUMNS = [
  ["index", "Item"],
  ["state", "State"],
  ["call", "Call"],
  ["attempts", "Tries"],
  ["started", "Started"],
  ["seconds", "Duration"],
  ["peak_memory", "Peak memory"],
  ["failure", "Failure"],
];
const STATES = ["waiting", "running", "succeeded", "failed"];

export class ItemsTable {
  /**
   * Shows the items of `job`, a function that returns {path, parameters}. `open(index)` shows one, `failed(error)`
   * is called with errors that concern more than this table.
   */
  constructor(job, open, failed) {
    this.job = job;
    this.open = open;
    this.failed = failed;
    this.fromAddress();
    this.version = null;
    this.total = 0;
    /** Functions that tell anew how long an item has been running. */
    this.running = [];
    this.element = this.build();
  }

  /** Takes sorting, filters and page from the address. */
  fromAddress() {
    const at = read();
    const { sort, descending } = order(at.get("sort"), COLUMNS.map(([name]) => name));
    this.sort = sort ?? "index";
    this.descending = descending;
    this.state = STATES.find((state) => state === at.get("state")) ?? null;
    this.search = (at.get("search") ?? "").slice(0, 200);
    this.first = number(at.get("first")) ?? 0;
  }

  toAddress() {
    const sort = `${this.descending ? "-" : ""}${this.sort}`;
    write({ sort: sort === "index" ? null : sort, state: this.state, search: this.search, first: this.first || null });
  }

  build() {
    this.filters = h("div", { class: "filters", role: "group", "aria-label": "Filter by state" });
    const search = h("input", {
      type: "search",
      placeholder: "Search errors, or an item's number",
      "aria-label": "Search in errors",
      maxlength: 200,
      value: this.search,
      oninput: () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.show({ search: search.value, first: 0 }), 250);
      },
    });
    this.downloads = h(
      "button",
      {
        type: "button",
        onclick: () => {
          const { path, parameters } = this.job();
          download(dataUrl(`${path}/failures`, parameters));
        },
      },
      "Download failures",
    );
    this.head = h("tr");
    this.body = h("tbody");
    this.message = h("p", { class: "quiet", role: "status" });
    this.pager = h("nav", { class: "pager", "aria-label": "Pages of items" });
    this.table = h(
      "table",
      { class: "items" },
      h("caption", { class: "unseen" }, "Items of the job"),
      h("thead", {}, this.head),
      this.body,
    );
    return h(
      "section",
      { class: "card", "aria-labelledby": "items-title" },
      h("h2", { id: "items-title" }, "Items"),
      h("div", { class: "toolbar" }, this.filters, search, this.downloads),
      h("div", { class: "scroll" }, this.table),
      this.message,
      this.pager,
    );
  }

  /** Takes the counts by state, for the filters. */
  counts(counts, over) {
    const all = Object.values(counts).reduce((sum, number) => sum + number, 0);
    const label = { waiting: over ? "not run" : "waiting" };
    const choices = [[null, "all", all], ...STATES.map((state) => [state, label[state] ?? state, counts[state]])];
    const focused = this.filters.contains(document.activeElement) ? document.activeElement.dataset.state : null;
    this.filters.replaceChildren(
      ...choices.map(([state, text, number]) =>
        h(
          "button",
          {
            type: "button",
            "data-state": state ?? "all",
            "aria-pressed": String(this.state === state),
            onclick: () => this.show({ state, first: 0 }).then(() => this.counts(counts, over)),
          },
          `${text} `,
          h("b", {}, count(number)),
        ),
      ),
    );
    if (focused) this.filters.querySelector(`[data-state="${focused}"]`)?.focus();
    this.downloads.disabled = !counts.failed;
    this.over = over;
  }

  /** Changes sorting, filters or page, and gets the rows. */
  show(change) {
    Object.assign(this, change);
    this.toAddress();
    return this.load();
  }

  /** Gets the page again if there is something new. Time passes without: what runs has run longer. */
  refresh(version) {
    this.running.forEach((tell) => tell());
    return version === this.version ? Promise.resolve() : this.load();
  }

  async load() {
    this.request?.abort();
    this.request = new AbortController();
    const { path, parameters } = this.job();
    const query = {
      ...parameters,
      sort: this.sort,
      descending: this.descending,
      state: this.state,
      search: this.search,
      first: this.first,
      count: PAGE,
    };
    try {
      const answer = await getData(`${path}/items`, query, this.request.signal);
      this.version = answer.version;
      this.render(answer);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof ApiError)) throw error;
      if ([401, 403].includes(error.status)) this.failed(error);
      else this.message.textContent = error.message;
    }
  }

  render({ total, rows, now }) {
    this.total = total;
    this.ahead = now - Date.now() / 1000; // seconds that the server's clock is ahead of this one's
    this.running = [];
    if (this.first && this.first >= total) this.show({ first: Math.max(Math.floor((total - 1) / PAGE) * PAGE, 0) });
    const focused = document.activeElement?.dataset?.key;
    this.head.replaceChildren(...COLUMNS.map(([name, text]) => this.header(name, text)));
    this.body.replaceChildren(...rows.map((row) => this.row(row)));
    this.message.textContent = total ? "" : "No items match.";
    this.paging(rows.length);
    if (focused) this.element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  header(name, text) {
    const sorted = this.sort === name;
    const order = sorted ? (this.descending ? "descending" : "ascending") : "none";
    const arrow = sorted ? (this.descending ? " ▼" : " ▲") : "";
    const click = () => {
      // Users look for these first: the longest, the biggest, the latest.
      const down = sorted ? !this.descending : ["seconds", "peak_memory", "attempts", "failure"].includes(name);
      this.show({ sort: name, descending: down, first: 0 });
    };
    return h(
      "th",
      { scope: "col", "aria-sort": order, class: `column-${name}` },
      h("button", { type: "button", "data-key": `sort-${name}`, onclick: click }, text, h("span", { "aria-hidden": "true" }, arrow)),
    );
  }

  row(item) {
    const open = () => this.open(item.index);
    const state = this.over && item.state === "waiting" ? "not run" : item.state;
    const button = h(
      "button",
      { type: "button", class: "link", "data-key": `item-${item.index}`, "aria-label": `Show item ${item.index}`, onclick: open },
      String(item.index),
    );
    return h(
      "tr",
      { onclick: (event) => event.target.closest("button") || open() },
      h("th", { scope: "row" }, button),
      h("td", {}, badge(item.state, state)),
      h("td", {}, item.call < 0 ? "–" : callName(item, item.job_id)),
      h("td", {}, item.attempts || "–"),
      h("td", {}, moment(item.started)),
      h("td", {}, item.state === "running" && item.started ? this.soFar(item) : duration(item.seconds)),
      h("td", {}, bytes(item.peak_memory)),
      h("td", { class: "failure" }, item.failure),
    );
  }

  /** How long an item has been running. It began when the item before it in its call ended, or with its call. */
  soFar({ started }) {
    const element = h("span", { title: `since ${moment(started)}, when its call got to it` });
    const tell = () => (element.textContent = `${duration(Math.max(Date.now() / 1000 + this.ahead - started, 0))} so far`);
    this.running.push(tell);
    tell();
    return element;
  }

  paging(rows) {
    const go = (first) => () => this.show({ first });
    const last = Math.max(Math.floor((this.total - 1) / PAGE) * PAGE, 0);
    const button = (key, text, first, off) =>
      h("button", { type: "button", "data-key": key, disabled: off, onclick: go(first) }, text);
    this.pager.replaceChildren(
      button("page-first", "First", 0, this.first === 0),
      button("page-previous", "Previous", Math.max(this.first - PAGE, 0), this.first === 0),
      h("span", {}, this.total ? `${count(this.first + 1)} to ${count(this.first + rows)} of ${count(this.total)}` : "0 of 0"),
      button("page-next", "Next", this.first + PAGE, this.first + PAGE >= this.total),
      button("page-last", "Last", last, this.first >= last),
    );
  }
}
