/* What the genres are called, and each one's hue in degrees. */

const GENRES = {
  BR: { name: "break", hue: 25 },
  PO: { name: "pop", hue: 345 },
  LO: { name: "lock", hue: 85 },
  MH: { name: "middle hip-hop", hue: 260 },
  LH: { name: "LA-style hip-hop", hue: 225 },
  HO: { name: "house", hue: 155 },
  WA: { name: "waack", hue: 320 },
  KR: { name: "krump", hue: 50 },
  JS: { name: "street jazz", hue: 190 },
  JB: { name: "ballet jazz", hue: 295 },
};

/** Takes over the names of the model that is running, which may know other genres than AIST's. */
export function learnGenres(names) {
  for (const [code, name] of Object.entries(names)) {
    GENRES[code] = { hue: hueOf(code), ...GENRES[code], name };
  }
}

export function genreName(code) {
  return GENRES[code]?.name ?? code;
}

export function genreHue(code) {
  return GENRES[code]?.hue ?? hueOf(code);
}

/** The same for the same code, wherever it is shown. */
function hueOf(code) {
  return [...code].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 360;
}
