/* The dialog that makes the address of an overlay, to be put into OBS and the like. */

import { asked, askedSources } from "../connection.js";
import { element, setText } from "../elements.js";

const ALL = "";
/** What each layout shows unless it is told. */
const PARTS = {
  bar: ["genre", "bars"],
  corner: ["genre"],
  full: ["genre", "bars", "skeleton", "timeline"],
};

/** Address of an overlay; every source's where `sources` is empty. */
export function overlayAddress({ sources, theme, layout, show, token }, base) {
  const pairs = [
    ...sources.map((source) => ["source", source]),
    ["theme", theme],
    ["layout", layout],
    ...(show.length > 0 ? [["show", show.join(",")]] : []),
    ...(!token ? [] : [["token", token]]),
  ];
  const address = new URL("overlay", base);
  // A comma may stand in a query as it is, and is easier to read.
  address.search = new URLSearchParams(pairs).toString().replaceAll("%2C", ",");
  return address.href;
}

export class OverlayDialog {
  constructor() {
    this.root = document.getElementById("overlay");
    this.source = this.part("overlay-source");
    this.address = this.part("overlay-address");
    this.shows = [...this.root.querySelectorAll(".overlay-show")];
    this.part("overlay-token").hidden = !asked.get("token");
    this.root.addEventListener("change", (event) => this.change(event.target));
    this.address.addEventListener("focus", () => this.address.select());
    this.part("overlay-copy").addEventListener("click", () => this.copy());
    this.part("overlay-close").addEventListener("click", () => this.root.close());
    this.root.addEventListener("click", (event) => {
      if (event.target === this.root) {
        this.root.close(); // A click beside it.
      }
    });
    this.tickPartsOfLayout();
  }

  part(name) {
    return this.root.querySelector(`.${name}`);
  }

  /** Opens it for the source `chosen` of `names`, or for all of them. */
  open(names, chosen = ALL) {
    const choices = names.map((name) => choice(name, name));
    this.source.replaceChildren(choice(ALL, "all sources"), ...choices);
    this.source.value = chosen;
    this.update();
    this.root.showModal();
  }

  change(control) {
    if (control.name === "layout") {
      this.tickPartsOfLayout();
    }
    this.update();
  }

  tickPartsOfLayout() {
    for (const box of this.shows) {
      box.checked = PARTS[this.part("overlay-layout").value].includes(box.value);
    }
  }

  update() {
    const { value: source } = this.source;
    this.part("overlay-all-hint").hidden = source !== ALL;
    this.address.value = overlayAddress(
      {
        // All that this page shows, if that is not simply all.
        sources: source === ALL ? askedSources : [source],
        theme: this.part("overlay-theme").value,
        layout: this.part("overlay-layout").value,
        show: this.shows.filter((box) => box.checked).map((box) => box.value),
        token: asked.get("token"),
      },
      location.href,
    );
    this.part("overlay-open").href = this.address.value;
    setText(this.part("overlay-copied"), "");
  }

  async copy() {
    const words = (await copied(this.address))
      ? "Copied."
      : "This browser does not let the page copy. The address is selected: press Ctrl+C.";
    // Emptied before, so that a second copy is said again.
    setText(this.part("overlay-copied"), "");
    setTimeout(() => setText(this.part("overlay-copied"), words), 50);
  }
}

function choice(value, words) {
  const option = element("option", "", words);
  option.value = value;
  return option;
}

/** Copies what a text field holds, or selects it and returns false. */
async function copied(field) {
  try {
    // There on https and on this machine only.
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}
