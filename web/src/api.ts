// The API's calls, and where the key is kept. Nothing else of the page speaks HTTP.

export interface Problem {
  code: string;
  detail: string;
  status: number;
  retryAfterSeconds: number;
  /** The job that it is about; "" if there is none. */
  jobId: string;
}

export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

export interface ErrorBody {
  code: string;
  message: string;
  advice?: string;
  retryable: boolean;
}

export interface Progress {
  job_id: string;
  state: string;
  progress: number;
  total: number;
  done: number;
  failed: number;
  error: ErrorBody | null;
}

export interface JobSummary extends Progress {
  name: string | null;
  created: string | null;
  completed: string | null;
  watch_url?: string | null;
}

export interface Job extends JobSummary {
  bytes_in: number;
  bytes_out: number;
  cpu_seconds: number;
  estimated_remaining_seconds: number | null;
  expires?: string;
}

export interface Output {
  variant: string;
  width: number;
  height: number;
  bytes: number;
  format: string;
  kept_original: boolean;
  download_url: string;
}

export interface Result {
  job_id: string;
  name: string;
  state: string;
  bytes_in: number | null;
  outputs: Output[];
  error: ErrorBody | null;
}

/** One result of each picture: a name, and options as the API has them. */
export type Variant = { name: string } & Record<string, string | number | boolean>;

export interface Preset {
  name: string;
  description: string;
  variants: Variant[];
}

export interface UsageSum {
  jobs: number;
  images: number;
  failed: number;
  bytes_saved: number;
  saved_percent: number | null;
  cpu_seconds: number;
}

export interface Usage {
  total: UsageSum;
  /** Oldest first, in UTC; only days on which a job ended. */
  days: (UsageSum & { day: string })[];
}

export type CopyForm = "curl" | "cli" | "python" | "yaml";

export interface Batch {
  batch_job_id: string;
  watch_url: string | null;
}

const SAMPLE_SECONDS = 30;
const KEY = "imagejobs.key";
let memoryKey = "";

export function currentKey(): string {
  return memoryKey || sessionStorage.getItem(KEY) || "";
}

/** Keep the key in memory, and, if asked, until the tab is closed. It never goes into an address. */
export function keepKey(key: string, inSession: boolean): void {
  memoryKey = key;
  if (inSession) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

export function forgetKey(): void {
  memoryKey = "";
  sessionStorage.removeItem(KEY);
}

export function authorization(key = currentKey()): Record<string, string> {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

export function toProblem(status: number, text: string, retryAfter: string | null): Problem {
  let body: Partial<Problem & { job_id: string }> = {};
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    // A proxy's own page: the status says enough.
  }
  return {
    code: body.code ?? (status ? "internal_error" : "unreachable"),
    detail: body.detail ?? "",
    status,
    retryAfterSeconds: Number(retryAfter) || 0,
    jobId: body.job_id ?? "",
  };
}

async function call<T>(url: string, init: RequestInit = {}): Promise<T> {
  const answer = await request(url, init);
  return (answer.status === 204 ? null : await answer.json()) as T;
}

async function request(url: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, {
      ...init,
      headers: { Accept: "application/json", ...authorization(), ...init.headers },
      credentials: "omit",
    });
  } catch {
    throw new ApiError(toProblem(0, "", null));
  }
  if (!answer.ok) throw new ApiError(toProblem(answer.status, await answer.text(), answer.headers.get("Retry-After")));
  return answer;
}

/** Where one job is read: with the key, or by its watch link. Addresses are of this origin. */
export interface Source {
  job: string;
  results: string;
  events: string | null;
  archive: string;
  canWrite: boolean;
}

export function ownSource(id: string): Source {
  const job = `/api/jobs/${id}`;
  return {
    job,
    results: `${job}/results`,
    // An EventSource sends no key: with one, the job's watch link is used as soon as it is known.
    events: currentKey() ? null : `/api/progress/${id}/events`,
    archive: `${job}/archive`,
    canWrite: true,
  };
}

export function watchSource(ticket: string): Source {
  const job = `/watch/${ticket}`;
  return { job, results: `${job}/results`, events: `${job}/events`, archive: `${job}/archive`, canWrite: false };
}

/**
 * Return the address by which the browser saves a result; null where only a request with the key gets there.
 * The job's watch link needs none.
 */
export function saveAddress(jobs: Job[], source: Source, imageId: string): string | null {
  const job = jobs.find((each) => imageId.startsWith(`${each.job_id}-`));
  if (!job) return null;
  const index = imageId.slice(job.job_id.length + 1);
  const ticket = ticketOf(job.watch_url);
  if (ticket) return `/watch/${ticket}/download/${index}?attachment=true`;
  if (!source.canWrite) return `${source.job}/download/${index}?attachment=true`;
  return currentKey() ? null : `/api/download/${imageId}?attachment=true`;
}

/** Return the last part of a watch link, which is read at this page's own address, whatever PUBLIC_URL says. */
export function ticketOf(watchUrl: string | null | undefined): string | null {
  return watchUrl ? (watchUrl.split("/watch/")[1] ?? null) : null;
}

export const getJob = (source: Source) => call<Job>(source.job);

export const listJobs = (state: string, cursor: string) => {
  const query = new URLSearchParams({ limit: "20" });
  if (state) query.set("state", state);
  if (cursor) query.set("cursor", cursor);
  return call<{ jobs: JobSummary[]; next_cursor: string | null }>(`/api/jobs?${query}`);
};

export const listResults = (source: Source, cursor: string) =>
  call<{ results: Result[]; next_cursor: string | null }>(
    `${source.results}?limit=1000${cursor ? `&cursor=${cursor}` : ""}`,
  );

export const command = (id: string, action: "suspend" | "resume" | "cancel" | "retry") =>
  call<Job>(`/api/jobs/${id}/${action}`, { method: "POST" });

export const listPresets = () => call<{ presets: Preset[] }>("/api/presets").then((body) => body.presets);

/** Return what the caller used in the last month. */
export const getUsage = () => call<Usage>("/api/usage");

export const copyOfJob = (id: string, form: CopyForm) =>
  request(`/api/jobs/${id}?as=${form}`, { headers: { Accept: "text/plain" } }).then((answer) => answer.text());

/** Return the results as `<picture>` elements, all pages of them. */
export async function picturesHtml(source: Source): Promise<string> {
  const found: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: { pictures: { html: string }[]; next_cursor: string | null } = await call(
      `${source.results}?as=picture&limit=1000${cursor ? `&cursor=${cursor}` : ""}`,
    );
    found.push(...page.pictures.map((each) => each.html));
    cursor = page.next_cursor;
  }
  return found.join("\n");
}

/** Save an answer as a file. It is asked for by this page, because a link could send no key. */
export async function save(url: string, accept: string, name: string): Promise<void> {
  const answer = await request(url, { headers: { Accept: accept } });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

interface SampleBody extends Omit<Output, "variant"> {
  job_id: string;
  state: string;
  outputs?: Output[];
}

/**
 * Make a sample of one picture, and return it as a result.
 *
 * @param image A file, or the id of an image that the server has: that is not sent again.
 * @throws ApiError also with the code `sample_slow`, which is this page's own: it takes longer than anybody looks.
 */
export async function postSample(
  image: File | string,
  fields: [string, string][],
  signal?: AbortSignal,
): Promise<Result> {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  if (typeof image === "string") form.append("image_of", image);
  else form.append("image", image, image.name);
  const answer = await request("/api/sample", {
    method: "POST",
    body: form,
    headers: { Prefer: `wait=${SAMPLE_SECONDS}` },
    signal: signal ?? null,
  });
  const body = (await answer.json()) as SampleBody;
  if (answer.status !== 200) {
    deleteJob(body.job_id);
    throw new ApiError({ code: "sample_slow", detail: "", status: 202, retryAfterSeconds: 0, jobId: "" });
  }
  const outputs = body.outputs ?? [{ ...body, variant: "" }];
  const [name, size] = typeof image === "string" ? [image, null] : [image.name, image.size];
  return { job_id: body.job_id, name, state: body.state, bytes_in: size, outputs, error: null };
}

/** Delete a job of which nobody needs anything; one that is gone already is as good. */
export function deleteJob(id: string): void {
  request(`/api/jobs/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

/** Send one batch; `onSent` is told the share of bytes that have gone out. */
export function postBatch(
  files: File[],
  fields: [string, string][],
  idempotencyKey: string,
  onSent: (share: number) => void,
): Promise<Batch> {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  for (const file of files) form.append("images[]", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch cannot tell how much of a body was sent
    request.open("POST", "/api/batch");
    const headers = { Accept: "application/json", Prefer: "respond-async", "Idempotency-Key": idempotencyKey };
    for (const [name, value] of Object.entries({ ...headers, ...authorization() })) {
      request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => onSent(event.total ? event.loaded / event.total : 0);
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText) as Batch);
      else {
        const after = request.getResponseHeader("Retry-After");
        reject(new ApiError(toProblem(request.status, request.responseText, after)));
      }
    };
    request.onerror = () => reject(new ApiError(toProblem(0, "", null)));
    request.send(form);
  });
}
