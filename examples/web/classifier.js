// A .tflite file that keras_inception exported, run by LiteRT.js on the visitor's processor.
import {loadLiteRt, loadAndCompile, Tensor} from '@litertjs/core';

const WASM = new URL('./node_modules/@litertjs/core/wasm/', import.meta.url).href;
const CENTRAL = 0.875; // of each side: keras_inception.data.preprocessing.evaluation_view
const MEGAPIXELS = 64;

/** Fetches a file; `onProgress` gets the share that is there, or NaN where it is not known. */
export async function fetched(url, onProgress = () => {}) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} cannot be loaded: ${response.status} ${response.statusText}`);
  const total = Number(response.headers.get('Content-Length'));
  const parts = [];
  let length = 0;
  for (const reader = response.body.getReader(); ;) {
    const {done, value} = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    onProgress(total ? Math.min(1, length / total) : NaN);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

export class Classifier {
  /** Loads `url` and the labels beside it, `NAME.labels.txt` for `NAME.tflite`. */
  static async load(url, onProgress) {
    const threads = globalThis.crossOriginIsolated;
    const [bytes, text] = await Promise.all([
      fetched(url, onProgress),
      fetched(url.replace(/\.tflite$/, '.labels.txt')),
      loadLiteRt(WASM, threads ? {threads: true} : undefined),
    ]);
    const labels = new TextDecoder().decode(text).trimEnd().split('\n');
    return new Classifier(await loadAndCompile(bytes, {accelerator: 'wasm'}), labels);
  }

  constructor(model, labels) {
    this.model = model;
    this.labels = labels;
    const [input] = model.getInputDetails();
    [, this.size] = input.shape;
    this.isUint8 = input.dtype === 'uint8';
  }

  /** The likeliest classes of pixels as `view` gives them: `[{label, score}]`, best first. */
  async classify(pixels, count = 5) {
    const values = this.isUint8 ? Uint8Array.from(pixels, Math.round)
                                : Float32Array.from(pixels, value => value * (2 / 255) - 1);
    const input = new Tensor(values, [1, this.size, this.size, 3]);
    const [output] = await this.model.run(input);
    const found = await output.data();
    const scale = found instanceof Uint8Array ? 1 / 256 : 1;
    const scores = Float32Array.from(found, value => value * scale);
    input.delete();
    output.delete();
    if (scores.length !== this.labels.length) {
      throw new Error(`the network has ${scores.length} classes and ${this.labels.length} labels`);
    }
    if (!scores.every(Number.isFinite)) throw new Error('the network gives no numbers');
    const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, count);
    return order.map(i => ({label: this.labels[i], score: scores[i]}));
  }
}

/** Decodes a picture; throws where it is none that this browser reads, or far too large. */
export async function decoded(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    throw new Error('this is not a picture that can be read');
  }
  if (bitmap.width * bitmap.height > MEGAPIXELS * 1e6) {
    bitmap.close();
    throw new Error(`this picture is larger than ${MEGAPIXELS} megapixels`);
  }
  return bitmap;
}

/** What the network sees: the middle of the picture, squashed to a square, numbers in [0, 255]. */
export function view(bitmap, size) {
  const [left, top] = [bitmap.width, bitmap.height].map(side => Math.trunc((side - side * CENTRAL) / 2));
  const [columns, rows] = [bitmap.width - 2 * left, bitmap.height - 2 * top];
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(bitmap, -left, -top);
  return resized(context.getImageData(0, 0, columns, rows).data, rows, columns, size);
}

/** TensorFlow 1's bilinear resize: pixel 0 on pixel 0, nothing smoothed before. RGBA to RGB. */
export function resized(pixels, rows, columns, size) {
  const places = (length) => Array.from({length: size}, (_, i) => {
    const at = i * (length / size), low = Math.floor(at);
    return [low, Math.min(low + 1, length - 1), at - low];
  });
  const result = new Float32Array(size * size * 3);
  const across = places(columns);
  let place = 0;
  for (const [upper, lower, down] of places(rows)) {
    for (const [left, right, aside] of across) {
      for (let channel = 0; channel < 3; channel++) {
        const value = (row, column) => pixels[4 * (row * columns + column) + channel];
        const above = value(upper, left) + (value(upper, right) - value(upper, left)) * aside;
        const below = value(lower, left) + (value(lower, right) - value(lower, left)) * aside;
        result[place++] = above + (below - above) * down;
      }
    }
  }
  return result;
}
