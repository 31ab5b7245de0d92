// Calls the service by what openapi-typescript and openapi-fetch make of its document.
import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { paths } from "./generated/schema";

async function main(): Promise<void> {
  const [address = "", photo = ""] = process.argv.slice(2);
  const api = createClient<paths>({ baseUrl: address });
  const made = await api.POST("/api/resize", {
    body: { image: "", width: 40 },
    bodySerializer: (fields) => {
      const form = new FormData();
      form.set("image", new Blob([readFileSync(photo)]), "photo.jpg");
      form.set("width", String(fields.width));
      return form;
    },
  });
  if (!made.data) throw new Error(JSON.stringify(made.error));
  const job = await api.GET("/api/jobs/{id}", { params: { path: { id: made.data.job_id } } });
  const missing = await api.GET("/api/progress/{id}", { params: { path: { id: "absent" } } });
  console.log(made.data.width, job.data?.state, missing.error?.code);
}

void main();
