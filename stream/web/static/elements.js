/* Helpers for DOM elements. */

/** Create an element that contains `content`, a text or another element. */
export function createElement(tag, className, content = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.append(content);
  return element;
}

/** Return a copy of the first element of a template. */
export function cloneTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** Set the text only if it differs: each change costs a layout. */
export function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Set the text, and hide the element if the text is empty. */
export function setTextOrHide(element, text) {
  setText(element, text);
  element.hidden = text === "";
}

/** Set a data attribute only if it differs. */
export function setData(element, name, value) {
  if (element.dataset[name] !== value) {
    element.dataset[name] = value;
  }
}

/** Split a name into one element per word, so that "hip-hop" cannot break at its hyphen. */
export function unbreakableWords(name) {
  const words = name.split(" ").map((word) => createElement("span", "word", word));
  return words.flatMap((word, i) => (i ? [" ", word] : [word]));
}
