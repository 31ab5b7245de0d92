// Samples: what the settings make of up to three of the chosen pictures, before all of them are sent.
import { useEffect, useMemo, useRef, useState } from "react";
import type { ApiError, Problem, Result } from "./api";
import { dropSample, releaseFile, sampleOf } from "./sampling";
import { formFields, readSettings } from "./settings";

export const MAX_SAMPLES = 3;
/** Larger files would be sent for long before anything is seen of them. */
const MAX_SAMPLE_BYTES = 20_000_000;
const DEBOUNCE_MS = 600;
const MAX_TRIES = 5;

export interface Sample {
  file: File;
  /** What was made last, also while the next one is under way. */
  result: Result | null;
  problem: Problem | null;
  isBusy: boolean;
}

/** Return up to three files, of which one is small, one usual and one large for this choice. */
export function pickSamples(files: File[]): File[] {
  const small = files.filter((each) => each.size <= MAX_SAMPLE_BYTES);
  const sorted = [...small].sort((a, b) => a.size - b.size);
  if (sorted.length <= MAX_SAMPLES) return small;
  const picked = [1, 3, 5].map((sixth) => sorted[Math.floor((sixth * sorted.length) / 6)]);
  return small.filter((each) => picked.includes(each));
}

/** Return the bytes of all results, as the share of the samples has them; null if there is none. */
export function estimateBytes(files: File[], samples: Sample[]): number | null {
  let [before, after] = [0, 0];
  for (const { file, result, problem } of samples) {
    if (!result || problem) continue;
    before += file.size;
    after += result.outputs.reduce((sum, each) => sum + each.bytes, 0);
  }
  const total = files.reduce((sum, each) => sum + each.size, 0);
  return before ? Math.round((total * after) / before) : null;
}

/** Keep samples of the files up to date with the settings: a moment after the last change, and none before it. */
export function useSamples(files: File[], query: string): Sample[] {
  const picked = useMemo(() => pickSamples(files), [files]);
  const fields = JSON.stringify(formFields(readSettings(query)));
  const [samples, setSamples] = useState<Sample[]>([]);
  const [tries, setTries] = useState(0);
  const made = useRef(new Map<File, string>());
  const held = useRef<File[]>([]);
  useEffect(() => {
    release(held.current.filter((each) => !picked.includes(each)), made.current);
    held.current = picked;
  }, [picked]);
  useEffect(() => {
    const jobs = made.current;
    return () => release(held.current, jobs);
  }, []);
  useEffect(() => {
    const controller = new AbortController();
    let timer = window.setTimeout(() => void Promise.all(picked.map(make)), DEBOUNCE_MS);
    setSamples((before) =>
      picked.map((file) => ({ ...(before.find((each) => each.file === file) ?? nothing(file)), isBusy: true })),
    );
    const put = (file: File, change: Partial<Sample>) =>
      setSamples((before) => before.map((each) => (each.file === file ? { ...each, isBusy: false, ...change } : each)));

    async function make(file: File): Promise<void> {
      try {
        const result = await sampleOf(file, JSON.parse(fields) as [string, string][], controller.signal);
        if (controller.signal.aborted) {
          void dropSample(file, result.job_id);
          return;
        }
        const replaced = made.current.get(file);
        if (replaced) void dropSample(file, replaced);
        made.current.set(file, result.job_id);
        put(file, { result, problem: null });
      } catch (error) {
        if (controller.signal.aborted) return;
        const { problem } = error as ApiError;
        put(file, { problem });
        const passes = problem.status === 0 || problem.status === 429 || problem.status === 503;
        if (!passes || tries >= MAX_TRIES) return;
        clearTimeout(timer);
        timer = window.setTimeout(() => setTries(tries + 1), 1000 * (problem.retryAfterSeconds || 2 ** tries));
      }
    }
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [picked, fields, tries]);
  return samples;
}

function release(files: File[], jobs: Map<File, string>): void {
  for (const file of files) {
    const id = jobs.get(file);
    if (id) void dropSample(file, id);
    jobs.delete(file);
    releaseFile(file);
  }
}

function nothing(file: File): Sample {
  return { file, result: null, problem: null, isBusy: true };
}
