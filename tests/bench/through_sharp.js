// One contestant, one case: sharp at its defaults in one warm process, without its cache. Prints a line of JSON.
// usage: node through_sharp.js FOLDER_OF_SHARP CASE
const fs = require('fs');
const [home, order] = process.argv.slice(2);
const sharp = require(home);
const work = JSON.parse(order);
sharp.cache(false);
sharp.concurrency(1);

async function render(source) {
  const image = sharp(source, { animated: work.animated, limitInputPixels: false }).autoOrient().resize({ width: work.width });
  if (work.max_bytes) return fit(image, work.max_bytes);
  switch (work.format) {
    case 'jpeg': return image.jpeg({ quality: work.quality }).toBuffer();
    case 'webp': return image.webp({ quality: work.quality }).toBuffer();
    case 'avif': return image.avif({ quality: work.quality, effort: work.effort, chromaSubsampling: '4:2:0' }).toBuffer();
    case 'gif': return image.gif().toBuffer();
    default: return image.png().toBuffer();
  }
}

// sharp has no maximum size: its users resize once and bisect the quality.
async function fit(image, maxBytes) {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  let [low, high, best] = [1, 95, null];
  while (low <= high) {
    const quality = (low + high) >> 1;
    const file = await sharp(data, { raw: info }).jpeg({ quality }).toBuffer();
    if (file.length <= maxBytes) [low, best] = [quality + 1, file];
    else high = quality - 1;
  }
  return best;
}

async function main() {
  const source = fs.readFileSync(work.source);
  const data = await render(source);
  fs.writeFileSync(work.out, data);
  let images = 0;
  const [began, before] = [process.hrtime.bigint(), process.cpuUsage()];
  while (images < 2 || Number(process.hrtime.bigint() - began) < 1e9 * work.seconds) {
    await render(source);
    images += 1;
  }
  const [used, took] = [process.cpuUsage(before), Number(process.hrtime.bigint() - began) / 1e6];
  console.log(JSON.stringify({
    cpu_ms: (used.user + used.system) / 1000 / images, wall_ms: took / images, images, bytes: data.length,
    peak_mb: Number(/VmHWM:\s*(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) / 1024, versions: sharp.versions,
  }));
}
main();
