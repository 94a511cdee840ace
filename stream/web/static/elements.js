/* The few things that both pages do with elements. */

/** A new element of `tag` and `className`, holding `content`: text or another element. */
export function element(tag, className, content = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.append(content);
  return made;
}

/** The first element of a template, to be filled. */
export function clone(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

/** Only where it differs: each change costs a layout. */
export function setText(target, text) {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

/** Sets text and hides the element where there is none. */
export function setTextOrHide(target, text) {
  setText(target, text);
  target.hidden = text === "";
}

/** The words of a name, each in an element of its own: "hip-hop" is not to break at its hyphen. */
export function unbroken(name) {
  const words = name.split(" ").map((word) => element("span", "word", word));
  return words.flatMap((word, i) => (i ? [" ", word] : [word]));
}
