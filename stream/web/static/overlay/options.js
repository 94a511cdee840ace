/* Options in the URL of the overlay, and the layout that follows from them: pure functions. */

const THEMES = ["stage", "paper", "neon"];
const CORNERS = ["bl", "br", "tl", "tr"];
const FITS = ["panel", "camera"];
const PARTS = ["genre", "bars", "skeleton", "timeline"];

/** Layouts, with the parts that each shows by default. */
const LAYOUTS = { bar: ["genre", "bars"], corner: ["genre"], full: PARTS };

/** Maximum number of sources in the layout `full`. */
const MAX_PANELS = 4;

/** Milliseconds of a status after which the panel shrinks to a small label, or disappears. */
const SHRINK_AFTER_MS = { not_sure: 4000, no_person: 2000, warming_up: 4000 };
const HIDE_AFTER_MS = { no_person: 12000 };

/**
 * Read the options from the parameters of the URL.
 *
 * Unknown values are ignored, so that a typing error is not visible on air; `warnings` lists them.
 */
export function readOptions(parameters) {
  const warnings = [];
  const warn = (name, value, allowed) =>
    warnings.push(`overlay: ignored ${name}=${value}; allowed: ${allowed.join(", ")}`);
  const readChoice = (name, allowed) => {
    const value = parameters.get(name) || allowed[0];
    if (allowed.includes(value)) {
      return value;
    }
    warn(name, value, allowed);
    return allowed[0];
  };
  const layout = readChoice("layout", Object.keys(LAYOUTS));
  const requested = (parameters.get("show") ?? "").split(/[\s,]+/).filter((part) => part !== "");
  const parts = requested.filter((part) => PARTS.includes(part));
  const unknown = requested.filter((part) => !PARTS.includes(part));
  if (unknown.length > 0) {
    warn("show", unknown.join(","), PARTS);
  }
  return {
    layout,
    theme: readChoice("theme", THEMES),
    corner: readChoice("corner", CORNERS),
    fit: readChoice("fit", FITS),
    parts: new Set(parts.length > 0 ? parts : LAYOUTS[layout]),
    warnings,
  };
}

/**
 * Return the names of the sources to show, in order.
 *
 * The order is that of the `requested` sources, or alphabetical if there are none. `full` shows the
 * first sources that have ever been live, so that the panels do not move when one of them falls
 * silent; the other layouts show the first source that is live now.
 */
export function selectSources({ layout }, requested, everLive, liveNow) {
  const names = requested.length > 0 ? requested : [...everLive].sort();
  return layout === "full"
    ? names.filter((name) => everLive.has(name)).slice(0, MAX_PANELS)
    : names.filter((name) => liveNow.has(name)).slice(0, 1);
}

/** Return how a panel is reduced after `milliseconds` of `status`: "none", "small" or "hidden". */
export function reductionFor({ layout }, status, milliseconds) {
  if (milliseconds >= HIDE_AFTER_MS[status]) {
    return "hidden";
  }
  // The layout `full` shows a moving skeleton, which is of interest without a genre, too.
  const mayShrink = layout !== "full" || status === "no_person";
  return mayShrink && milliseconds >= SHRINK_AFTER_MS[status] ? "small" : "none";
}

/**
 * Divide a window of `width` x `height` pixels among panels.
 *
 * Returns the number of columns, whether the panels are "wide" or "tall", and `unit`, the base of
 * all sizes in pixels: a panel is about 178 x 100 or 100 x 178 units large.
 */
export function dividePanels({ layout }, width, height, count) {
  const panels = Math.max(count, 1);
  const maxRows = width < height ? 3 : 1;
  const rows = panels === 4 ? 2 : Math.min(panels, maxRows);
  const columns = Math.ceil(panels / rows);
  const panelWidth = width / columns;
  const panelHeight = height / rows;
  const shape = panelWidth < panelHeight ? "tall" : "wide";
  const [unitsWide, unitsHigh] = shape === "tall" ? [100, 178] : [178, 100];
  // A bar needs little height, so that its browser source may be a low strip.
  const barUnitsHigh = shape === "tall" ? 62 : 30;
  const requiredHeight = layout === "bar" ? barUnitsHigh : unitsHigh;
  return { columns, shape, unit: Math.min(panelWidth / unitsWide, panelHeight / requiredHeight) };
}
