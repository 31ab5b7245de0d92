// What the caller used in the last days: one line, and a table of the days for those who want it.
import { Text, Title } from "@mantine/core";
import { useEffect, useState } from "react";
import { type UsageSum, type Usage as UsageBody, getUsage } from "./api";
import { formatBytes, formatDay, formatPercent, formatSmallSeconds } from "./format";
import { useWords } from "./page";

export function Usage() {
  const { t, language } = useWords();
  const [usage, setUsage] = useState<UsageBody | null>(null);
  useEffect(() => {
    getUsage().then(setUsage, () => {}); // the jobs beside it tell what is wrong
  }, []);
  if (!usage?.total.jobs) return null;
  const { total, days } = usage;
  const saved = (sum: UsageSum) =>
    sum.bytes_saved > 0 && sum.saved_percent !== null
      ? `${formatBytes(sum.bytes_saved, language)} (${formatPercent(sum.saved_percent / 100, language)})`
      : "";
  return (
    <section className="usage" aria-labelledby="usage-title">
      <Title order={2} size="h4" id="usage-title">
        {t.usageTitle}
      </Title>
      <div className="facts">
        <Text fw={600}>{t.pictures(total.images)}</Text>
        {total.failed > 0 && <Text className="bad">{t.failedCount(total.failed)}</Text>}
        {saved(total) && <Text className="good">{t.savedPart(saved(total))}</Text>}
        <Text c="dimmed">{t.processorTime(formatSmallSeconds(total.cpu_seconds, language))}</Text>
      </div>
      <details>
        <summary>{t.usageByDay}</summary>
        <div className="usage-table" tabIndex={0} role="region" aria-label={t.usageByDay}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t.day}</th>
                <th scope="col">{t.resultsTitle}</th>
                <th scope="col">{t.failedColumn}</th>
                <th scope="col">{t.savedColumn}</th>
                <th scope="col">{t.processorColumn}</th>
              </tr>
            </thead>
            <tbody>
              {[...days].reverse().map((each) => (
                <tr key={each.day}>
                  <th scope="row">{formatDay(each.day, language)}</th>
                  <td>{each.images.toLocaleString(language)}</td>
                  <td>{each.failed.toLocaleString(language)}</td>
                  <td>{saved(each) || "–"}</td>
                  <td>{formatSmallSeconds(each.cpu_seconds, language)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </section>
  );
}
