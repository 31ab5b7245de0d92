// The settings for all pictures, as the page's address and the API's form have them. Pure.

export interface Settings {
  width: string;
  height: string;
  fit: string;
  gravity: string;
  format: string;
  quality: string;
  max_size: string;
  only_if_smaller: string;
  keep_metadata: string;
}

export const DEFAULTS: Settings = {
  width: "1600",
  height: "",
  fit: "inside",
  gravity: "center",
  format: "",
  quality: "80",
  max_size: "",
  only_if_smaller: "true",
  keep_metadata: "",
};

const NAMES = Object.keys(DEFAULTS) as (keyof Settings)[];
const MAX_CHARACTERS = 20;

/** Return the settings in an address; what is missing has its default, and an empty one means none. */
export function readSettings(query: string): Settings {
  const given = new URLSearchParams(query);
  const read = { ...DEFAULTS };
  for (const name of NAMES) read[name] = (given.get(name) ?? DEFAULTS[name]).slice(0, MAX_CHARACTERS);
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
  const crops = settings.fit === "cover";
  return NAMES.filter((name) => settings[name] !== "" && settings[name] !== "false")
    .filter((name) => name !== "gravity" || crops)
    .filter((name) => name !== "fit" || settings.width !== "" || settings.height !== "")
    .map((name) => [name, settings[name]]);
}
