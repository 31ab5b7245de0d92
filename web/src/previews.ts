// Previews from the server: of pictures that this browser cannot show, such as HEIC and TIFF, and of originals that
// this page no longer has. One after the other.
import { useEffect, useState } from "react";
import type { ApiError, Problem, Result } from "./api";
import { deleteJob } from "./api";
import { type Original, dropSample, sampleOf } from "./sampling";

/** More than a screen of them; a server keeps a bounded number for each caller. */
const MAX_KEPT = 40;
/** Less than a server keeps them. */
const KEPT_MS = 240_000;
const FIELDS: [string, string][] = [
  ["width", "1600"],
  ["height", "1600"],
  ["format", "webp"],
];

interface Preview {
  made: Promise<Result>;
  until: number;
}

/** Addresses that this browser could not show: they are not tried again where the picture is shown large. */
const notShown = new Set<string>();
const kept = new Map<Original, Preview>();
let last: Promise<unknown> = Promise.resolve();

/** Return the address of a preview, which lives for some minutes. */
async function previewOf(original: Original): Promise<string> {
  const known = kept.get(original);
  if (known && known.until > Date.now()) return addressOf(await known.made);
  const made = last.then(() => sampleOf(original, FIELDS));
  last = made.catch(() => kept.delete(original));
  kept.set(original, { made, until: Date.now() + KEPT_MS });
  for (const [oldest, { made: old }] of kept) {
    if (kept.size <= MAX_KEPT) break;
    kept.delete(oldest);
    old.then(({ job_id }) => forget(oldest, job_id)).catch(() => {});
  }
  return addressOf(await made);
}

function forget(original: Original, jobId: string): void {
  if (original instanceof File) void dropSample(original, jobId);
  else deleteJob(jobId);
}

function addressOf(result: Result): string {
  return result.outputs[0]?.download_url ?? "";
}

export interface Shown {
  /** Where the picture, or its preview, is loaded from; null while there is neither. */
  src: string | null;
  isPreview: boolean;
  isBusy: boolean;
  problem: Problem | null;
  onError: () => void;
}

/**
 * Show a picture at an address; if the browser cannot, show the server's preview of the original.
 *
 * @param isMissing There is no address: the preview is asked for at once.
 */
export function useShown(address: string | null, original: Original | undefined, isMissing = false): Shown {
  const [broken, setBroken] = useState<string | null>(null);
  const [preview, setPreview] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const isBroken = isMissing || (address !== null && (broken === address || notShown.has(address)));
  useEffect(() => {
    setPreview(null);
    setProblem(null);
    if (!isBroken || !original) return;
    let isGone = false;
    previewOf(original).then(
      (found) => isGone || setPreview(found),
      (error: ApiError) => isGone || setProblem(error.problem),
    );
    return () => {
      isGone = true;
    };
  }, [isBroken, original]);
  return {
    src: isBroken ? preview : address,
    isPreview: isBroken,
    isBusy: isBroken && original !== undefined && !preview && !problem,
    problem,
    onError: () => {
      if (address && navigator.onLine) notShown.add(address);
      setBroken(address);
    },
  };
}
