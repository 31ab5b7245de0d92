// Sends files in batches, one after the other, and tells how far that is. One queue for the whole page.
import { ApiError, type Problem, postBatch } from "./api";
import { splitBatches } from "./files";
import { formFields, readSettings } from "./settings";

const MAX_TRIES = 5;

export interface UploadState {
  total: number;
  sent: number;
  /** Of all bytes that are to be sent. */
  share: number;
  waitSeconds: number;
  isSending: boolean;
  failed: { files: File[]; problem: Problem }[];
  /** Jobs of this drop, in the order of the files. */
  jobIds: string[];
}

const NOTHING: UploadState = {
  total: 0,
  sent: 0,
  share: 0,
  waitSeconds: 0,
  isSending: false,
  failed: [],
  jobIds: [],
};

/** Files of this page by the id of their image, for the picture "before". */
export const originals = new Map<string, File>();

let state = NOTHING;
let queue: File[] = [];
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

/** Add files; those of a drop while others are still being sent belong to the same page of jobs. */
export function addFiles(files: File[]): void {
  if (!files.length) return;
  queue.push(...files);
  if (state.isSending) {
    set({ total: state.total + files.length });
    return;
  }
  set({ ...NOTHING, total: files.length, isSending: true });
  void sendAll();
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
  while (queue.length) {
    const batches = splitBatches(queue);
    queue = [];
    for (const batch of batches) await sendBatch(batch);
  }
  window.removeEventListener("beforeunload", warn);
  set({ isSending: false, waitSeconds: 0 });
}

async function sendBatch(batch: File[]): Promise<void> {
  // The same key for each try: a batch whose answer was lost is not taken twice.
  const key = [...crypto.getRandomValues(new Uint8Array(16))].map((it) => it.toString(16).padStart(2, "0")).join("");
  const fields = formFields(readSettings(window.location.search));
  const before = state.sent;
  for (let tries = 1; ; tries++) {
    try {
      const answer = await postBatch(batch, fields, key, (share) => {
        set({ share: (before + share * batch.length) / state.total });
      });
      batch.forEach((file, index) => originals.set(`${answer.batch_job_id}-${index}`, file));
      set({ sent: before + batch.length, jobIds: [...state.jobIds, answer.batch_job_id] });
      return;
    } catch (error) {
      const { problem } = error as ApiError;
      const passes = problem.status === 0 || problem.status === 429 || problem.status === 503;
      if (!passes || tries >= MAX_TRIES) {
        set({ sent: before + batch.length, failed: [...state.failed, { files: batch, problem }] });
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
