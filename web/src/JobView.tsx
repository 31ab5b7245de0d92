// One job, or the jobs of one drop: how far they are, what to do with them, and their pictures.
import { Alert, Button, Group, Loader, Progress, Text, Title, VisuallyHidden } from "@mantine/core";
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import {
  ApiError,
  type Job,
  type Problem,
  type Source,
  type CopyForm,
  command,
  copyOfJob,
  currentKey,
  ownSource,
  picturesHtml,
  save,
  saveAddress,
  ticketOf,
  watchSource,
} from "./api";
import { FINAL, JobFollower, type Snapshot } from "./follow";
import { formatBytes, formatPercent, formatRate, formatSeconds, formatSmallSeconds, formatTime, showName } from "./format";
import { copyText, explain, go, isKeyProblem, useTitle, useWords } from "./page";
import { Pictures } from "./Pictures";
import { originals } from "./upload";

const TOLD_EVERY_MS = 5000;

type Props = { ids?: string[]; ticket?: string; onKeyNeeded: () => void };

export function JobView({ ids = [], ticket, onKeyNeeded }: Props) {
  const { t, language } = useWords();
  const names = ids.join(",");
  const sources = useMemo(
    () => (ticket ? [watchSource(ticket)] : names.split(",").map((each) => ownSource(each))),
    [names, ticket],
  );
  const { snapshots, followers } = useJobs(sources);
  const jobs = snapshots.flatMap((each) => each.job ?? []);
  const problem = snapshots.find((each) => each.problem)?.problem ?? null;
  const needsKey = isKeyProblem(problem);
  useEffect(() => {
    if (needsKey) onKeyNeeded();
  }, [needsKey, onKeyNeeded]);
  const total = jobs.reduce((sum, job) => sum + job.total, 0);
  const done = jobs.reduce((sum, job) => sum + job.done, 0);
  useTitle(total ? `${done}/${total} · imagejobs` : "imagejobs");
  if (problem && !needsKey && jobs.length < sources.length) return <Trouble problem={problem} canStart={!ticket} />;
  if (jobs.length < sources.length) return <Loader aria-label={t.loading} className="loader" />;
  const results = snapshots.flatMap((each) => each.results.filter(Boolean));
  const expires = jobs[0]?.expires;
  return (
    <>
      {problem && <Trouble problem={problem} />}
      <JobBar jobs={jobs} snapshots={snapshots} />
      <Group gap="xs" className="actions">
        {jobs.length === sources.length && (
          <Actions jobs={jobs} sources={sources} canRetry={(job) => results.some((each) => each.error?.retryable && each.job_id.startsWith(`${job.job_id}-`))} take={(index, job) => followers[index]?.take(job)} />
        )}
      </Group>
      {expires && (
        <Text size="sm" c="dimmed" mt="xs">
          {t.watchUntil(formatTime(expires, language))}
        </Text>
      )}
      <Pictures
        results={results}
        originals={originals}
        addressToSave={(imageId) => saveAddress(jobs, sources[0] as Source, imageId)}
        canPreview={sources.every((each) => each.canWrite)}
      />
      {/* After the pictures, or they would push it down. */}
      {results.length > 0 && jobs.every((job) => FINAL.has(job.state)) && <CopyAs jobs={jobs} sources={sources} />}
    </>
  );
}

/** Follow jobs as long as they are shown. */
function useJobs(sources: Source[]): { snapshots: Snapshot[]; followers: JobFollower[] } {
  const store = useMemo(() => {
    const listeners = new Set<() => void>();
    let snapshots: Snapshot[] = [];
    const tell = () => {
      snapshots = followers.map((each) => each.snapshot);
      for (const each of listeners) each();
    };
    const followers = sources.map((each) => new JobFollower(each, tell));
    snapshots = followers.map((each) => each.snapshot);
    return {
      followers,
      read: () => snapshots,
      subscribe: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
  }, [sources]);
  useEffect(() => {
    for (const each of store.followers) each.start();
    return () => {
      for (const each of store.followers) each.stop();
    };
  }, [store]);
  return { snapshots: useSyncExternalStore(store.subscribe, store.read), followers: store.followers };
}

function Trouble({ problem, canStart = false }: { problem: Problem; canStart?: boolean }) {
  const { t } = useWords();
  const [title, hint] =
    problem.status === 404
      ? [t.notFound, t.notFoundHint]
      : problem.status === 410
        ? [t.expired, t.expiredHint]
        : problem.status === 0
          ? [t.offline, t.offlineHint]
          : [explain(t, problem), ""];
  return (
    <Alert className="alert" color={problem.status === 0 ? "yellow" : "red"} variant="light" role="alert">
      <Title order={1} size="h4">
        {title}
      </Title>
      <Text>{hint}</Text>
      {canStart && problem.status === 404 && (
        <Button variant="default" size="xs" mt="sm" onClick={() => go("/")}>
          {t.toStart}
        </Button>
      )}
    </Alert>
  );
}

function JobBar({ jobs, snapshots }: { jobs: Job[]; snapshots: Snapshot[] }) {
  const { t, language } = useWords();
  const sum = (of: (job: Job) => number) => jobs.reduce((before, job) => before + of(job), 0);
  const [total, done, failed] = [sum((it) => it.total), sum((it) => it.done), sum((it) => it.failed)];
  const open = jobs.filter((job) => !FINAL.has(job.state));
  const state = (open[0] ?? jobs.find((job) => job.state !== "Succeeded") ?? jobs[0])?.state ?? "Pending";
  // The state comes a moment after the first results.
  const shownState = done > 0 && (state === "Pending" || state === "Queued") ? "Running" : state;
  const rate = snapshots.reduce((before, each) => before + each.ratePerSecond, 0);
  const left = rate > 0 ? (total - done - failed) / rate : 0;
  const [bytesIn, bytesOut] = [sum((it) => it.bytes_in), sum((it) => it.bytes_out)];
  const cpuSeconds = sum((it) => it.cpu_seconds ?? 0);
  const name = jobs.length === 1 ? jobs[0]?.name : null;
  const error = jobs.find((job) => job.error && job.total > 1)?.error;
  const isListed = snapshots.some((each) => each.results.some((result) => result?.error?.code === error?.code));
  const moves = open.some((job) => job.state !== "Suspended");
  const share = total ? (100 * (done + failed)) / total : 0;
  return (
    <section className="job-bar">
      <Title order={1} size="h2">
        {name ? <bdi>{showName(name)}</bdi> : (t.states[shownState] ?? shownState)}
      </Title>
      <Progress.Root size="lg" mt="sm">
        <Progress.Section value={total ? (100 * done) / total : 0} aria-label={t.done(done, total)} />
        {failed > 0 && (
          <Progress.Section value={(100 * failed) / total} className="failed-part" aria-label={t.failedCount(failed)} />
        )}
      </Progress.Root>
      <div className="facts">
        <Text fw={600}>{t.done(done, total)}</Text>
        {failed > 0 && <Text className="bad">{t.failedCount(failed)}</Text>}
        {moves && rate > 0 && <Text c="dimmed">{t.rate(formatRate(rate, language))}</Text>}
        {moves && left > 0 && Number.isFinite(left) && (
          <Text c="dimmed">{t.left(formatSeconds(left))}</Text>
        )}
        {bytesIn > 0 && !open.length && (
          <Text className={bytesOut <= bytesIn ? "good" : ""} fw={600}>
            {bytesOut <= bytesIn
              ? t.saved(formatBytes(bytesIn - bytesOut, language), formatPercent(1 - bytesOut / bytesIn, language))
              : t.grew(formatBytes(bytesOut - bytesIn, language))}
          </Text>
        )}
        {cpuSeconds > 0 && !open.length && (
          <Text c="dimmed">{t.processorTime(formatSmallSeconds(cpuSeconds, language))}</Text>
        )}
        {open.length > 0 && snapshots.some((each) => each.isPolling && !each.problem) && !usesKeyOnly(jobs) && (
          <Text c="dimmed">{t.polling}</Text>
        )}
      </div>
      {error && !isListed && <Text className="bad">{explain(t, error)}</Text>}
      <Announcement text={open.length ? `${t.done(done, total)}, ${Math.round(share)} %` : `${t.states[state] ?? state}: ${t.done(done, total)}`} />
    </section>
  );
}

/** With a key, and without watch links, there is nothing but polling: that is no trouble. */
function usesKeyOnly(jobs: Job[]): boolean {
  return Boolean(currentKey()) && jobs.every((job) => !job.watch_url);
}

/** Tell a screen reader the progress, at most every five seconds. */
function Announcement({ text }: { text: string }) {
  const [told, setTold] = useState(text);
  const latest = useRef(text);
  latest.current = text;
  useEffect(() => {
    const timer = setInterval(() => setTold(latest.current), TOLD_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return <VisuallyHidden role="status">{told}</VisuallyHidden>;
}

function Actions(props: { jobs: Job[]; sources: Source[]; canRetry: (job: Job) => boolean; take: (index: number, job: Job) => void }) {
  const { t } = useWords();
  const [fault, setFault] = useState("");
  const canWrite = props.sources.every((each) => each.canWrite);
  const each = (wanted: (job: Job) => boolean) => props.jobs.flatMap((job, index) => (wanted(job) ? [{ job, index }] : []));
  const open = each((job) => !FINAL.has(job.state));
  const suspended = open.filter(({ job }) => job.state === "Suspended");
  const failed = each((job) => job.state === "PartiallySucceeded" || job.state === "Failed");
  const retried = failed.filter(({ job }) => props.canRetry(job));
  const withResults = each((job) => FINAL.has(job.state) && job.done > 0);
  const run = async (action: "suspend" | "resume" | "cancel" | "retry", jobs: { job: Job; index: number }[]) => {
    setFault("");
    for (const { job, index } of jobs) {
      try {
        props.take(index, await command(job.job_id, action));
      } catch (error) {
        setFault(explain(t, (error as ApiError).problem));
      }
    }
  };
  return (
    <>
      {withResults.map(({ job, index }, number) => (
        <ZipButton
          key={job.job_id}
          job={job}
          source={props.sources[index] as Source}
          label={withResults.length === 1 ? t.zip : t.zipPart(number + 1, withResults.length)}
        />
      ))}
      {canWrite && props.jobs.every((job) => job.watch_url) && (
        <CopyButton text={props.jobs.map((job) => job.watch_url).join("\n")} label={t.copyWatch} />
      )}
      {canWrite && open.length > suspended.length && (
        <Button variant="default" onClick={() => void run("suspend", open)}>
          {t.suspend}
        </Button>
      )}
      {canWrite && suspended.length > 0 && (
        <Button variant="default" onClick={() => void run("resume", suspended)}>
          {t.resume}
        </Button>
      )}
      {canWrite && open.length > 0 && (
        <Button variant="default" onClick={() => void run("cancel", open)}>
          {t.cancel}
        </Button>
      )}
      {canWrite && !open.length && retried.length > 0 && (
        <Button variant="default" onClick={() => void run("retry", retried)}>
          {t.retry}
        </Button>
      )}
      {canWrite &&
        !open.length &&
        failed.map(({ job, index }) => (
          <SaveButton
            key={job.job_id}
            url={`${props.sources[index]?.archive}?of=failed-sources`}
            accept="application/zip"
            name={`${job.job_id}-failed-sources.zip`}
            label={t.failedSources}
          />
        ))}
      {!open.length &&
        props.jobs.map((job, index) => (
          <SaveButton
            key={job.job_id}
            url={props.sources[index]?.results ?? ""}
            accept="text/csv"
            name={`${job.job_id}.csv`}
            label={t.table}
          />
        ))}
      {canWrite && !open.length && (
        <Button variant="default" onClick={() => go(`/${window.location.search}`)}>
          {t.morePictures}
        </Button>
      )}
      {fault && (
        <Text className="bad" role="alert">
          {fault}
        </Text>
      )}
    </>
  );
}

/** Save what only a request of this page may get, and tell if it does not come. */
function SaveButton({ url, accept, name, label }: { url: string; accept: string; name: string; label: string }) {
  const { t } = useWords();
  const [fault, setFault] = useState("");
  const run = () => {
    setFault("");
    save(url, accept, name).catch((error: ApiError) => setFault(explain(t, error.problem)));
  };
  return (
    <>
      <Button variant="default" onClick={run}>
        {label}
      </Button>
      {fault && (
        <Text className="bad" role="alert">
          {fault}
        </Text>
      )}
    </>
  );
}

const FORMS: [CopyForm, string][] = [
  ["curl", "curl"],
  ["cli", "imagejobs"],
  ["python", "Python"],
  ["yaml", "YAML"],
];

/** The jobs as something to paste elsewhere. */
function CopyAs({ jobs, sources }: { jobs: Job[]; sources: Source[] }) {
  const { t } = useWords();
  const all = async (read: (job: Job, source: Source) => Promise<string>) =>
    (await Promise.all(jobs.map((job, index) => read(job, sources[index] as Source)))).join("\n");
  return (
    <section className="copy-as" aria-labelledby="copy-title">
      <Title order={2} size="h4" id="copy-title">
        {t.copyAs}
      </Title>
      <Group gap="xs" mt="xs">
        {sources.every((each) => each.canWrite) &&
          FORMS.map(([form, name]) => (
            <CopyButton key={form} text={() => all((job) => copyOfJob(job.job_id, form))} label={name} />
          ))}
        {jobs.some((job) => job.done > 0) && (
          <CopyButton text={() => all((_, source) => picturesHtml(source))} label="<picture>" />
        )}
      </Group>
    </section>
  );
}

function ZipButton({ job, source, label }: { job: Job; source: Source; label: string }) {
  const ticket = ticketOf(job.watch_url);
  const href = ticket ? watchSource(ticket).archive : source.archive;
  if (ticket || !currentKey()) {
    return (
      <Button component="a" href={href} download>
        {label}
      </Button>
    );
  }
  // Without watch links only a request with the key gets the archive.
  return <SaveButton url={href} accept="application/zip" name={`${job.job_id}.zip`} label={label} />;
}

/** Copy a text, which may have to be asked for first. */
export function CopyButton({ text, label }: { text: string | (() => Promise<string>); label: string }) {
  const { t } = useWords();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const [fault, setFault] = useState("");
  const copy = async () => {
    setFault("");
    try {
      await copyText(typeof text === "string" ? text : await text());
      setCopied(true);
    } catch (error) {
      setFault(error instanceof ApiError ? explain(t, error.problem) : t.notCopied);
    }
  };
  return (
    <>
      <Button variant="default" onClick={() => void copy()}>
        <span aria-live="polite">{copied ? t.copied : label}</span>
      </Button>
      {fault && (
        <Text className="bad" role="alert">
          {fault}
        </Text>
      )}
    </>
  );
}
