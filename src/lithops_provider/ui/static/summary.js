// What stands above the table: how far the job is, and what it is.

import { about, badge, bytes, count, duration, h, moment } from "./dom.js";

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
export function tiles(job, progress) {
  const { counts, rounds } = progress;
  const done = counts.succeeded + counts.failed;
  const last = rounds.at(-1);
  const sent = job.rounds.at(-1);
  const share = job.items ? Math.floor((100 * done) / job.items) : 100;
  const entries = [
    ["Items done", count(done), `${share} % of ${count(job.items)}`],
    ["Failed", count(counts.failed), null, counts.failed ? "failed" : ""],
    ["Running", count(counts.running), `${count(last.calls - last.ended)} of ${count(sent.calls)} calls`],
    ["Rate", progress.rate === null ? "–" : `${about(progress.rate)}/s`, progress.over ? "over all" : "lately"],
    progress.over
      ? ["Took", duration(progress.seconds), moment(job.created)]
      : ["Time left", progress.left === null ? "–" : duration(progress.left), `so far ${duration(progress.seconds)}`],
    ["Rounds", count(rounds.length), progress.retried ? `${count(progress.retried)} items tried again` : "nothing tried again"],
    ["Peak memory", bytes(progress.peak_memory), "of a function"],
  ];
  return h(
    "dl",
    { class: "tiles" },
    entries.map(([name, value, more, kind]) =>
      h("div", { class: "tile" }, h("dt", {}, name), h("dd", { class: kind }, value, more && h("small", {}, more))),
    ),
  );
}

/** Where it runs, which is known even when nothing else is. */
export function about_job(job) {
  const entries = [
    ["Backend", job.backend],
    ["Runtime", job.runtime],
    ["Storage", `${job.storage}://${job.bucket}`],
    ["Job", job.executor_id],
    ["Item timeout", duration(job.timeout)],
    ["Sent", `${moment(job.created)} from ${job.host}`],
  ];
  return h("dl", { class: "facts" }, entries.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
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
    return h("tr", {}, h("th", { scope: "row" }, `${number}`, " ", h("small", {}, round.job_id)), cells.map((cell) => h("td", {}, cell)));
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
