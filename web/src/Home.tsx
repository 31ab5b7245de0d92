// The first view: choose pictures and settings, and find earlier jobs.
import { Anchor, Badge, Button, Group, NativeSelect, Stack, Text, Title } from "@mantine/core";
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { ApiError, type JobSummary, listJobs } from "./api";
import { Chooser } from "./Chooser";
import { Chosen } from "./Chosen";
import { formatTime, showName } from "./format";
import { explain, go, isKeyProblem, useTitle, useWords } from "./page";
import { SettingsForm } from "./SettingsForm";
import { Usage } from "./Usage";
import { onUpload, uploadState } from "./upload";

export function Home({ query, onKeyNeeded }: { query: string; onKeyNeeded: () => void }) {
  const { t } = useWords();
  const { chosen } = useSyncExternalStore(onUpload, uploadState);
  useTitle(`imagejobs · ${t.tagline}`);
  return (
    <div className="home">
      <Title order={1}>{t.tagline}</Title>
      <Text c="dimmed" mb="md">
        {t.lead}
      </Text>
      {chosen.length ? <Chosen files={chosen} query={query} onKeyNeeded={onKeyNeeded} /> : <Chooser />}
      <SettingsForm query={query} />
      <EarlierJobs query={query} onKeyNeeded={onKeyNeeded} />
      <Usage />
      <Anchor className="for-programs" href="/docs">
        {t.forPrograms}
      </Anchor>
    </div>
  );
}

const STATES = ["Running", "Pending", "Suspended", "Succeeded", "PartiallySucceeded", "Failed", "Cancelled"];

function EarlierJobs({ query, onKeyNeeded }: { query: string; onKeyNeeded: () => void }) {
  const { t, language } = useWords();
  const [jobs, setJobs] = useState<JobSummary[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [state, setState] = useState("");
  const [fault, setFault] = useState("");
  const ask = useRef(onKeyNeeded);
  ask.current = onKeyNeeded;
  const load = useCallback(
    async (after: string) => {
      try {
        const page = await listJobs(state, after);
        setJobs((before) => [...(after ? (before ?? []) : []), ...page.jobs]);
        setCursor(page.next_cursor);
        setFault("");
      } catch (error) {
        const { problem } = error as ApiError;
        if (isKeyProblem(problem)) ask.current();
        else setFault(explain(t, problem));
      }
    },
    [state, t],
  );
  useEffect(() => void load(""), [load]);
  return (
    <section className="earlier">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          {t.yourJobs}
        </Title>
        <NativeSelect
          size="xs"
          aria-label={t.filterState}
          value={state}
          onChange={(event) => setState(event.currentTarget.value)}
          data={[
            { value: "", label: t.allStates },
            ...STATES.map((value) => ({ value, label: t.states[value] ?? value })),
          ]}
        />
      </Group>
      {fault && <Text c="dimmed">{fault}</Text>}
      {jobs && !jobs.length && <Text c="dimmed">{t.noJobs}</Text>}
      {jobs && jobs.length > 0 && <Stack gap={0} component="ul" className="job-list">
        {jobs.map((job) => (
          <li key={job.job_id}>
            <Anchor
              href={`/jobs/${job.job_id}${query}`}
              onClick={(event) => {
                event.preventDefault();
                go(`/jobs/${job.job_id}${query}`);
              }}
            >
              <bdi>{job.name ? showName(job.name) : job.created ? formatTime(job.created, language) : job.job_id}</bdi>
            </Anchor>
            <Text size="sm" c="dimmed">
              {t.pictures(job.total)}
            </Text>
            <StateBadge state={job.state} />
          </li>
        ))}
      </Stack>}
      {cursor && (
        <Button variant="default" size="xs" mt="sm" onClick={() => void load(cursor)}>
          {t.more}
        </Button>
      )}
    </section>
  );
}

export function StateBadge({ state }: { state: string }) {
  const { t } = useWords();
  return (
    <Badge className={`state state-${state}`} variant="default" tt="none">
      {t.states[state] ?? state}
    </Badge>
  );
}
