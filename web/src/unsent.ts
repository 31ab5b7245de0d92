// Batches that were chosen and not sent, kept on this device over a reload, a crash or a closed laptop.
// Without Web Locks (pages without TLS on another machine) nothing is kept: another tab's batches look the same.

const DATABASE = "imagejobs";
const STORE = "unsent";
const MAX_KEPT_BYTES = 300_000_000;
const KEPT_MS = 24 * 3_600_000;
const LOCK = "imagejobs.page.";

export interface Batch {
  /** The Idempotency-Key of all tries, also those after a reload. */
  key: string;
  files: File[];
  fields: [string, string][];
}

interface Kept extends Batch {
  page: string;
  at: number;
}

const page = crypto.randomUUID?.() ?? "";
let keptBytes = 0;
let database: Promise<IDBDatabase> | null = null;

/** Hold a lock as long as this page is open: batches of a page without one were left behind. */
function isAvailable(): boolean {
  return Boolean(page && navigator.locks && window.indexedDB);
}

if (isAvailable()) void navigator.locks.request(LOCK + page, () => new Promise(() => {}));

function open(): Promise<IDBDatabase> {
  database ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open(DATABASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "key" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return database;
}

async function inStore<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const store = (await open()).transaction(STORE, mode).objectStore(STORE);
  return new Promise((resolve, reject) => {
    const asked = act(store);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

/** Keep a batch until it is forgotten; what the browser has no room for is not kept. */
export async function keepBatch(batch: Batch): Promise<void> {
  const bytes = batch.files.reduce((sum, file) => sum + file.size, 0);
  if (!isAvailable() || keptBytes + bytes > MAX_KEPT_BYTES) return;
  keptBytes += bytes;
  const kept: Kept = { ...batch, page, at: Date.now() };
  await inStore("readwrite", (store) => store.put(kept)).catch(() => {});
}

export async function forgetBatch(key: string): Promise<void> {
  if (isAvailable()) await inStore("readwrite", (store) => store.delete(key)).catch(() => {});
}

/** Return the batches that pages left behind which are no longer open; old ones are deleted. */
export async function leftBatches(): Promise<Batch[]> {
  if (!isAvailable()) return [];
  try {
    const held = (await navigator.locks.query()).held?.map((each) => each.name) ?? [];
    const all = await inStore<Kept[]>("readonly", (store) => store.getAll());
    for (const each of all) if (Date.now() - each.at > KEPT_MS) await forgetBatch(each.key);
    return all.filter((each) => Date.now() - each.at <= KEPT_MS && !held.includes(LOCK + each.page));
  } catch {
    return [];
  }
}
