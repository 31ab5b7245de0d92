// The settings for all pictures, as the page's address and the API's form have them. Pure.

export interface Settings {
  width: string;
  height: string;
  fit: string;
  gravity: string;
  format: string;
  quality: string;
  max_size: string;
  background: string;
  only_if_smaller: string;
  keep_metadata: string;
  /** The name of a preset of the server; "" for none. */
  preset: string;
  /** Several sizes, as the API's JSON; "" for one. */
  variants: string;
}

export interface Size {
  name: string;
  width: string;
  height: string;
  fit: string;
  format: string;
}

export const MAX_SIZES = 16;
export const FIRST_SIZES: Size[] = [
  { name: "thumb", width: "200", height: "200", fit: "cover", format: "" },
  { name: "web", width: "1200", height: "", fit: "inside", format: "" },
  { name: "large", width: "2400", height: "", fit: "inside", format: "" },
];

export const DEFAULTS: Settings = {
  width: "1600",
  height: "",
  fit: "inside",
  gravity: "center",
  format: "",
  quality: "80",
  max_size: "",
  background: "",
  only_if_smaller: "true",
  keep_metadata: "",
  preset: "",
  variants: "",
};

const NAMES = Object.keys(DEFAULTS) as (keyof Settings)[];
const MAX_CHARACTERS = 63;
const MAX_VARIANTS_CHARACTERS = 3000;

/** Return the settings in an address; what is missing has its default, and an empty one means none. */
export function readSettings(query: string): Settings {
  const given = new URLSearchParams(query);
  const read = { ...DEFAULTS };
  for (const name of NAMES) read[name] = (given.get(name) ?? DEFAULTS[name]).slice(0, name === "variants" ? MAX_VARIANTS_CHARACTERS : MAX_CHARACTERS);
  return read;
}

/** Return the address's query for settings: those that differ from the defaults. */
export function writeSettings(settings: Settings): string {
  const query = new URLSearchParams();
  for (const name of NAMES) if (settings[name] !== DEFAULTS[name]) query.set(name, settings[name]);
  return query.size ? `?${query}` : "";
}

/** Return the fields of the API's form. */
export function formFields(settings: Settings): [string, string][] {
  if (settings.preset) return [["preset", settings.preset]];
  if (settings.variants) return [["variants", settings.variants]];
  const crops = settings.fit === "cover";
  return NAMES.filter((name) => settings[name] !== "" && settings[name] !== "false")
    .filter((name) => name !== "gravity" || crops)
    .filter((name) => name !== "fit" || settings.width !== "" || settings.height !== "")
    .map((name) => [name, settings[name]]);
}

/** Return the sizes in an address; what is no list of sizes counts as none. */
export function readSizes(variants: string): Size[] {
  try {
    const given: unknown = JSON.parse(variants);
    if (!Array.isArray(given)) return [];
    return given.slice(0, MAX_SIZES).map((each: Record<string, unknown>) => ({
      name: String(each.name ?? ""),
      width: String(each.width ?? ""),
      height: String(each.height ?? ""),
      fit: String(each.fit ?? "inside"),
      format: String(each.format ?? ""),
    }));
  } catch {
    return [];
  }
}

/** Return sizes as the API's JSON. Quality and what else counts for all is that of the other settings. */
export function writeSizes(sizes: Size[], settings: Settings): string {
  return JSON.stringify(
    sizes.map((size) => ({
      name: size.name,
      ...(size.width && { width: Number(size.width) }),
      ...(size.height && { height: Number(size.height) }),
      ...(size.fit !== "inside" && { fit: size.fit }),
      ...(size.format && { format: size.format }),
      ...(settings.quality && { quality: Number(settings.quality) }),
      ...(settings.keep_metadata === "true" && { keep_metadata: true }),
    })),
  );
}
