/* Metadata of an ONNX file, which onnxruntime-web does not provide. */

// Numbers of fields in onnx.proto.
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;

// Wire types of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/).
const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

/**
 * Yield the fields of a Protocol Buffers message that contain bytes; skip all others.
 *
 * @param {Uint8Array} message
 * @returns {Generator<[number, Uint8Array]>} Number and content of each field.
 * @throws {RangeError} The message is damaged.
 */
function* byteFields(message) {
  let position = 0;

  /** @returns {number} */
  const readVarint = () => {
    let value = 0;
    // Bitwise operators would truncate to 32 bits.
    for (let factor = 1; ; factor *= 128) {
      if (position >= message.length || factor > 2 ** 63) {
        throw new RangeError("the file is truncated or not an ONNX file");
      }
      const byte = message[position];
      position += 1;
      value += (byte & 127) * factor;
      if (byte < 128) {
        return value;
      }
    }
  };

  while (position < message.length) {
    const tag = readVarint();
    const type = tag % 8;
    if (type === VARINT) {
      readVarint();
      continue;
    }
    const sizes = { [FIXED_64]: 8, [FIXED_32]: 4 };
    const size = type === BYTES ? readVarint() : sizes[type];
    if (size === undefined || position + size > message.length) {
      throw new RangeError("the file is truncated or not an ONNX file");
    }
    if (type === BYTES) {
      yield [Math.floor(tag / 8), message.subarray(position, position + size)];
    }
    position += size;
  }
}

/**
 * Return the `metadata_props` of an ONNX file.
 *
 * @param {Uint8Array} model Content of the file.
 * @returns {Map<string, string>}
 * @throws {RangeError} The file is damaged.
 * @throws {TypeError} A text is not UTF-8.
 */
export function readMetadata(model) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const metadata = new Map();
  for (const [field, entry] of byteFields(model)) {
    if (field === METADATA_PROPS) {
      const parts = new Map(byteFields(entry));
      const [key, value] = [KEY, VALUE].map((part) => decoder.decode(parts.get(part)));
      metadata.set(key, value);
    }
  }
  return metadata;
}
