// How far the sending is, above every view: it goes on while jobs are shown.
import { Alert, Button, Group, Progress, Text } from "@mantine/core";
import { useSyncExternalStore } from "react";
import { explain, useWords } from "./page";
import { dismissFailed, onUpload, sendFailedAgain, uploadState } from "./upload";

export function SendingBar() {
  const { t } = useWords();
  const { isSending, sent, total, share, waitSeconds, failed } = useSyncExternalStore(onUpload, uploadState);
  const reasons = [...new Set(failed.map((each) => explain(t, each.problem)))];
  return (
    <>
      {isSending && (
        <section className="sending">
          <Text fw={600} role="status">
            {waitSeconds ? t.waitingFor(waitSeconds) : t.sending(sent, total)}
          </Text>
          <Progress value={100 * share} aria-label={t.sending(sent, total)} />
          <Text size="sm" c="dimmed">
            {t.stay}
          </Text>
        </section>
      )}
      {failed.length > 0 && (
        <Alert color="red" variant="light" title={t.sendFailed} className="alert" role="alert">
          {reasons.map((each) => (
            <Text key={each} size="sm">
              {each}
            </Text>
          ))}
          <Group mt="sm">
            <Button size="xs" onClick={sendFailedAgain}>
              {t.sendAgain}
            </Button>
            <Button size="xs" variant="default" onClick={dismissFailed}>
              {t.dismiss}
            </Button>
          </Group>
        </Alert>
      )}
    </>
  );
}
