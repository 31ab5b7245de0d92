// Numbers, sizes and names as people read them.
import { type Language, localeOf } from "./words";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** Return a size such as "1.2 MB", in powers of 1000. */
export function formatBytes(bytes: number, language: Language): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, Math.abs(bytes))) / 3));
  const value = bytes / 1000 ** power;
  return new Intl.NumberFormat(localeOf(language), {
    style: "unit",
    unit: UNITS[power] ?? "byte",
    unitDisplay: power ? "short" : "long",
    maximumFractionDigits: power && value < 100 ? 1 : 0,
  }).format(value);
}

export function formatPercent(share: number, language: Language): string {
  return new Intl.NumberFormat(localeOf(language), { style: "percent", maximumFractionDigits: 0 }).format(share);
}

export function formatRate(perSecond: number, language: Language): string {
  return new Intl.NumberFormat(localeOf(language), { maximumFractionDigits: perSecond < 10 ? 1 : 0 }).format(perSecond);
}

/** Return a time such as "2 min 5 s". */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Return a time such as "0.4 s", where a whole second would say too little. */
export function formatSmallSeconds(seconds: number, language: Language): string {
  if (seconds >= 10) return formatSeconds(seconds);
  return `${new Intl.NumberFormat(localeOf(language), { maximumFractionDigits: seconds < 1 ? 2 : 1 }).format(seconds)} s`;
}

export function formatTime(iso: string, language: Language): string {
  return new Intl.DateTimeFormat(localeOf(language), { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

/** Return a day such as 2026-01-31, which is one of UTC. */
export function formatDay(iso: string, language: Language): string {
  return new Intl.DateTimeFormat(localeOf(language), { dateStyle: "medium", timeZone: "UTC" }).format(new Date(iso));
}

/**
 * Return a file's name as it may be shown: characters that turn the direction of text, or that no screen shows,
 * become visible, so that `photo‮gpj.exe` cannot look like a picture.
 */
export function showName(name: string): string {
  return name.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, "\u2423");
}
