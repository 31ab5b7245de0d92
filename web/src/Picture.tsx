// One picture, large: before and after under a slider where this page still has the original.
import { Button, CloseButton, Group, Modal, NativeSelect, Text } from "@mantine/core";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { ReactCompareSlider, ReactCompareSliderImage } from "react-compare-slider";
import type { Result } from "./api";
import { showName } from "./format";
import { CopyButton } from "./JobView";
import { explain, useWords } from "./page";
import { Sizes } from "./Pictures";
import { useShown } from "./previews";
import type { Original } from "./sampling";

const ZOOMS = [1, 2, 4];

type Props = {
  result: Result;
  original: File | undefined;
  /** What the server's preview is made of; undefined if it makes none. */
  preview: Original | undefined;
  addressToSave: string | null;
  onClose: () => void;
  onPrevious: (() => void) | undefined;
  onNext: (() => void) | undefined;
};

export default function Picture(props: Props) {
  const { result, original, preview, addressToSave, onClose, onPrevious, onNext } = props;
  const { t } = useWords();
  const [variant, setVariant] = useState(0);
  const { frame, zoom, changeZoom } = useZoom();
  const output = result.outputs[variant] ?? result.outputs[0];
  const before = useShown(useObjectUrl(original), preview, !original && preview !== undefined);
  const after = useShown(output?.download_url ?? null, preview);
  // A preview of the original beside the original would compare nothing.
  const canCompare = before.src !== null && !after.isPreview;
  const whole = after.src ?? before.src;
  const note = after.isPreview
    ? whole
      ? t.isResultPreview
      : t.noPreview
    : before.isBusy
      ? t.previewing
      : before.problem
        ? original
          ? explain(t, before.problem)
          : t.noBefore
        : before.isPreview
          ? original
            ? t.isPreview
            : t.isKeptPreview
          : canCompare
            ? ""
            : t.noBefore;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if ((event.target as HTMLElement).closest("[role=slider], input, select")) return;
      if (event.key === "+") changeZoom(1);
      if (event.key === "-") changeZoom(-1);
      if (event.key === "ArrowLeft") onPrevious?.();
      if (event.key === "ArrowRight") onNext?.();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [onPrevious, onNext, changeZoom]);
  if (!output) return null;
  const name = showName(result.name);
  return (
    <Modal.Root
      opened
      onClose={onClose}
      size="min(1100px, 96vw)"
      lockScroll={false}
      transitionProps={{ duration: 0 }}
      className="picture"
      centered
    >
      <Modal.Overlay />
      <Modal.Content aria-label={name}>
        <Modal.Body>
          <Group justify="space-between" wrap="nowrap" mb="xs">
            <Text component="bdi" fw={600} className="name">
              {name}
            </Text>
            <CloseButton onClick={onClose} aria-label={t.close} data-autofocus />
          </Group>
      <div ref={frame} className={`zoom zoom-${ZOOMS[zoom]}`} tabIndex={zoom ? 0 : -1} role={zoom ? "region" : undefined} aria-label={zoom ? name : undefined}>
      {canCompare ? (
          <ReactCompareSlider
            className="compare"
            aria-label={t.compare}
            itemOne={<ReactCompareSliderImage src={before.src ?? ""} alt={`${t.before}: ${name}`} onError={before.onError} />}
            itemTwo={<ReactCompareSliderImage src={output.download_url} alt={`${t.after}: ${name}`} onError={after.onError} />}
          />
      ) : (
        whole && <img className="whole" src={whole} alt={name} onError={after.onError} />
      )}
      </div>
      {canCompare && (
        <div className="compare-words">
          <span>{t.before}</span>
          <span>{t.after}</span>
        </div>
      )}
      {note && (
        <Text size="sm" c="dimmed" mt={6} role="status">
          {note}
        </Text>
      )}
      <Group justify="space-between" mt="sm" className="picture-actions">
        <Text component="div">
          <Sizes result={result} variant={variant} />
          <span className="sizes">
            {" "}
            · {output.width} × {output.height} · {output.format.toUpperCase()}
          </span>
        </Text>
        <Group gap="xs">
          {result.outputs.length > 1 && (
            <NativeSelect
              aria-label={t.sizes}
              value={String(variant)}
              onChange={(event) => setVariant(Number(event.currentTarget.value))}
              data={result.outputs.map((each, index) => ({ value: String(index), label: each.variant }))}
            />
          )}
          <Button variant="default" disabled={!zoom} onClick={() => changeZoom(-1)} aria-label={t.zoomOut}>
            −
          </Button>
          <Button variant="default" disabled={zoom === ZOOMS.length - 1} onClick={() => changeZoom(1)} aria-label={t.zoomIn}>
            +
          </Button>
          <Button variant="default" disabled={!onPrevious} onClick={onPrevious} aria-label={t.previous}>
            ←
          </Button>
          <Button variant="default" disabled={!onNext} onClick={onNext} aria-label={t.next}>
            →
          </Button>
          <CopyButton text={output.download_url} label={t.copyLink} />
          {addressToSave ? (
            <Button component="a" href={addressToSave} download>
              {t.download}
            </Button>
          ) : (
            <Button component="a" href={output.download_url} target="_blank" rel="noreferrer">
              {t.download}
            </Button>
          )}
        </Group>
      </Group>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

/** Zoom an element that scrolls around the middle of what it shows. */
function useZoom() {
  const [zoom, setZoom] = useState(0);
  const frame = useRef<HTMLDivElement>(null);
  const middle = useRef({ x: 0.5, y: 0.5 });
  const changeZoom = useCallback((by: number) => {
    const element = frame.current;
    if (element) {
      middle.current = {
        x: (element.scrollLeft + element.clientWidth / 2) / element.scrollWidth,
        y: (element.scrollTop + element.clientHeight / 2) / element.scrollHeight,
      };
    }
    setZoom((now) => Math.max(0, Math.min(ZOOMS.length - 1, now + by)));
  }, []);
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    element.scrollLeft = middle.current.x * element.scrollWidth - element.clientWidth / 2;
    element.scrollTop = middle.current.y * element.scrollHeight - element.clientHeight / 2;
  }, [zoom]);
  return { frame, zoom, changeZoom };
}

function useObjectUrl(file: File | undefined): string | null {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (!file) {
      setUrl(null);
      return;
    }
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return url;
}
