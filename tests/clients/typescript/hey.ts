// Calls the service by what @hey-api/openapi-ts makes of its document.
import { readFileSync } from "node:fs";
import { client } from "./generated/hey/client.gen";
import { getJob, getProgress, resizeImage } from "./generated/hey/sdk.gen";

async function main(): Promise<void> {
  const [address = "", photo = ""] = process.argv.slice(2);
  client.setConfig({ baseUrl: address });
  const image = new File([readFileSync(photo)], "photo.jpg");
  const made = await resizeImage({ body: { image, width: 40 } });
  if (!made.data) throw new Error(JSON.stringify(made.error));
  const job = await getJob({ path: { id: made.data.job_id } });
  const missing = await getProgress({ path: { id: "absent" } });
  console.log(made.data.width, job.data?.state, missing.error?.code);
}

void main();
