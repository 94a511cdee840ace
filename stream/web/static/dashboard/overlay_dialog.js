/* Dialog that creates the URL of an overlay, for OBS and similar programs. */

import { requestedSources, urlParameters } from "../connection.js";
import { createElement, setText } from "../elements.js";

const ALL_SOURCES = "";
/** Parts that each layout shows by default. */
const DEFAULT_PARTS = {
  bar: ["genre", "bars"],
  corner: ["genre"],
  full: ["genre", "bars", "skeleton", "timeline"],
};

/** Return the URL of an overlay; it shows all sources if `sources` is empty. */
export function overlayUrl({ sources, theme, layout, parts, token }, base) {
  const parameters = [
    ...sources.map((source) => ["source", source]),
    ["theme", theme],
    ["layout", layout],
    ...(parts.length > 0 ? [["show", parts.join(",")]] : []),
    ...(token ? [["token", token]] : []),
  ];
  const url = new URL("overlay", base);
  // Commas are valid in a query, and easier to read when they are not encoded.
  url.search = new URLSearchParams(parameters).toString().replaceAll("%2C", ",");
  return url.href;
}

export class OverlayDialog {
  constructor() {
    this.root = document.getElementById("overlay");
    this.source = this.find("overlay-source");
    this.url = this.find("overlay-url");
    this.partBoxes = [...this.root.querySelectorAll(".overlay-part")];
    this.find("overlay-token").hidden = !urlParameters.get("token");
    this.root.addEventListener("change", (event) => this.onChange(event.target));
    this.url.addEventListener("focus", () => this.url.select());
    this.find("overlay-copy").addEventListener("click", () => this.copy());
    this.find("overlay-close").addEventListener("click", () => this.root.close());
    this.root.addEventListener("click", (event) => {
      if (event.target === this.root) {
        this.root.close(); // The click was outside of the dialog.
      }
    });
    this.checkDefaultParts();
  }

  find(className) {
    return this.root.querySelector(`.${className}`);
  }

  /** Open the dialog with `selected`, one of the `sources`, or with all of them. */
  open(sources, selected = ALL_SOURCES) {
    const options = sources.map((name) => createOption(name, name));
    this.source.replaceChildren(createOption(ALL_SOURCES, "all sources"), ...options);
    this.source.value = selected;
    this.update();
    this.root.showModal();
  }

  onChange(control) {
    if (control.name === "layout") {
      this.checkDefaultParts();
    }
    this.update();
  }

  checkDefaultParts() {
    const parts = DEFAULT_PARTS[this.find("overlay-layout").value];
    for (const box of this.partBoxes) {
      box.checked = parts.includes(box.value);
    }
  }

  update() {
    const { value: source } = this.source;
    this.find("overlay-all-hint").hidden = source !== ALL_SOURCES;
    this.url.value = overlayUrl(
      {
        // "all sources" means those of this page, which the URL of this page may restrict.
        sources: source === ALL_SOURCES ? requestedSources : [source],
        theme: this.find("overlay-theme").value,
        layout: this.find("overlay-layout").value,
        parts: this.partBoxes.filter((box) => box.checked).map((box) => box.value),
        token: urlParameters.get("token"),
      },
      location.href,
    );
    this.find("overlay-open").href = this.url.value;
    setText(this.find("overlay-copied"), "");
  }

  async copy() {
    const text = (await copyField(this.url))
      ? "Copied."
      : "The browser blocked copying. The URL is selected: press Ctrl+C.";
    // Cleared first, so that screen readers also announce a second copy.
    setText(this.find("overlay-copied"), "");
    setTimeout(() => setText(this.find("overlay-copied"), text), 50);
  }
}

function createOption(value, text) {
  const option = createElement("option", "", text);
  option.value = value;
  return option;
}

/** Copy the content of a text field. If that fails, select the content and return false. */
async function copyField(field) {
  try {
    // Available only over HTTPS and on localhost.
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}
