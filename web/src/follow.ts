// Follows one job: its progress by Server-Sent Events, by polling while those fail, and its results in pages.
import {
  ApiError,
  type Job,
  type Problem,
  type Progress,
  type Result,
  type Source,
  getJob,
  listResults,
  ticketOf,
  watchSource,
} from "./api";

const POLL_MS = 3000;
const MIN_REFRESH_MS = 700;
const REFRESH_MS_PER_PAGE = 400;
const RATE_WINDOW_MS = 20_000;
export const FINAL = new Set(["Succeeded", "PartiallySucceeded", "Failed", "Cancelled"]);

export interface Snapshot {
  job: Job | null;
  results: Result[];
  problem: Problem | null;
  /** No event stream is open, although the job has not ended. */
  isPolling: boolean;
  ratePerSecond: number;
}

interface ResultPage {
  cursor: string;
  isFinal: boolean;
}

/** One job that is shown. Made and started by `useJobs`, which stops it when the page is left. */
export class JobFollower {
  snapshot: Snapshot = { job: null, results: [], problem: null, isPolling: false, ratePerSecond: 0 };
  private events: EventSource | null = null;
  private pollTimer = 0;
  private refreshTimer = 0;
  private isRefreshing = false;
  private isStale = false;
  private isStopped = false;
  private pages: ResultPage[] = [{ cursor: "", isFinal: false }];
  /** The last event: newer than any answer that is under way while the stream is open. */
  private streamed: Progress | null = null;
  private samples: { at: number; done: number }[] = [];

  constructor(
    private source: Source,
    private readonly onChange: () => void,
  ) {}

  start(): void {
    this.isStopped = false;
    void this.load();
  }

  stop(): void {
    this.isStopped = true;
    this.stopEvents();
    clearTimeout(this.pollTimer);
    clearTimeout(this.refreshTimer);
  }

  /** Take the answer of a command, which may have opened a job again that had ended. */
  take(job: Job): void {
    this.pages = this.pages.map((each) => ({ ...each, isFinal: false }));
    this.set({ job: { ...job, ...this.streamed }, problem: null });
    this.follow();
    this.refreshSoon();
  }

  private set(change: Partial<Snapshot>): void {
    if (this.isStopped) return;
    this.snapshot = { ...this.snapshot, ...change };
    this.onChange();
  }

  private async load(): Promise<void> {
    try {
      const job = await getJob(this.source);
      if (this.isStopped) return;
      this.addSample(job);
      this.set({ job: { ...job, ...this.streamed }, problem: null });
      this.follow();
      this.refreshSoon();
    } catch (error) {
      const problem = (error as ApiError).problem;
      this.set({ problem });
      if (!problem || problem.status === 0 || problem.status === 429 || problem.status >= 500) this.pollLater();
    }
  }

  private follow(): void {
    const { job } = this.snapshot;
    if (!job || FINAL.has(job.state)) {
      this.stopEvents();
      this.set({ isPolling: false });
      return;
    }
    if (this.events || this.isStopped) return;
    const ticket = ticketOf(job.watch_url);
    const address = this.source.events ?? (ticket ? watchSource(ticket).events : null);
    if (!address) {
      this.set({ isPolling: true });
      this.pollLater();
      return;
    }
    const events = new EventSource(address);
    this.events = events;
    events.onopen = () => this.set({ isPolling: false });
    events.onmessage = (event) => this.takeProgress(JSON.parse(event.data as string) as Progress);
    events.addEventListener("gone", () => {
      this.stopEvents();
      void this.load();
    });
    events.onerror = () => {
      // The browser connects again by itself, unless the server refused: until then this page asks.
      this.streamed = null;
      if (events.readyState === EventSource.CLOSED) this.stopEvents();
      this.set({ isPolling: true });
      this.pollLater();
    };
  }

  private stopEvents(): void {
    this.events?.close();
    this.events = null;
    this.streamed = null;
  }

  private pollLater(): void {
    clearTimeout(this.pollTimer);
    if (!this.isStopped) this.pollTimer = window.setTimeout(() => void this.load(), POLL_MS);
  }

  private takeProgress(progress: Progress): void {
    const { job } = this.snapshot;
    if (!job) return;
    this.addSample(progress);
    this.streamed = progress;
    this.set({ job: { ...job, ...progress }, ratePerSecond: this.rate(), problem: null });
    if (FINAL.has(progress.state)) {
      this.stopEvents();
      void this.load(); // sizes and times come with the whole job
    }
    this.refreshSoon();
  }

  private addSample(progress: Progress): void {
    const at = Date.now();
    this.samples = [...this.samples.filter((each) => at - each.at < RATE_WINDOW_MS), { at, done: progress.done }];
  }

  private rate(): number {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (!first || !last || last.at <= first.at) return 0;
    return (1000 * Math.max(0, last.done - first.done)) / (last.at - first.at);
  }

  private refreshSoon(): void {
    if (this.isStopped || this.refreshTimer) return;
    if (this.isRefreshing) {
      this.isStale = true;
      return;
    }
    const isFirst = !this.snapshot.results.length;
    const wait = isFirst ? 0 : Math.max(MIN_REFRESH_MS, this.pages.length * REFRESH_MS_PER_PAGE);
    this.refreshTimer = window.setTimeout(() => {
      this.refreshTimer = 0;
      void this.refresh();
    }, wait);
  }

  /** Read the pages of results that had something open; the others cannot change. */
  private async refresh(): Promise<void> {
    this.isRefreshing = true;
    const results = [...this.snapshot.results];
    try {
      for (let number = 0; number < this.pages.length && !this.isStopped; number++) {
        const page = this.pages[number];
        if (!page || page.isFinal) continue;
        const { results: some, next_cursor: next } = await listResults(this.source, page.cursor);
        const first = Number(page.cursor) || 0;
        some.forEach((each, index) => (results[first + index] = each));
        page.isFinal = some.every((each) => FINAL.has(each.state));
        if (next && !this.pages[number + 1]) this.pages.push({ cursor: next, isFinal: false });
        this.set({ results: [...results] });
      }
    } catch {
      this.isStale = true; // the job's own call says what is wrong
    }
    this.isRefreshing = false;
    if (this.isStale) {
      this.isStale = false;
      this.refreshSoon();
    }
  }
}
