// Which view an address shows, what is around it, and files that are dropped or pasted anywhere.
import { Anchor, NativeSelect, useMantineColorScheme } from "@mantine/core";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { currentKey, forgetKey } from "./api";
import { droppedFiles, usable } from "./files";
import { Home } from "./Home";
import { JobView } from "./JobView";
import { KeyForm } from "./KeyForm";
import { LanguageContext, go, useAddress, useWords } from "./page";
import { SendingBar } from "./SendingBar";
import { chooseFiles, onUpload, uploadState } from "./upload";
import { type Language, firstLanguage, rememberLanguage } from "./words";

export function App() {
  const [language, setLanguage] = useState<Language>(firstLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
    rememberLanguage(language);
  }, [language]);
  return (
    <LanguageContext value={language}>
      <Page setLanguage={setLanguage} />
    </LanguageContext>
  );
}

function Page({ setLanguage }: { setLanguage: (language: Language) => void }) {
  const { t } = useWords();
  const { path, query } = useAddress();
  const [needsKey, setNeedsKey] = useState(false);
  const [visit, setVisit] = useState(0);
  const canSend = !path.startsWith("/watch/") && !needsKey;
  const isDragging = useDrop(canSend);
  useFollowUploads();
  const askForKey = () => setNeedsKey(true);
  const entered = () => {
    setNeedsKey(false);
    setVisit((before) => before + 1);
  };
  return (
    <>
      <a className="skip" href="#main">
        {t.skip}
      </a>
      <Header setLanguage={setLanguage} onForget={askForKey} query={query} />
      <main id="main" tabIndex={-1}>
        <SendingBar />
        {needsKey ? (
          <KeyForm onEntered={entered} />
        ) : (
          <View key={`${path} ${visit}`} path={path} query={query} onKeyNeeded={askForKey} />
        )}
      </main>
      {isDragging && <div className="drop-cover">{t.dropNow}</div>}
    </>
  );
}

function View({ path, query, onKeyNeeded }: { path: string; query: string; onKeyNeeded: () => void }) {
  const [, place, name = ""] = path.split("/");
  if (place === "jobs") return <JobView ids={name.split(",").filter(Boolean)} onKeyNeeded={onKeyNeeded} />;
  if (place === "watch") return <JobView ticket={name} onKeyNeeded={onKeyNeeded} />;
  return <Home query={query} onKeyNeeded={onKeyNeeded} />;
}

function Header(props: { setLanguage: (language: Language) => void; onForget: () => void; query: string }) {
  const { t, language } = useWords();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <header className="header">
      <Anchor
        className="brand"
        href={`/${props.query}`}
        onClick={(event) => {
          event.preventDefault();
          go(`/${props.query}`);
        }}
      >
        imagejobs
      </Anchor>
      <div className="header-tools">
        {currentKey() && (
          <button
            className="quiet"
            type="button"
            onClick={() => {
              forgetKey();
              props.onForget();
            }}
          >
            {t.forgetKey}
          </button>
        )}
        <NativeSelect
          size="xs"
          aria-label={t.scheme}
          value={colorScheme}
          onChange={(event) => setColorScheme(event.currentTarget.value as "auto" | "light" | "dark")}
          data={(["auto", "light", "dark"] as const).map((value) => ({ value, label: t.schemes[value] }))}
        />
        <NativeSelect
          size="xs"
          aria-label={t.language}
          value={language}
          onChange={(event) => props.setLanguage(event.currentTarget.value as Language)}
          data={[
            { value: "en", label: "English" },
            { value: "de", label: "Deutsch" },
          ]}
        />
      </div>
    </header>
  );
}

/** Take files that are dropped or pasted anywhere on the page; return whether some are held above it now. */
function useDrop(enabled: boolean): boolean {
  const [isDragging, setDragging] = useState(false);
  const depth = useRef(0);
  useEffect(() => {
    if (!enabled) return;
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth.current += 1;
      setDragging(true);
    };
    const leave = () => {
      depth.current = Math.max(0, depth.current - 1);
      if (!depth.current) setDragging(false);
    };
    const over = (event: DragEvent) => hasFiles(event) && event.preventDefault();
    const drop = (event: DragEvent) => {
      depth.current = 0;
      setDragging(false);
      if (!event.dataTransfer || !hasFiles(event)) return;
      event.preventDefault();
      void droppedFiles(event.dataTransfer).then(chooseFiles);
    };
    const paste = (event: ClipboardEvent) => chooseFiles(usable(event.clipboardData?.files ?? []));
    const handlers = { dragenter: enter, dragleave: leave, dragover: over, drop, paste } as Record<
      string,
      (event: never) => void
    >;
    for (const [name, handler] of Object.entries(handlers)) document.addEventListener(name, handler as EventListener);
    return () => {
      for (const [name, handler] of Object.entries(handlers)) {
        document.removeEventListener(name, handler as EventListener);
      }
    };
  }, [enabled]);
  return isDragging;
}

/** Show the jobs of a drop as soon as there is one; further ones of the same drop join it in the address. */
function useFollowUploads(): void {
  const { jobIds } = useSyncExternalStore(onUpload, uploadState);
  const shown = useRef(jobIds);
  useEffect(() => {
    if (jobIds === shown.current) return;
    if (!jobIds.length) {
      shown.current = jobIds; // a new drop begins
      return;
    }
    const before = `/jobs/${shown.current.join(",")}`;
    const joins = shown.current.length > 0 && window.location.pathname === before;
    shown.current = jobIds;
    go(`/jobs/${jobIds.join(",")}${window.location.search}`, joins ? "replace" : "push");
  }, [jobIds]);
}
