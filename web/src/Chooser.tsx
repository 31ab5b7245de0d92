// Chooses pictures: files, a folder, or a phone's camera.
import { Button, Group, Text } from "@mantine/core";
import { useRef } from "react";
import { usable } from "./files";
import { useWords } from "./page";
import { chooseFiles } from "./upload";

/** The large area of the first view; small, it adds to pictures that are chosen. */
export function Chooser({ isSmall = false }: { isSmall?: boolean }) {
  const { t } = useWords();
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const camera = useRef<HTMLInputElement>(null);
  const take = (input: HTMLInputElement) => {
    chooseFiles(usable(input.files ?? []));
    input.value = "";
  };
  const hidden = {
    type: "file",
    hidden: true,
    onChange: (event: { currentTarget: HTMLInputElement }) => take(event.currentTarget),
  } as const;
  const pictures = { ...hidden, multiple: true, accept: "image/*,.heic,.heif,.avif,.tif,.tiff" };
  const [label, size, variant] = isSmall
    ? ([t.addMore, "xs", "default"] as const)
    : ([t.choose, "md", "filled"] as const);
  const choose = (
    <>
      <Button size={size} variant={variant} onClick={() => files.current?.click()}>
        {label}
      </Button>
      <input ref={files} {...pictures} aria-label={label} />
    </>
  );
  if (isSmall) return choose;
  return (
    <section className="chooser">
      <div className="not-touch">
        <Text fw={600} size="lg">
          {t.drop}
        </Text>
        <Text c="dimmed">{t.paste}</Text>
      </div>
      <Group justify="center" mt="sm">
        {choose}
        <Button size="md" variant="default" className="not-touch" onClick={() => folder.current?.click()}>
          {t.folder}
        </Button>
        <Button size="md" variant="default" className="touch" onClick={() => camera.current?.click()}>
          {t.camera}
        </Button>
      </Group>
      <input ref={folder} {...hidden} multiple {...{ webkitdirectory: "" }} aria-label={t.folder} />
      <input ref={camera} {...hidden} accept="image/*" capture="environment" aria-label={t.camera} />
    </section>
  );
}
