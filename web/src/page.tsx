// What every part of the page needs: words, address, small hooks.
import { createContext, useContext, useEffect, useSyncExternalStore } from "react";
import type { Problem } from "./api";
import { type Language, type Words, dictionaries } from "./words";

export const LanguageContext = createContext<Language>("en");

export function useWords(): { t: Words; language: Language } {
  const language = useContext(LanguageContext);
  return { t: dictionaries[language], language };
}

const listeners = new Set<() => void>();

/** Go to an address of this page without loading it anew. */
export function go(path: string, how: "push" | "replace" = "push"): void {
  window.history[how === "push" ? "pushState" : "replaceState"](null, "", path);
  for (const each of listeners) each();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

export function useAddress(): { path: string; query: string } {
  const address = useSyncExternalStore(subscribe, () => window.location.pathname + window.location.search);
  const [path = "/", query = ""] = address.split("?");
  return { path, query: query && `?${query}` };
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}

/** Return what went wrong and what to do, in words of this page; else in the server's own. */
export function explain(
  t: Words,
  problem: { code: string; message?: string; detail?: string; advice?: string },
): string {
  if (problem.code === "unreachable") return t.unreachable;
  const message = problem.message || problem.detail || "";
  const known = t.errors[problem.code];
  // Which address, and what it answered, only the server can say.
  if (known) return problem.code.startsWith("source_") && message ? `${known} (${message})` : known;
  if (problem.code === "invalid_options" && message) return `${t.wrongSetting} ${asSentence(message)}`;
  return [message, problem.advice].flatMap((each) => (each ? asSentence(each) : [])).join(" ") || problem.code;
}

function asSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export function isKeyProblem(problem: Problem | null): boolean {
  return problem?.status === 401;
}

/** Copy a text; also where the browser has no clipboard for pages without TLS. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
