// How far the sending is, above every view: it goes on while jobs are shown.
import { Alert, Button, Group, Progress, Text } from "@mantine/core";
import { useEffect, useSyncExternalStore } from "react";
import { explain, useWords } from "./page";
import { dismissFailed, findLeft, forgetLeft, onUpload, sendFailedAgain, sendLeft, uploadState } from "./upload";

export function SendingBar() {
  const { t } = useWords();
  const { isSending, sent, total, share, waitSeconds, failed, left } = useSyncExternalStore(onUpload, uploadState);
  useEffect(() => void findLeft(), []);
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
      {left > 0 && (
        <Alert color="teal" variant="light" className="alert" role="status">
          <Text fw={600}>{t.leftTitle(left)}</Text>
          <Text size="sm">{t.leftHint}</Text>
          <Group mt="sm">
            <Button size="xs" onClick={sendLeft}>
              {t.sendLeft}
            </Button>
            <Button size="xs" variant="default" onClick={forgetLeft}>
              {t.forgetLeft}
            </Button>
          </Group>
        </Alert>
      )}
      {failed.length > 0 && (
        <Alert color="red" variant="light" className="alert" role="alert">
          <Text fw={600}>{t.sendFailed}</Text>
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
