// Takes the API key once. It stays in memory, or in the browser's session if asked: never in an address.
import { Button, Checkbox, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { authorization, keepKey } from "./api";
import { useTitle, useWords } from "./page";

export function KeyForm({ onEntered }: { onEntered: () => void }) {
  const { t } = useWords();
  const [key, setKey] = useState("");
  const [keep, setKeep] = useState(false);
  const [fault, setFault] = useState("");
  useTitle(`${t.keyTitle} · imagejobs`);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const status = await tryKey(key.trim());
    if (status === 401) setFault(t.wrongKey);
    else if (!status) setFault(t.unreachable);
    else {
      keepKey(key.trim(), keep);
      onEntered();
    }
  };
  return (
    <form className="narrow" onSubmit={(event) => void submit(event)}>
      <Stack>
        <Title order={1} size="h2">{t.keyTitle}</Title>
        <Text>{t.keyLead}</Text>
        <PasswordInput
          label={t.key}
          value={key}
          onChange={(event) => {
            setKey(event.currentTarget.value);
            setFault("");
          }}
          error={fault}
          autoComplete="off"
          spellCheck={false}
          placeholder="ijk_…"
          visibilityToggleButtonProps={{ "aria-label": t.showKey }}
          autoFocus
          required
        />
        <Checkbox label={t.keepKey} checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
        <Button type="submit" disabled={!key.trim()}>
          {t.enter}
        </Button>
      </Stack>
    </form>
  );
}

/** Return the status that the server gives to a key; 0 if it does not answer. */
async function tryKey(key: string): Promise<number> {
  // A header holds visible ASCII only; anything else cannot be a key.
  if (!/^[\x21-\x7e]+$/.test(key)) return 401;
  try {
    return (await fetch("/api/jobs?limit=1", { headers: authorization(key) })).status;
  } catch {
    return 0;
  }
}
