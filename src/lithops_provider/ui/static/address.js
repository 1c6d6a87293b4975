// What is shown, in the address: so that an item, a filter or a page of a table can be shared. Airflow's window has the
// address that people see, so it is kept there, behind a # that Airflow itself doesn't use.

const framed = window.parent !== window;
const shown = framed ? window.parent : window;

/** The parameters behind the # of the address. */
export function read() {
  return new URLSearchParams(shown.location.hash.slice(1));
}

/** Changes parameters of the address, or leaves out those that are null, "" or false. It makes no step in the history. */
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

/** A whole number from 0 on, or null. */
export function number(text) {
  return /^\d{1,9}$/.test(text ?? "") ? Number(text) : null;
}
