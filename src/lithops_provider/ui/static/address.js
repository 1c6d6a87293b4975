// Keeps what is shown in the address, so that users can share an item, a filter or a page of a table. It is kept in the
// address of Airflow's window, which users see, behind a # that Airflow itself doesn't use.

const framed = window.parent !== window;
const shown = framed ? window.parent : window;

/** The parameters behind the # of the address. */
export function read() {
  return new URLSearchParams(shown.location.hash.slice(1));
}

/** Sets parameters of the address, and removes those that are null, "" or false, without a new entry in the history. */
export function write(changes) {
  const parameters = read();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "" || value === false) parameters.delete(name);
    else parameters.set(name, value);
  }
  const text = parameters.toString();
  const { pathname, search } = shown.location;
  shown.history.replaceState(shown.history.state, "", `${pathname}${search}${text ? `#${text}` : ""}`);
}

/** Shows the page anew when somebody changes the address by hand, or opens one in its window that differs behind the # only. */
export function followAddress() {
  const again = () => window.location.reload();
  shown.addEventListener("hashchange", again);
  window.addEventListener("pagehide", () => shown.removeEventListener("hashchange", again)); // Airflow's window stays
}

/** What a parameter for sorting says: {sort, descending}. The name of what is sorted by is one of `names`, or null. */
export function order(text, names) {
  const [, minus, name] = /^(-?)(\w+)$/.exec(text ?? "") ?? [];
  return names.includes(name) ? { sort: name, descending: minus === "-" } : { sort: null, descending: false };
}

/** A whole number from 0 on, or null. */
export function number(text) {
  return /^\d{1,9}$/.test(text ?? "") ? Number(text) : null;
}
