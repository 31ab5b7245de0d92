// The settings, once for all pictures. They live in the address, so a link carries them.
import { useEffect, useState } from "react";
import { type Preset, listPresets } from "./api";
import { Button, Checkbox, Group, NativeSelect, Text, TextInput, Title } from "@mantine/core";
import { go, useWords } from "./page";
import { SizesForm } from "./SizesForm";
import { FIRST_SIZES, type Settings, readSettings, readSizes, writeSettings, writeSizes } from "./settings";

/** No preset is named so. */
const SEVERAL = " several";

export function SettingsForm({ query }: { query: string }) {
  const { t } = useWords();
  const settings = readSettings(query);
  const presets = usePresets();
  const put = (changed: Settings) => {
    // What counts for all sizes is written into each of them.
    const variants = changed.variants && writeSizes(readSizes(changed.variants), changed);
    go(`/${writeSettings({ ...changed, variants })}`, "replace");
  };
  const change = (name: keyof Settings, value: string) => put({ ...settings, [name]: value });
  const several = settings.variants !== "";
  const choose = (value: string) =>
    put({
      ...settings,
      preset: value === SEVERAL ? "" : value,
      variants: value === SEVERAL ? writeSizes(FIRST_SIZES, settings) : "",
    });
  const preset = presets.find((each) => each.name === settings.preset);
  const field = (name: keyof Settings) => ({
    value: settings[name],
    onChange: (event: { currentTarget: { value: string } }) => change(name, event.currentTarget.value),
  });
  const box = (name: keyof Settings) => ({
    checked: settings[name] === "true",
    onChange: (event: { currentTarget: { checked: boolean } }) =>
      change(name, event.currentTarget.checked ? "true" : ""),
  });
  const options = (words: Record<string, string>) => Object.entries(words).map(([value, label]) => ({ value, label }));
  const number = { type: "number", inputMode: "numeric", min: 1, max: 16383 } as const;
  return (
    <section className="settings" aria-labelledby="settings-title">
      <Group justify="space-between">
        <Title order={2} size="h4" id="settings-title">
          {t.settings}
        </Title>
        {writeSettings(settings) && (
          <Button size="compact-sm" variant="default" onClick={() => go("/", "replace")}>
            {t.resetSettings}
          </Button>
        )}
      </Group>
      <div className="fields">
        <NativeSelect
          label={t.sizes}
          value={several ? SEVERAL : settings.preset}
          onChange={(event) => choose(event.currentTarget.value)}
          data={[
            { value: "", label: t.oneSize },
            { value: SEVERAL, label: t.severalSizes },
            ...presets.map((each) => ({ value: each.name, label: each.description || each.name })),
            ...(settings.preset && !preset ? [{ value: settings.preset, label: settings.preset }] : []),
          ]}
        />
      </div>
      {settings.preset && (
        <ul className="preset">
          {preset?.variants.map((each) => (
            <li key={each.name}>
              <strong>{each.name}</strong> {describe(each)}
            </li>
          ))}
        </ul>
      )}
      {several && <SizesForm settings={settings} onChange={(variants) => change("variants", variants)} />}
      {!settings.preset && (
      <>
      <div className="fields">
        {!several && (<>
        <TextInput label={`${t.width} (${t.pixels})`} placeholder={t.asSource} {...number} {...field("width")} />
        <TextInput label={`${t.height} (${t.pixels})`} placeholder={t.asSource} {...number} {...field("height")} />
        <NativeSelect label={t.fit} data={options(t.fits)} {...field("fit")} />
        {settings.fit === "cover" && (
          <NativeSelect label={t.gravity} data={options(t.gravities)} {...field("gravity")} />
        )}
        <NativeSelect
          label={t.format}
          data={[
            { value: "", label: t.sameFormat },
            { value: "jpeg", label: "JPEG" },
            { value: "webp", label: "WebP" },
            { value: "avif", label: "AVIF" },
            { value: "png", label: "PNG" },
          ]}
          {...field("format")}
        />
        </>)}
        <TextInput label={`${t.quality} (1–100)`} {...number} max={100} {...field("quality")} />
        {!several && <TextInput label={t.maxSize} placeholder={t.maxSizeHint} {...field("max_size")} />}
        {!several && takesBackground(settings) && <TextInput label={t.background} placeholder={t.backgroundHint} {...field("background")} />}
      </div>
      <Group mt="sm">
        {!several && <Checkbox label={t.onlyIfSmaller} {...box("only_if_smaller")} />}
        <Checkbox label={t.keepMetadata} {...box("keep_metadata")} />
      </Group>
      </>
      )}
      <Text size="sm" c="dimmed" mt="xs">
        {t.settingsKept}
      </Text>
    </section>
  );
}

/** Return whether a background can be seen: around a border, or where transparency was. */
function takesBackground({ fit, format, background }: Settings): boolean {
  return fit === "contain" || format === "jpeg" || background !== "";
}

/** Return the presets of the server; none where it has none, or does not say. */
function usePresets(): Preset[] {
  const [presets, setPresets] = useState<Preset[]>([]);
  useEffect(() => {
    listPresets().then(setPresets, () => {});
  }, []);
  return presets;
}

function describe(variant: Preset["variants"][number]): string {
  const { name: _, width, height, ...others } = variant;
  const size = width || height ? `${width ?? "…"} × ${height ?? "…"}` : "";
  return [size, ...Object.entries(others).map(([option, value]) => (value === true ? option : `${option} ${value}`))]
    .filter(Boolean)
    .join(", ");
}
