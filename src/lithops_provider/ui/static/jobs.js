// The list of recent jobs, of all DAGs that the user may read: filtered, sorted and paged by the server.

import { followAddress, number, order, read, write } from "./address.js";
import { ApiError, followTheme, getData, jobPage, logInAgain, openInAirflow } from "./airflow.js";
import { badge, count, duration, h, moment, money, notice } from "./dom.js";

const PAGE = 25;
/** Milliseconds between two requests: while a job runs, and otherwise. */
const LIVE = 4000;
const STILL = 15000;
const COLUMNS = [
  ["task", "Task"],
  [null, "Function"],
  [null, "Task's state"],
  ["items", "Items done"],
  ["failed", "Failed"],
  ["seconds", "Took"],
  ["cost", "Cost, estimated"],
  ["sent", "Sent"],
];
const STATES = [["", "all states"], ["running", "running"], ["success", "succeeded"], ["failed", "failed"]];

const main = document.getElementById("page");
const at = read();
const { sort, descending } = order(at.get("sort"), COLUMNS.map(([name]) => name));
const wanted = {
  dag: (at.get("dag") ?? "").slice(0, 250),
  state: STATES.some(([value]) => value === at.get("state")) ? at.get("state") : "",
  search: (at.get("search") ?? "").slice(0, 200),
  sort: sort ? `${descending ? "-" : ""}${sort}` : "-sent",
  first: number(at.get("first")) ?? 0,
};
let timer = null;
let typing = null;
let dags = null;
let request = null;

const notices = h("div", { class: "notices" });
const choose = h("select", { "aria-label": "DAG", onchange: () => change({ dag: choose.value }) });
const state = h(
  "select",
  { "aria-label": "Task's state", onchange: () => change({ state: state.value }) },
  STATES.map(([value, text]) => h("option", { value, selected: value === wanted.state }, text)),
);
const search = h("input", {
  type: "search",
  placeholder: "Search tasks, runs, functions, jobs",
  "aria-label": "Search",
  maxlength: 200,
  value: wanted.search,
  oninput: () => {
    clearTimeout(typing);
    typing = setTimeout(() => change({ search: search.value }), 250);
  },
});
const head = h("tr");
const body = h("tbody");
const message = h("p", { class: "quiet", role: "status" });
const pager = h("nav", { class: "pager", "aria-label": "Pages of jobs" });

function layout() {
  main.replaceChildren(
    notices,
    h(
      "section",
      { class: "card", "aria-labelledby": "title" },
      h("h1", { id: "title" }, "Lithops jobs"),
      h("div", { class: "toolbar" }, choose, state, search),
      h(
        "div",
        { class: "scroll" },
        h("table", { class: "items jobs" }, h("caption", { class: "unseen" }, "Jobs"), h("thead", {}, head), body),
      ),
      message,
      pager,
    ),
  );
  main.removeAttribute("aria-busy");
}

function change(changes) {
  Object.assign(wanted, { first: 0 }, changes);
  write({ ...wanted, sort: wanted.sort === "-sent" ? null : wanted.sort, first: wanted.first || null });
  return look();
}

async function look() {
  clearTimeout(timer);
  request?.abort();
  request = new AbortController();
  const query = {
    dag: wanted.dag || null,
    state: wanted.state || null,
    search: wanted.search,
    sort: wanted.sort.replace("-", ""),
    descending: wanted.sort.startsWith("-"),
    limit: PAGE,
    offset: wanted.first,
    dags: dags === null,
  };
  try {
    const answer = await getData("jobs", query, request.signal);
    notices.replaceChildren();
    const runs = show(answer);
    timer = setTimeout(whenSeen, runs ? LIVE : STILL);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    const again = error.status === 401 && h("button", { type: "button", onclick: logInAgain }, "Log in again");
    notices.replaceChildren(notice("bad", error.status === 401 ? "Your login has expired. " : error.message, again));
    if (![401, 403].includes(error.status)) timer = setTimeout(whenSeen, STILL);
  }
}

/** Sends no requests while nobody looks at the page. */
function whenSeen() {
  if (document.hidden) document.addEventListener("visibilitychange", look, { once: true });
  else look();
}

/** Shows an answer; returns whether one of its jobs runs. */
function show(answer) {
  const focused = document.activeElement?.dataset?.key;
  if (answer.dags) {
    dags = answer.dags;
    const all = dags.includes(wanted.dag) || !wanted.dag ? dags : [wanted.dag, ...dags];
    choose.replaceChildren(...["", ...all].map((dag) => h("option", { value: dag, selected: dag === wanted.dag }, dag || "all DAGs")));
  }
  head.replaceChildren(...COLUMNS.map(([name, text]) => header(name, text)));
  body.replaceChildren(
    ...answer.rows.flatMap((row) => (row.problem ? unread(row) : Object.keys(row.jobs).map((phase) => line(row, phase)))),
  );
  const filtered = wanted.dag || wanted.state || wanted.search;
  message.textContent = answer.rows.length ? "" : wanted.first ? "There are no more." : filtered ? "No jobs match." : "No task has sent a job yet.";
  pager.replaceChildren(
    button("newer", "Previous", Math.max(wanted.first - PAGE, 0), wanted.first === 0),
    button("older", "Next", wanted.first + PAGE, !answer.more),
  );
  if (focused) main.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  return answer.rows.some((row) => Object.keys(row.counts).length);
}

function header(name, text) {
  if (!name) return h("th", { scope: "col" }, text);
  const down = wanted.sort === `-${name}`;
  const sorted = down || wanted.sort === name;
  const click = () => change({ sort: sorted && down ? name : name === "task" && !sorted ? name : `-${name}` });
  return h(
    "th",
    { scope: "col", "aria-sort": sorted ? (down ? "descending" : "ascending") : "none" },
    h("button", { type: "button", "data-key": `sort-${name}`, onclick: click }, text, h("span", { "aria-hidden": "true" }, sorted ? (down ? " ▼" : " ▲") : "")),
  );
}

function button(key, text, first, off) {
  return h("button", { type: "button", "data-key": key, disabled: off, onclick: () => change({ first }) }, text);
}

/** How many items are in each state: from the job's summary, or while it runs, from its keys in storage. */
function known({ summaries, counts }, phase, job) {
  const { succeeded = 0, failed = 0, ...more } = summaries[phase] ?? counts[phase] ?? {};
  if (!summaries[phase] && !counts[phase]) return null;
  const cost = more.cost && `${money(more.cost.estimate)} ${more.cost.currency}`;
  return { succeeded, failed, done: succeeded + failed, items: job.items, seconds: more.wall_seconds, cost };
}

/** A row of the table: the task, with a link to its page, and cells. */
function rowOf(task, phase, key, ...cells) {
  const url = jobPage(task, phase);
  const go = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // to another tab, as for any link
    event.preventDefault();
    openInAirflow(url);
  };
  const mapped = task.map_index >= 0 ? ` [${task.map_index}]` : "";
  return h(
    "tr",
    { onclick: (event) => event.target.closest("a") || go(event) },
    h(
      "th",
      { scope: "row" },
      h("a", { href: String(url), onclick: go, "data-key": key }, `${task.task_id}${mapped}`),
      h("small", {}, task.dag_id),
      h("small", {}, task.run_id),
    ),
    ...cells,
  );
}

const cell = (label, ...content) => h("td", { "data-label": label }, ...content);
const stateOf = ({ state }) => cell("Task's state", badge(state, (state ?? "none").replaceAll("_", " ")));

function line(row, phase) {
  const { task, jobs } = row;
  const job = jobs[phase];
  const found = known(row, phase, job);
  const running = row.counts[phase] && !row.summaries[phase];
  return rowOf(
    task,
    Object.keys(jobs).length > 1 ? phase : null,
    `${job.executor_id}-${phase}`,
    cell("Function", h("code", {}, job.function), h("small", {}, `${phase} on ${job.backend}`)),
    stateOf(task),
    cell("Items done", found && meter(found), h("span", {}, found ? `${count(found.done)} of ${count(job.items)}` : `– of ${count(job.items)}`)),
    cell("Failed", found ? h("span", { class: found.failed ? "failed" : null }, count(found.failed)) : "–"),
    cell("Took", running ? `${duration(Math.max(Date.now() / 1000 - job.created, 0))} so far` : duration(found?.seconds)),
    cell("Cost, estimated", found?.cost || "–"),
    cell("Sent", moment(job.created)),
  );
}

/** The row of a task whose jobs can't be read, with the reason. */
function unread({ task, problem }) {
  const key = [task.dag_id, task.run_id, task.task_id, task.map_index].join("/");
  return rowOf(task, null, key, cell("Function", "–"), stateOf(task), h("td", { class: "failure", colspan: COLUMNS.length - 3 }, problem));
}

function meter({ succeeded, failed, items }) {
  const part = (kind, number) => {
    const segment = h("div", { class: `segment ${kind}` });
    segment.style.width = `${(100 * number) / Math.max(items, 1)}%`; // not markup: the page's policy allows no style there
    return number > 0 && segment;
  };
  return h("div", { class: "progress small", "aria-hidden": "true" }, part("succeeded", succeeded), part("failed", failed));
}

followTheme();
followAddress();
layout();
look();
