// Pictures that were chosen and are not sent yet: what the settings make of some of them, and of all about.
import { Button, Group, Text, Title } from "@mantine/core";
import { Suspense, lazy, useEffect, useState } from "react";
import type { Output, Result } from "./api";
import { Chooser } from "./Chooser";
import { formatBytes, formatPercent, showName } from "./format";
import { explain, isKeyProblem, useWords } from "./page";
import { ALL_SIZES, Sizes, Thumbnail } from "./Pictures";
import { type Sample, estimateBytes, useSamples } from "./samples";
import { forgetChosen, sendChosen } from "./upload";

const Picture = lazy(() => import("./Picture"));

type Props = { files: File[]; query: string; onKeyNeeded: () => void };

export function Chosen({ files, query, onKeyNeeded }: Props) {
  const { t, language } = useWords();
  const samples = useSamples(files, query);
  const needsKey = samples.some((each) => isKeyProblem(each.problem));
  useEffect(() => {
    if (needsKey) onKeyNeeded();
  }, [needsKey, onKeyNeeded]);
  const bytes = files.reduce((sum, each) => sum + each.size, 0);
  return (
    <section className="chosen" aria-labelledby="chosen-title">
      <Group justify="space-between" align="start">
        <div>
          <Title order={2} size="h3" id="chosen-title">
            {t.pictures(files.length)}, {formatBytes(bytes, language)}
          </Title>
          <Estimate files={files} samples={samples} bytes={bytes} />
        </div>
        <Button size="lg" onClick={sendChosen} className="start">
          {t.start(files.length)}
        </Button>
      </Group>
      <Samples samples={samples} />
      <Group gap="xs" mt="sm">
        <Chooser isSmall />
        <Button variant="default" size="xs" onClick={forgetChosen}>
          {t.forgetChosen}
        </Button>
      </Group>
    </section>
  );
}

function Estimate({ files, samples, bytes }: { files: File[]; samples: Sample[]; bytes: number }) {
  const { t, language } = useWords();
  const isBusy = samples.some((each) => each.isBusy);
  // One of three says little, and of other settings nothing.
  const after = isBusy ? null : estimateBytes(files, samples);
  const size = formatBytes(after ?? 0, language);
  const sizes = Math.max(0, ...samples.map((each) => each.result?.outputs.length ?? 0));
  const share = after === null ? 0 : 1 - after / bytes;
  const one =
    Math.abs(share) < 0.005
      ? t.estimateSame(size)
      : share > 0
        ? t.estimate(size, formatPercent(share, language))
        : t.estimateMore(size);
  const none = samples.length ? (isBusy ? t.sampling : t.noEstimate) : t.noSamples;
  const text = after === null ? none : sizes > 1 ? t.estimateSizes(size, sizes) : one;
  // The same element all the time: a screen reader tells what changes in it.
  return (
    <Text
      role="status"
      className={share > 0 && sizes === 1 ? "good" : ""}
      {...(after === null ? { c: "dimmed" } : { fw: 600 })}
    >
      {text}
    </Text>
  );
}

function Samples({ samples }: { samples: Sample[] }) {
  const { t } = useWords();
  const [shown, setShown] = useState<File | null>(null);
  const made = samples.filter((each) => each.result && !each.problem);
  const place = made.findIndex((each) => each.file === shown);
  const current = made[place];
  const step = (by: number) => (made[place + by] ? () => setShown(made[place + by]?.file ?? null) : undefined);
  const reasons = new Set(samples.map((each) => (each.problem ? explain(t, each.problem) : "")));
  const [reason] = reasons;
  // A wrong option is one matter, not three.
  if (samples.length && reasons.size === 1 && reason) {
    return (
      <Text className="bad" mt="sm" role="alert">
        {reason}
      </Text>
    );
  }
  return (
    <>
      <ul className="samples" aria-label={t.samples}>
        {samples.map((each, index) => (
          // Two files may have the same name: a sample has no other identity than its place.
          <li key={index} aria-busy={each.isBusy}>
            <SampleCard sample={each} onOpen={() => setShown(each.file)} />
          </li>
        ))}
      </ul>
      {current?.result && (
        <Suspense>
          <Picture
            result={current.result}
            original={current.file}
            preview={current.file}
            addressToSave={null}
            onClose={() => setShown(null)}
            onPrevious={step(-1)}
            onNext={step(1)}
          />
        </Suspense>
      )}
    </>
  );
}

function largest(result: Result): Output | undefined {
  return [...result.outputs].sort((a, b) => b.width * b.height - a.width * a.height)[0];
}

function SampleCard({ sample, onOpen }: { sample: Sample; onOpen: () => void }) {
  const { t } = useWords();
  const { file, result, problem, isBusy } = sample;
  const name = showName(file.name);
  const output = result && largest(result);
  if (problem || !result || !output) {
    return (
      <div className="card">
        <div className={`thumb ${isBusy ? "waiting" : ""}`}>
          <span>{problem && !isBusy ? t.states.Failed : t.sampling}</span>
        </div>
        <bdi className="name">{name}</bdi>
        {problem && !isBusy && <span className="sizes bad">{explain(t, problem)}</span>}
      </div>
    );
  }
  return (
    <button type="button" className={`card ${isBusy ? "stale" : ""}`} onClick={onOpen} aria-label={t.openPicture(name)}>
      <Thumbnail output={output.download_url} preview={file} />
      <bdi className="name">{name}</bdi>
      <Sizes result={result} variant={ALL_SIZES} />
    </button>
  );
}
