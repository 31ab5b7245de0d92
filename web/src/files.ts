// Files from a drop, the clipboard or an input: folders become their files, and the rest is left out.

export const MAX_FILES = 10_000;
export const MAX_BATCH_FILES = 50;
export const MAX_BATCH_BYTES = 64_000_000;

/** Return the files of a drop, also those in folders below folders. */
export async function droppedFiles(data: DataTransfer): Promise<File[]> {
  // The entries must be taken at once: the list is empty after the first await.
  const entries = [...data.items].map((each) => each.webkitGetAsEntry?.() ?? null);
  const loose = [...data.files];
  if (!entries.some((each) => each?.isDirectory)) return usable(loose);
  const found: File[] = [];
  for (const entry of entries) if (entry) await walk(entry, found);
  return usable(found);
}

async function walk(entry: FileSystemEntry, found: File[]): Promise<void> {
  if (found.length >= MAX_FILES) return;
  if (entry.isFile) {
    found.push(await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)));
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const each of some) await walk(each, found);
  }
}

/** Return the files without those that systems leave in folders (.DS_Store, Thumbs.db), at most 10,000. */
export function usable(files: Iterable<File>): File[] {
  return [...files].filter((each) => each.size && !/^\.|^thumbs\.db$|^desktop\.ini$/i.test(each.name)).slice(0, MAX_FILES);
}

/** Split files into batches that a server with its default limits takes. */
export function splitBatches(files: File[]): File[][] {
  const batches: File[][] = [];
  let bytes = 0;
  for (const file of files) {
    const last = batches.at(-1);
    if (!last || last.length >= MAX_BATCH_FILES || bytes + file.size > MAX_BATCH_BYTES) {
      batches.push([file]);
      bytes = file.size;
    } else {
      last.push(file);
      bytes += file.size;
    }
  }
  return batches;
}
