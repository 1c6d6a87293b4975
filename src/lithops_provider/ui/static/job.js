// The page of a task's job: asks the server while the job runs, and shows what has changed.

import { Actions } from "./actions.js";
import { followAddress, number, read, write } from "./address.js";
import { ApiError, followTheme, getData, jobsPage, logInAgain, openInAirflow, taskOfAddress } from "./airflow.js";
import { histogram, responsive, timeline, timelineTable } from "./charts.js";
import { ItemDetail } from "./detail.js";
import { CompareCard } from "./compare.js";
import { count, duration, h, notice } from "./dom.js";
import { ItemsTable } from "./items.js";
import { about_job, bar, heading, roundsTable, summaryCard, tiles } from "./summary.js";
import { WhyCard } from "./why.js";

/** Milliseconds between two requests: while the job runs, and when nothing is expected any more. */
const LIVE = 2000;
const STILL = 15000;
/** Milliseconds after an action in which something is expected, whatever the job's state: Airflow takes its time. */
const AFTER_ACTION = 30000;
/** From this many rows on, the calls are beside the durations; fewer are above them. */
const SIDE_BY_SIDE = 5;
/** Milliseconds between two messages to screen readers. */
const TELL = 10000;

const task = taskOfAddress();
const main = document.getElementById("page");
const live = document.getElementById("live");
const path = `dags/${encodeURIComponent(task.dag_id)}`;

let phase = read().get("phase");
let version = null;
let timer = null;
let acted = -Infinity;
let told = 0;
let toldState = null;
let shownSummary = null;
let undraw = [];

const parameters = () => ({ run_id: task.run_id, task_id: task.task_id, map_index: task.map_index, phase });
const job = () => ({ path, parameters: parameters() });

const detail = new ItemDetail(job);
const items = new ItemsTable(job, (index) => detail.open(index), showError);
const actions = new Actions(task, job, () => {
  acted = Date.now();
  look();
});
const why = new WhyCard(job, (index) => detail.open(index));
const compare = new CompareCard(task, job);
const parts = {
  top: h(
    "div",
    { class: "top" },
    h("a", { href: String(jobsPage()), onclick: (event) => (event.preventDefault(), openInAirflow(jobsPage())) }, "All jobs"),
    actions.element,
  ),
  notices: h("div", { class: "notices" }),
  phases: h("div", { class: "filters", role: "group", "aria-label": "Phases of the task" }),
  why: why.element,
  summary: h("section", { class: "card", "aria-label": "Progress" }),
  items: items.element,
  charts: h("div", { class: "charts" }),
  after: h("div"),
  rounds: h("div"),
  compare: compare.element,
};

function layout() {
  main.replaceChildren(...Object.values(parts), detail.element, actions.dialog);
  main.removeAttribute("aria-busy");
}

async function look() {
  clearTimeout(timer);
  let wait = STILL;
  try {
    const answer = await getData(`${path}/job`, { ...parameters(), version });
    wait = show(answer);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    wait = showError(error);
  }
  if (wait !== null) timer = setTimeout(whenSeen, wait);
}

/** Sends no requests while nobody looks at the page. */
function whenSeen() {
  if (document.hidden) document.addEventListener("visibilitychange", look, { once: true });
  else look();
}

function show(answer) {
  if (!parts.summary.isConnected) layout();
  const { progress } = answer;
  parts.notices.replaceChildren(...notices(answer));
  why.show(answer.why);
  actions.show(answer);
  if (!answer.job) {
    parts.summary.hidden = items.element.hidden = parts.compare.hidden = true;
    return LIVE;
  }
  parts.summary.hidden = parts.compare.hidden = false;
  items.element.hidden = !progress;
  phase = answer.phase;
  phases(answer);
  const content = [heading(answer)];
  if (progress) content.push(bar(answer.job, progress), tiles(answer));
  parts.summary.replaceChildren(...content, about_job(answer.job));
  after(answer);
  if (!progress) return LIVE;
  openAddressed();
  items.counts(progress.counts, progress.over);
  items.refresh(progress.version);
  if (progress.timeline) charts(progress);
  const rounds = roundsTable(answer.job, progress);
  parts.rounds.replaceChildren(...(rounds ? [rounds] : []));
  version = progress.version;
  tell(answer);
  const running = ["running", "deferred", "queued", "scheduled", "restarting"].includes(answer.task.state);
  const expected = running || !progress.over || progress.unread || Date.now() - acted < AFTER_ACTION;
  return expected ? LIVE : STILL;
}

/** Opens the item that the address names, once. */
function openAddressed() {
  const index = number(read().get("item"));
  if (version === null && index !== null) detail.open(index);
}

/** Made anew only when there is something new, since a user may have the focus on one of its buttons. */
function after({ summary, progress }) {
  const known = Boolean(progress) && progress.state !== "unknown";
  const shown = JSON.stringify([summary, known]);
  if (shown === shownSummary) return;
  shownSummary = shown;
  const card = summaryCard(summary, known, (index) => detail.open(index));
  parts.after.replaceChildren(...(card ? [card] : []));
}

function notices({ job: value, problem, error, progress, task: { state } }) {
  const found = [];
  if (problem) found.push(notice("bad", problem));
  else if (!value) {
    const waits = state === null || ["queued", "scheduled", "running", "deferred"].includes(state);
    found.push(notice("info", waits ? "The task has not sent a job yet." : "The task has sent no job."));
  }
  if (error) {
    const known = progress ? "What is shown was read before." : "What is shown comes from the job's value in Airflow.";
    found.push(notice("bad", h("b", {}, "The job's storage can't be read: "), error, " ", known));
  } else if (value && !progress) found.push(notice("info", "The storage has not answered yet."));
  if (progress?.gone) {
    found.push(
      notice(
        "info",
        progress.counts.succeeded + progress.counts.failed
          ? "The job's data has been deleted. What is shown was read before."
          : "The storage has no data of this job: it was deleted, or lies where this API server can't see it. " +
              "What is shown comes from the job's value in Airflow.",
      ),
    );
  }
  if (progress?.unread) {
    found.push(notice("info", `Reading what ${count(progress.unread)} more calls have stored…`));
  }
  if (progress?.damaged) {
    found.push(notice("bad", `${count(progress.damaged)} objects of the job are damaged, and left out.`));
  }
  return found;
}

function phases(answer) {
  const many = answer.phases.length > 1;
  parts.phases.hidden = !many;
  if (!many || parts.phases.dataset.shown === String([answer.phases, phase])) return;
  parts.phases.dataset.shown = String([answer.phases, phase]);
  parts.phases.replaceChildren(
    ...answer.phases.map((name) =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(name === phase),
          onclick: () => {
            phase = name;
            version = items.version = null;
            items.first = 0;
            write({ phase, item: null, first: null });
            compare.again();
            look();
          },
        },
        name,
      ),
    ),
  );
}

function charts({ timeline: when, histogram: durations }) {
  undraw.forEach((stop) => stop());
  undraw = [];
  const cards = [];
  if (when.rows.length) {
    const box = h("div", { class: "plot" });
    const each = when.per_row > 1 ? `a row is ${count(when.per_row)} of ${count(when.calls)} calls` : "a row is a call";
    cards.push(
      h(
        "section",
        { class: "card", "aria-labelledby": "timeline-title" },
        h("h2", { id: "timeline-title" }, "Calls ", h("small", {}, each)),
        box,
        h("details", {}, h("summary", {}, "As a table"), timelineTable(when)),
      ),
    );
    queueMicrotask(() => undraw.push(responsive(box, (width) => timeline(when, width))));
  }
  if (durations.edges.length) {
    const box = h("div", { class: "plot" });
    const numbers = [
      ["median", durations.median],
      ["95 %", durations.p95],
      ["longest", durations.longest],
      ["in all", durations.sum],
    ];
    cards.push(
      h(
        "section",
        { class: "card", "aria-labelledby": "histogram-title" },
        h("h2", { id: "histogram-title" }, "Durations ", durations.log && h("small", {}, "logarithmic")),
        box,
        h("p", { class: "quiet" }, numbers.map(([name, value]) => `${name} ${duration(value)}`).join(" · ")),
      ),
    );
    queueMicrotask(() => undraw.push(responsive(box, (width) => histogram(durations, width))));
  }
  // A few calls would leave the room beside the durations empty, and have more of it above them.
  parts.charts.classList.toggle("stacked", when.rows.length < SIDE_BY_SIDE);
  parts.charts.replaceChildren(...cards);
}

/** Tells screen readers now and then how far the job is. */
function tell({ progress, job: { items: total } }) {
  const now = Date.now();
  if (progress.state === toldState && (progress.over || now - told < TELL)) return;
  told = now;
  toldState = progress.state;
  const { counts, left } = progress;
  const more = left && !progress.over ? `, about ${duration(left)} left` : "";
  live.textContent = `${progress.state}: ${count(counts.succeeded)} of ${count(total)} items succeeded, ${count(counts.failed)} failed${more}`;
}

/** Shows what is wrong; returns after how many milliseconds to try again, or null if that makes no sense. */
function showError(error) {
  if (!parts.summary.isConnected) layout();
  const box = {
    401: () =>
      notice(
        "bad",
        "Your login has expired. ",
        h("button", { type: "button", onclick: logInAgain }, "Log in again"),
      ),
    403: () => notice("bad", "You may not see this DAG's task instances."),
  }[error.status];
  parts.notices.replaceChildren(box ? box() : notice("bad", error.message));
  if (version === null) parts.summary.hidden = items.element.hidden = true;
  return box ? null : STILL / 3;
}

followTheme();
followAddress();
look();
