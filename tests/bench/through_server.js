// The rival of the load bench: a usual server with Node, sharp and the AWS SDK at their defaults. A form's file is held in memory,
// made 720 pixels wide, put into S3 (with `both` the original too, at the same time), and answered with a signed link.
// usage: node through_server.js FOLDER_OF_MODULES both|result ENDPOINT BUCKET; credentials are in the environment. Prints its port.
const http = require('http');
const path = require('path');
const { randomUUID } = require('crypto');
const [modules, keep, endpoint, bucket] = process.argv.slice(2);
const load = (name) => require(path.join(modules, name));
const [sharp, busboy] = [load('sharp'), load('busboy')];
const { S3Client, PutObjectCommand, GetObjectCommand } = load('@aws-sdk/client-s3');
const { getSignedUrl } = load('@aws-sdk/s3-request-presigner');
const s3 = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true });

function readForm(request) {
  return new Promise((resolve, reject) => {
    const [form, options] = [busboy({ headers: request.headers }), {}];
    let file = null;
    form.on('field', (name, value) => { options[name] = value; });
    form.on('file', (_, stream) => {
      const chunks = [];
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('end', () => { file = Buffer.concat(chunks); });
    });
    form.on('close', () => resolve({ file, options }));
    form.on('error', reject);
    request.pipe(form);
  });
}

const put = (Key, Body, ContentType) => s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ContentType }));

async function resize(request) {
  const { file, options } = await readForm(request);
  const id = randomUUID();
  const key = `outputs/${id}.jpg`;
  const original = keep === 'both' ? put(`uploads/${id}/0`, file, 'application/octet-stream') : null;
  const image = sharp(file).autoOrient().resize({ width: Number(options.width) }).jpeg({ quality: Number(options.quality) });
  const { data, info } = await image.toBuffer({ resolveWithObject: true });
  await Promise.all([original, put(key, data, 'image/jpeg')]);
  const link = await getSignedUrl(s3, new GetObjectCommand({ Bucket: bucket, Key: key }), { expiresIn: 3600 });
  return { id, download_url: link, width: info.width, height: info.height, format: 'jpeg', bytes: info.size };
}

const server = http.createServer(async (request, response) => {
  let [status, body] = [200, {}];
  try {
    body = await resize(request);
  } catch (error) {
    [status, body] = [500, { error: String(error) }];
  }
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
