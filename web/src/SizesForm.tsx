// Several sizes of each picture: a row for each, with a name that ends the names of its files.
import { Button, CloseButton, NativeSelect, TextInput } from "@mantine/core";
import { useWords } from "./page";
import { MAX_SIZES, type Settings, type Size, readSizes, writeSizes } from "./settings";

type Props = { settings: Settings; onChange: (variants: string) => void };

export function SizesForm({ settings, onChange }: Props) {
  const { t } = useWords();
  const sizes = readSizes(settings.variants);
  const put = (changed: Size[]) => onChange(writeSizes(changed, settings));
  const change = (index: number, part: Partial<Size>) =>
    put(sizes.map((each, number) => (number === index ? { ...each, ...part } : each)));
  const field = (index: number, name: keyof Size) => ({
    size: "xs" as const,
    value: sizes[index]?.[name] ?? "",
    onChange: (event: { currentTarget: { value: string } }) => change(index, { [name]: event.currentTarget.value }),
  });
  const number = { type: "number", inputMode: "numeric", min: 1, max: 16383, placeholder: t.asSource } as const;
  const crops = (size: Size) => size.fit === "cover" && !(size.width && size.height);
  return (
    <ul className="size-rows">
      {sizes.map((size, index) => (
        // The rows have no other identity than their place.
        <li key={index}>
          <TextInput
            label={t.sizeName}
            maxLength={32}
            error={/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(size.name) ? null : t.sizeNameHint}
            {...field(index, "name")}
          />
          <TextInput label={t.width} {...number} {...field(index, "width")} />
          <TextInput label={t.height} {...number} {...field(index, "height")} error={crops(size) ? t.needsBoth : null} />
          <NativeSelect
            label={t.fit}
            data={[
              { value: "inside", label: t.fits.inside },
              { value: "cover", label: t.fits.cover },
            ]}
            {...field(index, "fit")}
          />
          <NativeSelect
            label={t.format}
            data={[
              { value: "", label: t.sameFormat },
              { value: "jpeg", label: "JPEG" },
              { value: "webp", label: "WebP" },
              { value: "avif", label: "AVIF" },
            ]}
            {...field(index, "format")}
          />
          <CloseButton
            aria-label={`${t.removeSize}: ${size.name}`}
            disabled={sizes.length === 1}
            onClick={() => put(sizes.filter((_, other) => other !== index))}
          />
        </li>
      ))}
      <li className="add">
        <Button
          size="xs"
          variant="default"
          disabled={sizes.length >= MAX_SIZES}
          onClick={() => put([...sizes, { name: `size-${sizes.length + 1}`, width: "800", height: "", fit: "inside", format: "" }])}
        >
          {t.addSize}
        </Button>
      </li>
    </ul>
  );
}
