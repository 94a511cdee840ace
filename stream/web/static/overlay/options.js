/* What the overlay's address asks for, and what follows from it: pure functions. */

const THEMES = ["stage", "paper", "neon"];
const CORNERS = ["bl", "br", "tl", "tr"];
const FITS = ["panel", "camera"];
const PARTS = ["genre", "bars", "skeleton", "timeline"];

/** The layouts, each with the parts it shows where the address names none. */
const LAYOUTS = { bar: ["genre", "bars"], corner: ["genre"], full: PARTS };

/** As many sources as share the screen in the layout `full`. */
const MOST_PANELS = 4;

/** Milliseconds of having nothing to say after which it is said in small, or not at all. */
const SMALL_AFTER_MS = { not_sure: 4000, no_person: 2000, warming_up: 4000 };
const HIDDEN_AFTER_MS = { no_person: 12000 };

/**
 * Reads the address's parameters.
 *
 * What is not known is passed over, so that a slip of the pen shows nothing strange on air; `notes`
 * tells of it.
 */
export function readOptions(asked) {
  const notes = [];
  const note = (name, value, known) =>
    notes.push(`overlay: ${name}=${value} is passed over; there is ${known.join(", ")}`);
  const one = (name, known) => {
    const value = asked.get(name) || known[0];
    if (known.includes(value)) {
      return value;
    }
    note(name, value, known);
    return known[0];
  };
  const layout = one("layout", Object.keys(LAYOUTS));
  const named = (asked.get("show") ?? "").split(/[\s,]+/).filter((word) => word !== "");
  const parts = named.filter((word) => PARTS.includes(word));
  const strange = named.filter((word) => !PARTS.includes(word));
  if (strange.length > 0) {
    note("show", strange.join(","), PARTS);
  }
  return {
    layout,
    theme: one("theme", THEMES),
    corner: one("corner", CORNERS),
    fit: one("fit", FITS),
    show: new Set(parts.length > 0 ? parts : LAYOUTS[layout]),
    notes,
  };
}

/**
 * Names of the sources to show, in order.
 *
 * That order is the address's, or the alphabet's where it names none. `full` splits the screen
 * among the first of all that have ever been `met` live, so that nothing moves when one of them
 * falls silent; the other layouts show the first that is `live` now.
 */
export function choose({ layout }, asked, met, live) {
  const order = asked.length > 0 ? asked : [...met].sort();
  return layout === "full"
    ? order.filter((source) => met.has(source)).slice(0, MOST_PANELS)
    : order.filter((source) => live.has(source)).slice(0, 1);
}

/** How much of a panel rests after `milliseconds` of `status`: "none", "small" or "hidden". */
export function resting({ layout }, status, milliseconds) {
  if (milliseconds >= HIDDEN_AFTER_MS[status]) {
    return "hidden";
  }
  // Full screen, somebody who moves is worth looking at whatever can be said of it.
  const calm = layout !== "full" || status === "no_person";
  return calm && milliseconds >= SMALL_AFTER_MS[status] ? "small" : "none";
}

/**
 * Splits a window of so many pixels among panels.
 *
 * Returns the columns, whether each panel is "wide" or "tall", and `unit`, the pixels of which a
 * panel is about 178 x 100 or 100 x 178: all sizes are multiples of it.
 */
export function arrange({ layout }, width, height, panels) {
  const most = width < height ? 3 : 1;
  const rows = panels === 4 ? 2 : Math.min(Math.max(panels, 1), most);
  const columns = Math.ceil(Math.max(panels, 1) / rows);
  const across = width / columns;
  const down = height / rows;
  const shape = across < down ? "tall" : "wide";
  const [units, deep] = shape === "tall" ? [100, 178] : [178, 100];
  // The bar needs little height, and may have a low browser source of its own.
  const needed = layout === "bar" ? (shape === "tall" ? 62 : 30) : deep;
  return { columns, shape, unit: Math.min(across / units, down / needed) };
}
