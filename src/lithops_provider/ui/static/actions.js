// The actions on a job: stop it, run failed items again, delete its data. Each asks for confirmation; the server checks rights.

import { ApiError, clearTask, postAction } from "./airflow.js";
import { count, h, notice } from "./dom.js";

const WAITS = ["running", "deferred"];

export class Actions {
  /** Actions on a job of `task`. `job` returns the {path, parameters} of its data; `done()` is called after an action. */
  constructor(task, job, done) {
    this.task = task;
    this.job = job;
    this.done = done;
    this.shown = null;
    this.element = h("div", { class: "actions", role: "group", "aria-label": "Actions" });
    this.title = h("h2", { id: "confirm-title" });
    this.text = h("div");
    this.result = h("div", { role: "status" });
    this.yes = h("button", { type: "button", class: "do" });
    const no = h("button", { type: "button", autofocus: true, onclick: () => this.dialog.close() }, "Cancel");
    this.dialog = h(
      "dialog",
      { class: "confirm", "aria-labelledby": "confirm-title" },
      this.title,
      this.text,
      this.result,
      h("div", { class: "pager" }, this.yes, no),
    );
  }

  /** Shows the buttons that make sense in the job's state, and that the user has the rights for. */
  show(answer) {
    const choices = this.choices(answer);
    const now = JSON.stringify(choices.map(({ name, text }) => [name, text]));
    if (now === this.shown) return;
    this.shown = now;
    this.element.replaceChildren(
      ...choices.map((choice) => h("button", { type: "button", onclick: () => this.ask(choice) }, `${choice.name}…`)),
    );
  }

  choices({ may, job, progress, task }) {
    const found = [];
    if (!may || !job) return found;
    const waits = WAITS.includes(task.state);
    if (may.change && progress && !progress.over && progress.state !== "stopping" && !progress.gone) {
      found.push({
        name: "Stop the job",
        text: [
          `Job ${job.executor_id} is stopped: what its functions have done is kept, the rest isn't run.`,
          waits && "Its task fails, and is retried if it has retries left.",
        ],
        run: () => this.send("stop", job),
      });
    }
    if (may.change && task.state === "failed") {
      const left = progress ? job.items - progress.counts.succeeded : null;
      found.push({
        name: "Run failed items again",
        text: [
          "Airflow clears the task, and those after it that failed.",
          left === null || progress.gone
            ? "All of its items are run."
            : `If the task is durable, as it is by default, its ${count(left)} items that haven't succeeded are run again, and the others keep their results.`,
        ],
        run: () => clearTask(this.task),
      });
    }
    if (may.delete && !waits && !progress?.gone) {
      found.push({
        name: "Delete its data",
        text: [
          `All that job ${job.executor_id} has in storage is deleted: functions, items, results and what this page shows.`,
          "A retry of the task starts afresh, and tasks that read its results by reference fail.",
        ],
        run: () => this.send("clean", job),
      });
    }
    return found;
  }

  send(action, job) {
    const { path, parameters } = this.job();
    return postAction(`${path}/${action}`, { ...parameters, job: job.executor_id });
  }

  ask({ name, text, run }) {
    this.title.textContent = `${name}?`;
    this.text.replaceChildren(...text.filter(Boolean).map((line) => h("p", {}, line)));
    this.result.replaceChildren();
    this.yes.textContent = name;
    this.yes.disabled = false;
    this.yes.onclick = () => this.run(run);
    this.dialog.showModal();
  }

  async run(run) {
    this.yes.disabled = true;
    try {
      await run();
      this.dialog.close();
      this.done();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.result.replaceChildren(notice("bad", error.status === 403 ? "You have no right to do this." : error.message));
      this.yes.disabled = false;
    }
  }
}
