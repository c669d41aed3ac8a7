// The page: a picture in, bars out. What computes is in classifier.js.
import {Classifier, decoded, fetched, view} from './classifier.js';

const FOLDER = new URLSearchParams(location.search).get('folder') ?? 'build/';
const element = id => document.getElementById(id);

function say(text, isError = false) {
  element('status').textContent = text;
  element('status').classList.toggle('error', isError);
}

function showProgress(share) {
  if (Number.isNaN(share)) element('progress').removeAttribute('value');
  else element('progress').value = share;
}

function showPixels(pixels, size) {
  const image = new ImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    image.data.set([...pixels.subarray(3 * i, 3 * i + 3), 255], 4 * i);
  }
  const canvas = element('shown');
  canvas.width = canvas.height = size;
  canvas.getContext('2d').putImageData(image, 0, 0);
}

function showClasses(classes) {
  element('classes').replaceChildren(...classes.map(({label, score}) => {
    const item = document.createElement('li');
    const row = document.createElement('div');
    row.className = 'row';
    const [name, percent] = [label.replaceAll('_', ' '), `${(100 * score).toFixed(1)} %`];
    for (const text of [name, percent]) {
      row.append(Object.assign(document.createElement('span'), {textContent: text}));
    }
    const meter = Object.assign(document.createElement('meter'), {value: score, max: 1});
    meter.setAttribute('aria-label', `${name}: ${percent}`);
    item.append(row, meter);
    return item;
  }));
}

let latest = 0; // the number of the picture that was asked for last

async function show(classifier, blob, name) {
  const mine = ++latest;
  element('result').hidden = true;
  say(`Looking at ${name} …`);
  try {
    const bitmap = await decoded(blob);
    const pixels = view(bitmap, classifier.size);
    bitmap.close();
    const start = performance.now();
    const classes = await classifier.classify(pixels);
    if (mine !== latest) return; // another picture was chosen meanwhile
    element('time').textContent = `${(performance.now() - start).toFixed(0)} ms on this device`;
    showPixels(pixels, classifier.size);
    showClasses(classes);
    element('result').hidden = false;
    say(`${name}: ${classes[0].label.replaceAll('_', ' ')}`);
  } catch (error) {
    if (mine === latest) say(`${name}: ${error.message}.`, true);
  }
}

async function addSamples(classifier) {
  let names;
  try {
    names = JSON.parse(new TextDecoder().decode(await fetched(`${FOLDER}pictures.json`)));
  } catch {
    return; // a page without samples is complete too
  }
  for (const name of names) {
    const button = Object.assign(document.createElement('button'), {type: 'button'});
    const url = `${FOLDER}${name}`;
    const words = name.replace(/\.\w+$/, '').replaceAll('_', ' ');
    button.append(Object.assign(new Image(), {src: url, alt: words}));
    button.addEventListener('click', async () => show(classifier, new Blob([await fetched(url)]), words));
    element('samples').append(button);
  }
  element('samples').hidden = !names.length;
}

function listen(classifier) {
  const drop = element('drop'), file = element('file');
  const take = files => files.length && show(classifier, files[0], files[0].name);
  file.addEventListener('change', () => take(file.files));
  for (const [type, over] of [['dragenter', 1], ['dragover', 1], ['dragleave', 0], ['drop', 0]]) {
    document.addEventListener(type, event => {
      event.preventDefault(); // a picture that misses the frame is no new page
      drop.classList.toggle('over', Boolean(over));
    });
  }
  document.addEventListener('drop', event => take(event.dataTransfer.files));
  file.disabled = element('samples').disabled = false;
}

try {
  const classifier = await Classifier.load(`${FOLDER}model.tflite`, showProgress);
  await addSamples(classifier);
  listen(classifier);
  document.body.dataset.state = 'ready';
} catch (error) {
  say(`The network cannot be loaded: ${error.message}`, true);
  document.body.dataset.state = 'failed';
}
element('loading').hidden = true;
