// The pictures of a job: failed ones first, as rows of a grid that holds only what is on the screen.
import { Text, Title } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { Suspense, lazy, useMemo, useState } from "react";
import { WindowVirtualizer } from "virtua";
import type { Result } from "./api";
import { FINAL } from "./follow";
import { formatBytes, formatPercent, showName } from "./format";
import { explain, useWords } from "./page";
import { useShown } from "./previews";
import type { Original } from "./sampling";

const CARD_PIXELS = 170;
const GAP_PIXELS = 12;
const Picture = lazy(() => import("./Picture"));

type Props = {
  results: Result[];
  originals: ReadonlyMap<string, File>;
  addressToSave: (imageId: string) => string | null;
  /** Whether the server makes previews for who looks at this. */
  canPreview: boolean;
};

export function Pictures({ results, originals, addressToSave, canPreview }: Props) {
  const { t } = useWords();
  const { ref, width } = useElementSize();
  const [shown, setShown] = useState<string | null>(null);
  const columns = Math.max(2, Math.floor((width + GAP_PIXELS) / (CARD_PIXELS + GAP_PIXELS)));
  const [failed, others] = useMemo(
    () => [results.filter((each) => each.error), results.filter((each) => !each.error)],
    [results],
  );
  const rows = useMemo(() => inRows(others, columns), [others, columns]);
  const shows = useMemo(() => others.filter((each) => each.outputs.length), [others]);
  const place = shows.findIndex((each) => each.job_id === shown);
  const current = shows[place];
  // The job has the original: it is not sent again for a preview.
  const preview = (result: Result) => (canPreview ? result.job_id : undefined);
  return (
    <div ref={ref}>
      {failed.length > 0 && (
        <section className="failures" aria-labelledby="failures-title">
          <Title order={2} size="h4" id="failures-title">
            {t.failedTitle}
          </Title>
          <Failures failed={failed} />
        </section>
      )}
      {rows.length > 0 && (
        <Title order={2} size="h4" mt="md" mb="xs">
          {t.resultsTitle}
        </Title>
      )}
      {width > 0 && (
        <WindowVirtualizer>
          {rows.map((row) => (
            <div key={row[0]?.job_id} className={`row columns-${Math.min(columns, 8)}`}>
              {row.map((each) => (
                <Card key={each.job_id} result={each} preview={preview(each)} onOpen={() => setShown(each.job_id)} />
              ))}
            </div>
          ))}
        </WindowVirtualizer>
      )}
      {current && (
        <Suspense>
          <Picture
            result={current}
            original={originals.get(current.job_id)}
            preview={preview(current)}
            addressToSave={addressToSave(current.job_id)}
            onClose={() => setShown(null)}
            onPrevious={place > 0 ? () => setShown(shows[place - 1]?.job_id ?? null) : undefined}
            onNext={place < shows.length - 1 ? () => setShown(shows[place + 1]?.job_id ?? null) : undefined}
          />
        </Suspense>
      )}
    </div>
  );
}

const FAILURES_SHOWN = 50;

function Failures({ failed }: { failed: Result[] }) {
  const { t } = useWords();
  return (
    <ul className="job-list">
      {failed.slice(0, FAILURES_SHOWN).map((each) => (
        <li key={each.job_id}>
          <Text fw={600} component="bdi" className="name">
            {showName(each.name)}
          </Text>
          <Text size="sm">{each.error && explain(t, each.error)}</Text>
        </li>
      ))}
      {failed.length > FAILURES_SHOWN && <li>{t.failedCount(failed.length)}</li>}
    </ul>
  );
}

type CardProps = { result: Result; preview: Original | undefined; onOpen: () => void };

function Card({ result, preview, onOpen }: CardProps) {
  const { t } = useWords();
  const output = result.outputs[0];
  const name = showName(result.name);
  if (!output) {
    return (
      <div className="card">
        <div className={`thumb ${FINAL.has(result.state) || result.state === "Suspended" ? "" : "waiting"}`}>
          <span>{t.states[result.state] ?? result.state}</span>
        </div>
        <bdi className="name">{name}</bdi>
      </div>
    );
  }
  return (
    <button type="button" className="card" onClick={onOpen} aria-label={t.openPicture(name)}>
      <Thumbnail output={output.download_url} preview={preview} />
      <bdi className="name">{name}</bdi>
      <Sizes result={result} />
    </button>
  );
}

export function Thumbnail({ output, preview }: { output: string; preview: Original | undefined }) {
  const { t } = useWords();
  const shown = useShown(output, preview);
  return (
    <div className={`thumb ${shown.isBusy ? "waiting" : ""}`}>
      {shown.src ? (
        <img src={shown.src} alt="" loading="lazy" decoding="async" onError={shown.onError} />
      ) : (
        <span>{shown.isBusy ? t.previewing : t.noPreview}</span>
      )}
    </div>
  );
}

/** In place of a variant's number. */
export const ALL_SIZES = -1;

export function Sizes({ result, variant = 0 }: { result: Result; variant?: number }) {
  const { t, language } = useWords();
  const output = result.outputs[variant] ?? result.outputs[0];
  if (!output || result.bytes_in === null) return null;
  if (variant === ALL_SIZES && result.outputs.length > 1) {
    const bytes = result.outputs.reduce((sum, each) => sum + each.bytes, 0);
    return (
      <span className="sizes">
        {formatBytes(result.bytes_in, language)} → {formatBytes(bytes, language)} {t.inSizes(result.outputs.length)}
      </span>
    );
  }
  const share = 1 - output.bytes / result.bytes_in;
  return (
    <span className="sizes">
      {formatBytes(result.bytes_in, language)} → {formatBytes(output.bytes, language)}{" "}
      {output.kept_original ? (
        <em>{t.original}</em>
      ) : (
        share >= 0.005 && <strong className="good">−{formatPercent(share, language)}</strong>
      )}
    </span>
  );
}

function inRows(results: Result[], columns: number): Result[][] {
  const rows: Result[][] = [];
  for (let first = 0; first < results.length; first += columns) rows.push(results.slice(first, first + columns));
  return rows;
}
