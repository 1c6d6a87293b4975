// What stands above the table: how far the job is, what it is, and, once it is over, what it took.

import { about, badge, bytes, count, duration, h, moment, money, named } from "./dom.js";

const ORDER = ["succeeded", "failed", "running", "waiting"];

/** The title, with the job's state. */
export function heading(answer) {
  const { job, progress } = answer;
  const state = progress ? progress.state : "unknown";
  const partly = state === "failed" && answer.task.state === "success";
  return h(
    "div",
    { class: "heading" },
    h("h1", {}, job.function),
    badge(partly ? "succeeded" : state, partly ? "succeeded, some items failed" : state),
    h("span", { class: "quiet" }, "task ", badge(answer.task.state, (answer.task.state ?? "none").replaceAll("_", " "))),
    answer.task.try_number > 1 && h("span", { class: "quiet" }, `try ${answer.task.try_number}`),
  );
}

/** The bar. */
export function bar(job, progress) {
  const { counts } = progress;
  const total = Math.max(job.items, 1);
  const done = counts.succeeded + counts.failed;
  const segments = ORDER.filter((state) => state !== "waiting" && counts[state]).map((state) => {
    const segment = h("div", { class: `segment ${state}` });
    segment.style.width = `${(100 * counts[state]) / total}%`; // not markup: the page's policy allows no style there
    return segment;
  });
  return h(
    "div",
    {
      class: "progress",
      role: "progressbar",
      "aria-label": "Items done",
      "aria-valuemin": 0,
      "aria-valuemax": job.items,
      "aria-valuenow": done,
      "aria-valuetext": `${count(done)} of ${count(job.items)} items done, ${count(counts.failed)} failed`,
    },
    segments,
  );
}

/** The numbers below the bar. */
export function tiles({ job, progress, summary }) {
  const { counts, rounds } = progress;
  const done = counts.succeeded + counts.failed;
  const last = rounds.at(-1);
  const sent = job.rounds.at(-1);
  const share = job.items ? Math.floor((100 * done) / job.items) : 100;
  const entries = [
    ["Items done", count(done), `${share} % of ${count(job.items)}`],
    ["Failed", count(counts.failed), null, counts.failed ? "failed" : ""],
    rounds[0].cached && ["From the cache", count(job.rounds[0].items), `of ${count(job.items)} items`],
    !progress.over && ["Running", count(counts.running), `in ${count(last.calls - last.ended)} of ${count(sent.calls)} calls`],
    ["Rate", progress.rate === null ? "–" : `${about(progress.rate)}/s`, progress.over ? "over all" : "lately"],
    progress.over
      ? ["Took", duration(summary?.wall_seconds ?? progress.seconds), summary ? "until its results were gathered" : "until its last item ended"]
      : ["Time left", progress.left === null ? "–" : duration(progress.left), `so far ${duration(progress.seconds)}`],
    ["Rounds", count(rounds.length), progress.retried ? `${count(progress.retried)} items tried again` : "nothing tried again"],
    ["Peak memory", bytes(progress.peak_memory), "of a function"],
  ];
  return tileList(entries);
}

function tileList(entries, few = "") {
  return h(
    "dl",
    { class: `tiles ${few}` },
    entries.filter(Boolean).map(([name, value, more, kind]) =>
      h("div", { class: "tile" }, h("dt", {}, name), h("dd", { class: kind }, value, more && h("small", {}, more))),
    ),
  );
}

/** The summary of the job, if there is one; `open(index)` shows an item. `known`: whether the counts are shown elsewhere. */
export function summaryCard(summary, known, open) {
  if (!summary) return null;
  const { cost, slowest, workers = {}, compute_seconds: compute, wall_seconds: wall, gb_seconds: memory } = summary;
  const cold = workers.worker_cold_start;
  const atOnce = compute / wall;
  const entries = [
    !known && ["Items succeeded", count(summary.succeeded ?? 0), `of ${count(summary.items ?? 0)}`],
    !known && summary.failed > 0 && ["Failed", count(summary.failed), null, "failed"],
    !known && summary.cached > 0 && ["From the cache", count(summary.cached), `of ${count(summary.items ?? 0)} items`],
    summary.unfinished > 0 && ["Unfinished", count(summary.unfinished), "without an outcome"],
    !known && ["Took", duration(wall), "until its results were gathered"],
    compute !== undefined && ["Compute time", duration(compute), atOnce >= 1.5 ? `${about(atOnce)} at once on average` : "of all tries"],
    memory !== undefined && ["GB-seconds", about(memory), "compute time times memory"],
    cost && ["Cost, estimated", `${money(cost.estimate)} ${cost.currency}`, cost.region],
    cold !== undefined && ["Cold starts", count(cold), workers.calls === undefined ? "calls of the last round" : `of ${count(workers.calls)} calls looked at`],
  ];
  const links = slowest.map(([index, seconds]) =>
    h("button", { type: "button", class: "link", "aria-label": `Show item ${index}, one of the slowest`, onclick: () => open(index) }, `item ${index}`, ` (${duration(seconds)})`),
  );
  const facts = [
    ["Slowest", links.length > 0 && h("span", { class: "links" }, links)],
    [named("Calls took together", "worker_exec_time"), workers.worker_exec_time !== undefined && duration(workers.worker_exec_time)],
    [named("of it in functions", "worker_func_exec_time"), workers.worker_func_exec_time !== undefined && duration(workers.worker_func_exec_time)],
    [named("Workers' peak memory", "worker_peak_memory_end"), workers.worker_peak_memory_end !== undefined && bytes(workers.worker_peak_memory_end)],
    ["Calls looked at", cold === undefined && workers.calls !== undefined && count(workers.calls)],
  ].filter(([, value]) => value !== false);
  return h(
    "section",
    { class: "card", "aria-labelledby": "after-title" },
    h("h2", { id: "after-title" }, "Summary ", h("small", {}, "once it was over")),
    tileList(entries, "few"),
    h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
  );
}

/** Where the job runs, which is known even when nothing else is. */
export function about_job(job) {
  const entries = [
    ["Backend", job.backend],
    ["Runtime", runtime(job.runtime)],
    ["Storage", `${job.storage}://${job.bucket}`],
    ["Job", job.executor_id],
    ["Item timeout", duration(job.timeout)],
    ["Sent", `${moment(job.created)} from ${job.host}`],
  ];
  return h("dl", { class: "facts" }, entries.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** The name of a runtime. An interpreter's path takes much room, so it is in the tooltip. */
function runtime(name) {
  if (!name.startsWith("/")) return name;
  return h("span", { title: name, class: "short" }, name.split("/").at(-1));
}

/** The rounds, if there is more than one. */
export function roundsTable(job, progress) {
  if (job.rounds.length < 2) return null;
  const head = ["Round", "Sent", "Items", "Calls", "Calls ended", "Items done", "Failed"];
  const rows = job.rounds.map((round, number) => {
    const seen = progress.rounds[number] ?? {};
    const cells = [
      moment(round.submitted),
      count(round.items),
      count(round.calls),
      count(seen.ended ?? 0),
      count(seen.done ?? 0),
      count(seen.failed ?? 0),
    ];
    return h("tr", {}, h("th", { scope: "row", title: `In Lithops's logs: job ${round.job_id}` }, `${number}`, seen.cached && h("small", {}, "from the cache")), cells.map((cell) => h("td", {}, cell)));
  });
  return h(
    "section",
    { class: "card", "aria-labelledby": "rounds-title" },
    h("h2", { id: "rounds-title" }, "Rounds"),
    h(
      "div",
      { class: "scroll" },
      h("table", { class: "plain" }, h("thead", {}, h("tr", {}, head.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows)),
    ),
  );
}
