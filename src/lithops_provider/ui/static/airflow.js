// Connects the page with Airflow, in whose frame it is shown; both are of the same origin.

const here = import.meta.url;
const framed = window.parent !== window;

/** Airflow's own address, with whatever path it is served under. */
export const airflowRoot = new URL("../../", here);
const apiRoot = new URL("../api/", here);
export const pagesRoot = new URL("../", here);

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The address of some data; parameters that are null are left out, and those that are lists repeated. */
export function dataUrl(path, parameters = {}) {
  const url = new URL(path, apiRoot);
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined) url.searchParams.append(name, one);
    }
  }
  return url;
}

/** Gets data, or throws an ApiError whose status is 0 if nobody answers. */
export const getData = (path, parameters, signal) => ask(dataUrl(path, parameters), { headers: {}, signal });

/** Sends a request that changes something. The header shows the server that this page sends it, and no other site. */
export const postAction = (path, parameters) =>
  ask(dataUrl(path, parameters), { method: "POST", headers: { "X-Lithops-Action": "page" } });

/** Asks Airflow to clear a task, and failed tasks after it, so that they run again. */
export function clearTask({ dag_id, run_id, task_id, map_index }) {
  const body = {
    dry_run: false,
    dag_run_id: run_id,
    task_ids: [map_index >= 0 ? [task_id, map_index] : task_id],
    only_failed: true,
    include_downstream: true,
    reset_dag_runs: true,
  };
  return ask(new URL(`api/v2/dags/${encodeURIComponent(dag_id)}/clearTaskInstances`, airflowRoot), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function ask(url, { headers, ...options }) {
  let answer;
  try {
    answer = await fetch(url, { headers: { Accept: "application/json", ...headers }, ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "Airflow doesn't answer.");
  }
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    const detail = typeof body.detail === "string" ? body.detail : answer.statusText;
    throw new ApiError(answer.status, detail);
  }
  return answer.json();
}

/** Follows Airflow's choice of light or dark, or the system's if the page isn't in Airflow's frame. */
export function followTheme() {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const outer = framed ? window.parent.document.documentElement : null;
  const apply = () => {
    let dark = system.matches;
    if (outer?.classList.contains("dark")) dark = true;
    else if (outer?.classList.contains("light")) dark = false;
    root.dataset.theme = dark ? "dark" : "light";
    if (!outer) return;
    const around = getComputedStyle(outer.ownerDocument.body);
    root.style.setProperty("--back", around.backgroundColor);
    root.style.setProperty("--font", around.fontFamily);
  };
  apply();
  system.addEventListener("change", apply);
  if (outer) new MutationObserver(apply).observe(outer, { attributeFilter: ["class"] });
}

// Airflow's sandbox forbids a frame to navigate its window and, before 3.3, to download. Airflow's own document may do both.
function clickOutside(attributes) {
  const outer = framed ? window.parent.document : document;
  const link = outer.createElement("a");
  Object.assign(link, attributes);
  link.hidden = true;
  outer.body.append(link);
  link.click();
  link.remove();
}

export const openInAirflow = (url) => clickOutside({ href: String(url) });
export const download = (url) => clickOutside({ href: String(url), download: "" });

/** Goes to Airflow's login page, which leads back to this address, with the part behind the `#`. */
export function logInAgain() {
  const url = new URL("api/v2/auth/login", airflowRoot);
  url.searchParams.set("next", (framed ? window.parent : window).location.href);
  openInAirflow(url);
}

/** Puts text into the clipboard; resolves to whether that worked. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without https, browsers offer no other way to the clipboard.
    const area = document.createElement("textarea");
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** The address of the page of a task instance's job: a tab of Airflow's page of the task instance. */
export function jobPage(task, phase = null) {
  const url = new URL(`${taskPage(task)}/plugin/lithops`);
  if (phase) url.hash = new URLSearchParams({ phase });
  return url;
}

/** The address of the list of all jobs, in Airflow. */
export const jobsPage = () => new URL("plugin/lithops-jobs", airflowRoot);

/** The address of Airflow's own page of a task instance. */
export function taskPage(task) {
  const [dag, run, id] = [task.dag_id, task.run_id, task.task_id].map(encodeURIComponent);
  const mapped = task.map_index >= 0 ? `/mapped/${task.map_index}` : "";
  return new URL(`dags/${dag}/runs/${run}/tasks/${id}${mapped}`, airflowRoot);
}

/** The task instance that this page's address names. Airflow leaves a placeholder as it is if it has no value for it. */
export function taskOfAddress() {
  const path = window.location.pathname.slice(new URL("job/", pagesRoot).pathname.length);
  const parts = path.split("/").map(decodeURIComponent);
  const mapIndex = Number.parseInt(parts.at(-1), 10);
  return {
    dag_id: parts[0],
    run_id: parts.slice(1, -2).join("/"), // where Airflow didn't encode it, and it has slashes
    task_id: parts.at(-2),
    map_index: Number.isNaN(mapIndex) ? -1 : mapIndex,
  };
}
