// Sends files in batches, one after the other, and tells how far that is. One queue for the whole page.
import { ApiError, type Problem, postBatch } from "./api";
import { MAX_FILES, splitBatches } from "./files";
import { go } from "./page";
import { formFields, readSettings } from "./settings";
import { type Batch, forgetBatch, keepBatch, leftBatches } from "./unsent";

const MAX_TRIES = 5;

export interface UploadState {
  total: number;
  sent: number;
  /** Of all bytes that are to be sent. */
  share: number;
  waitSeconds: number;
  isSending: boolean;
  /** Pictures that are looked at before they are sent. */
  chosen: File[];
  failed: { files: File[]; problem: Problem }[];
  /** Pictures that an earlier page chose and did not send. */
  left: number;
  /** Jobs of this drop, in the order of the files. */
  jobIds: string[];
}

const NOTHING: UploadState = {
  total: 0,
  sent: 0,
  share: 0,
  waitSeconds: 0,
  isSending: false,
  chosen: [],
  failed: [],
  left: 0,
  jobIds: [],
};

/** Files of this page by the id of their image, for the picture "before". */
export const originals = new Map<string, File>();

let state = NOTHING;
let queue: File[] = [];
let restored: Batch[] = [];
let left: Batch[] = [];
const listeners = new Set<() => void>();

export const uploadState = () => state;

export function onUpload(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function set(change: Partial<UploadState>): void {
  state = { ...state, ...change };
  for (const each of listeners) each();
}

/** Show files beside the settings before they are sent; while others are being sent they join these. */
export function chooseFiles(files: File[]): void {
  if (!files.length) return;
  if (state.isSending) {
    addFiles(files);
    return;
  }
  set({ chosen: [...state.chosen, ...files].slice(0, MAX_FILES) });
  if (window.location.pathname !== "/") go(`/${window.location.search}`);
}

export function sendChosen(): void {
  const { chosen } = state;
  set({ chosen: [] });
  addFiles(chosen);
}

export function forgetChosen(): void {
  set({ chosen: [] });
}

/** Add files; those of a drop while others are still being sent belong to the same page of jobs. */
function addFiles(files: File[]): void {
  if (!files.length) return;
  queue.push(...files);
  if (state.isSending) {
    set({ total: state.total + files.length });
    return;
  }
  start(files.length);
}

function start(total: number): void {
  set({ ...NOTHING, left: state.left, chosen: state.chosen, total, isSending: true });
  void sendAll();
}

/** Look for pictures that an earlier page left unsent. */
export async function findLeft(): Promise<void> {
  left = await leftBatches();
  set({ left: left.reduce((sum, each) => sum + each.files.length, 0) });
}

/** Send what was left, under the keys of the first tries: what had arrived is not taken twice. */
export function sendLeft(): void {
  const count = state.left;
  restored = left;
  left = [];
  set({ left: 0 });
  if (state.isSending) set({ total: state.total + count });
  else start(count);
}

export function forgetLeft(): void {
  for (const each of left) void forgetBatch(each.key);
  left = [];
  set({ left: 0 });
}

export function dismissFailed(): void {
  set({ failed: [] });
}

export function sendFailedAgain(): void {
  const again = state.failed.flatMap((each) => each.files);
  const jobIds = state.jobIds;
  set({ failed: [] });
  addFiles(again);
  set({ jobIds });
}

async function sendAll(): Promise<void> {
  window.addEventListener("beforeunload", warn);
  while (queue.length || restored.length) {
    const fields = formFields(readSettings(window.location.search));
    const batches = [...restored, ...splitBatches(queue).map((files) => ({ key: newKey(), files, fields }))];
    queue = [];
    restored = [];
    for (const batch of batches) await keepBatch(batch);
    for (const batch of batches) await sendBatch(batch);
  }
  window.removeEventListener("beforeunload", warn);
  set({ isSending: false, waitSeconds: 0 });
}

function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((it) => it.toString(16).padStart(2, "0")).join("");
}

async function sendBatch({ key, files, fields }: Batch): Promise<void> {
  const before = state.sent;
  for (let tries = 1; ; tries++) {
    try {
      // The same key for each try: a batch whose answer was lost is not taken twice.
      const answer = await postBatch(files, fields, key, (share) => {
        set({ share: (before + share * files.length) / state.total });
      });
      await forgetBatch(key);
      files.forEach((file, index) => originals.set(`${answer.batch_job_id}-${index}`, file));
      set({ sent: before + files.length, jobIds: [...state.jobIds, answer.batch_job_id] });
      return;
    } catch (error) {
      const { problem } = error as ApiError;
      const passes = problem.status === 0 || problem.status === 429 || problem.status === 503;
      if (!passes || tries >= MAX_TRIES) {
        await forgetBatch(key); // it is shown as failed, and sent again under a new key
        set({ sent: before + files.length, failed: [...state.failed, { files, problem }] });
        return;
      }
      await wait(Math.min(60, problem.retryAfterSeconds || 2 ** tries));
    }
  }
}

async function wait(seconds: number): Promise<void> {
  for (let left = Math.ceil(seconds); left > 0; left--) {
    set({ waitSeconds: left });
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  set({ waitSeconds: 0 });
}

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}
