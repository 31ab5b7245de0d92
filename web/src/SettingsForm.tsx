// The settings, once for all pictures. They live in the address, so a link carries them.
import { Button, Checkbox, Group, NativeSelect, Text, TextInput, Title } from "@mantine/core";
import { go, useWords } from "./page";
import { type Settings, readSettings, writeSettings } from "./settings";

export function SettingsForm({ query }: { query: string }) {
  const { t } = useWords();
  const settings = readSettings(query);
  const change = (name: keyof Settings, value: string) =>
    go(`/${writeSettings({ ...settings, [name]: value })}`, "replace");
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
        <TextInput label={`${t.quality} (1–100)`} {...number} max={100} {...field("quality")} />
        <TextInput label={t.maxSize} placeholder={t.maxSizeHint} {...field("max_size")} />
      </div>
      <Group mt="sm">
        <Checkbox label={t.onlyIfSmaller} {...box("only_if_smaller")} />
        <Checkbox label={t.keepMetadata} {...box("keep_metadata")} />
      </Group>
      <Text size="sm" c="dimmed" mt="xs">
        {t.settingsKept}
      </Text>
    </section>
  );
}
