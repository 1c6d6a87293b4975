// The list of recent jobs, of all DAGs that the user may read. It comes from Airflow's database alone.

import { ApiError, followTheme, getData, jobPage, logInAgain } from "./airflow.js";
import { badge, count, h, moment, notice } from "./dom.js";

const PAGE = 25;
const AGAIN = 10000;
const HEAD = ["DAG", "Task", "Function", "Items", "Rounds", "Backend", "Sent", "Task's state"];

const main = document.getElementById("page");
let first = 0;
let timer = null;

async function look() {
  clearTimeout(timer);
  try {
    show(await getData("jobs", { limit: PAGE, offset: first }));
    timer = setTimeout(() => (document.hidden ? document.addEventListener("visibilitychange", look, { once: true }) : look()), AGAIN);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const again = error.status === 401 && h("button", { type: "button", onclick: logInAgain }, "Log in again");
    main.replaceChildren(notice("bad", error.status === 401 ? "Your login has expired. " : error.message, again));
  }
  main.removeAttribute("aria-busy");
}

function show({ rows, more }) {
  const focused = document.activeElement?.dataset?.key;
  const body = rows.flatMap((row) =>
    Object.keys(row.jobs).length ? Object.entries(row.jobs).map(([phase, job]) => line(row.task, phase, job)) : [],
  );
  main.replaceChildren(
    h(
      "section",
      { class: "card", "aria-labelledby": "title" },
      h("h1", { id: "title" }, "Lithops jobs"),
      rows.length === 0 && h("p", { class: "quiet" }, first ? "There are no more." : "No task has sent a job yet."),
      rows.length > 0 &&
        h(
          "div",
          { class: "scroll" },
          h(
            "table",
            { class: "items" },
            h("caption", { class: "unseen" }, "Recent jobs, the last first"),
            h("thead", {}, h("tr", {}, HEAD.map((name) => h("th", { scope: "col" }, name)))),
            h("tbody", {}, body),
          ),
        ),
      h(
        "nav",
        { class: "pager", "aria-label": "Pages of jobs" },
        button("newer", "Newer", Math.max(first - PAGE, 0), first === 0),
        button("older", "Older", first + PAGE, !more),
      ),
    ),
  );
  if (focused) main.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function button(key, text, to, off) {
  const go = () => {
    first = to;
    look();
  };
  return h("button", { type: "button", "data-key": key, disabled: off, onclick: go }, text);
}

function line(task, phase, job) {
  const url = String(jobPage(task, phase));
  const mapped = task.map_index >= 0 ? ` [${task.map_index}]` : "";
  return h(
    "tr",
    { onclick: (event) => event.target.closest("a") || window.location.assign(url) },
    h("td", {}, task.dag_id, h("small", {}, task.run_id)),
    h("th", { scope: "row" }, h("a", { href: url, "data-key": `${job.executor_id}-${phase}` }, `${task.task_id}${mapped}`)),
    h("td", {}, h("code", {}, job.function), h("small", {}, phase)),
    h("td", {}, count(job.items)),
    h("td", {}, count(job.rounds.length)),
    h("td", {}, job.backend),
    h("td", {}, moment(job.created)),
    h("td", {}, badge(task.state, (task.state ?? "none").replaceAll("_", " "))),
  );
}

followTheme();
look();
