/* Names, hues (degrees) and colours of the genres. */

// The colours differ in lightness as well as in hue, so that people with colour blindness can
// distinguish them, and all of them are visible on a black background.
const GENRES = {
  BR: { name: "break", hue: 25, colour: "#fb716b" },
  PO: { name: "pop", hue: 345, colour: "#af3b85" },
  LO: { name: "lock", hue: 85, colour: "#ab810b" },
  MH: { name: "middle hip-hop", hue: 260, colour: "#3977de" },
  LH: { name: "LA-style hip-hop", hue: 225, colour: "#07a4cf" },
  HO: { name: "house", hue: 155, colour: "#6cfaa7" },
  WA: { name: "waack", hue: 320, colour: "#f0b0ff" },
  KR: { name: "krump", hue: 50, colour: "#ffa571" },
  JS: { name: "street jazz", hue: 190, colour: "#07cac2" },
  JB: { name: "ballet jazz", hue: 295, colour: "#e9e4fd" },
};

/** Use the genre names of the running model, which may have other genres than those of AIST. */
export function setGenreNames(names) {
  for (const [code, name] of Object.entries(names)) {
    GENRES[code] = { hue: hueFromCode(code), ...GENRES[code], name };
  }
}

export function genreName(code) {
  return GENRES[code]?.name ?? code;
}

export function genreHue(code) {
  return GENRES[code]?.hue ?? hueFromCode(code);
}

/** Return the colour of a genre as #rrggbb. */
export function genreColour(code) {
  return GENRES[code]?.colour ?? colourFromHue(genreHue(code), 0.5 + (genreHue(code) % 7) / 20);
}

/** Return black or white, whichever has the higher contrast to #rrggbb: at least 4.5 to 1. */
export function textColourOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const value = parseInt(colour.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

/** Derive a hue from a code, so that the genre has the same hue everywhere. */
function hueFromCode(code) {
  return [...code].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 360;
}

function colourFromHue(hue, lightness) {
  const channel = (shift) => {
    const at = (shift + hue / 30) % 12;
    const value = lightness - 0.35 * Math.max(-1, Math.min(at - 3, 9 - at, 1));
    const byte = Math.round(255 * Math.min(Math.max(value, 0), 1));
    return byte.toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}
