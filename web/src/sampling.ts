// Samples of pictures whose bytes are sent once: each further one names the job that has them.
import { ApiError, type Result, deleteJob, postSample } from "./api";

/** A file of this page, or the id of an image that the server has. */
export type Original = File | string;

interface Holder {
  /** The job that the file was sent with; "" if the server kept nothing. */
  id: Promise<string>;
  sending: AbortController;
}

const holders = new Map<File, Holder>();

/**
 * Make a sample of a picture.
 *
 * @param signal Ends the wait; a file goes on being sent, for the next sample of it.
 */
export async function sampleOf(
  original: Original,
  fields: [string, string][],
  signal?: AbortSignal,
): Promise<Result> {
  if (typeof original === "string") return postSample(original, fields, signal);
  for (;;) {
    const holder = holders.get(original);
    if (!holder) return sendFile(original, fields);
    const id = await holder.id;
    signal?.throwIfAborted();
    if (!id) continue;
    try {
      return { ...(await postSample(id, fields, signal)), name: original.name, bytes_in: original.size };
    } catch (error) {
      if (!isGone(error)) throw error;
      if (holders.get(original) === holder) holders.delete(original);
    }
  }
}

/** Delete a sample that nobody looks at any more, unless later ones need its file. */
export async function dropSample(file: File, jobId: string): Promise<void> {
  if ((await holders.get(file)?.id) !== jobId) deleteJob(jobId);
}

/** Delete a file from the server, or stop sending it: no more samples of it are wanted. */
export function releaseFile(file: File): void {
  const holder = holders.get(file);
  holders.delete(file);
  holder?.sending.abort();
  void holder?.id.then((id) => id && deleteJob(id));
}

function sendFile(file: File, fields: [string, string][]): Promise<Result> {
  const sending = new AbortController();
  const made = postSample(file, fields, sending.signal);
  const holder: Holder = {
    id: made.then(
      (result) => result.job_id,
      (error) => (error instanceof ApiError ? error.problem.jobId : ""),
    ),
    sending,
  };
  holders.set(file, holder);
  void holder.id.then((id) => {
    if (!id && holders.get(file) === holder) holders.delete(file);
  });
  return made;
}

/** The job has ended, and its file went with it. */
function isGone(error: unknown): boolean {
  return error instanceof ApiError && ["not_found", "source_not_found"].includes(error.problem.code);
}
